//! How a stream ends.

use std::time::Duration;

use futures_util::FutureExt as _;

use super::{
    super::{
        answer::Answer,
        kit::{Kit, send},
        provider::{Ending, Reply, chunk},
        verdict::{Outcome, Unmet, ensure},
    },
    Check,
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "good-end",
        expected: "a good stream arrives whole and ends with its end marker, once",
        source: "the APIs of OpenAI and Anthropic; promise 5",
        run: |kit| good_end(kit).boxed_local(),
    },
    Check {
        name: "error-mid-stream",
        expected: "an error event after the first text arrives as one, with no end marker behind it",
        source: "promise 5; the SDKs raise by it",
        run: |kit| error_mid_stream(kit).boxed_local(),
    },
    Check {
        name: "truncated-stream",
        expected: "a stream whose connection closes ends in an error or a broken body, without an end marker",
        source: "RFC 9112, 8; promise 5",
        run: |kit| truncated(kit, Ending::Close).boxed_local(),
    },
    Check {
        name: "reset-stream",
        expected: "a stream whose connection is reset ends in an error or a broken body, without an end marker",
        source: "RFC 9112, 8; promise 5",
        run: |kit| truncated(kit, Ending::Reset).boxed_local(),
    },
    Check {
        name: "bad-chunk-framing",
        expected: "a stream whose chunks turn to garbage ends in an error or a broken body, without an end marker",
        source: "RFC 9112, 7.1 and 8; promise 5",
        run: |kit| bad_chunks(kit).boxed_local(),
    },
    Check {
        name: "end-without-marker",
        expected: "where the provider's stream just stops, no reason and no end marker is invented, and an error tells it",
        source: "promise 5; openai-python takes a silent end for a good one",
        run: |kit| without_marker(kit).boxed_local(),
    },
    Check {
        name: "stalled-stream",
        expected: "a provider that says nothing more ends in an error, without an end marker, within --stall-wait",
        source: "promises 5 and 7",
        run: |kit| stalled(kit).boxed_local(),
    },
    Check {
        name: "stalled-head",
        expected: "a provider that never answers ends in a 5xx within --stall-wait",
        source: "RFC 9110, 15.5.9 and 15.6.5; promises 4 and 7",
        run: |kit| stalled_head(kit).boxed_local(),
    },
];

const TEXT: &str = "the beginning of";

async fn good_end(kit: &mut Kit<'_>) -> Outcome {
    let answer = kit
        .stream(&Reply::stream().body(kit.dialect.whole(TEXT)))
        .await?;
    let markers = kit.dialect.end_markers(&answer);
    let is_whole = kit.dialect.text_of(&answer) == TEXT && !answer.is_visibly_cut();
    ensure(markers == 1 && is_whole, || {
        format!("{markers} end markers; {}", answer.summary())
    })?;
    Ok(format!("{} once", kit.dialect.end_marker()))
}

async fn error_mid_stream(kit: &mut Kit<'_>) -> Outcome {
    const MESSAGE: &str = "the kit has broken down";
    let error = kit.dialect.error(MESSAGE, "server_error");
    let reply = begun(kit).body(kit.dialect.event(&error));
    let answer = kit.stream(&reply).await?;
    no_end_marker(kit, &answer)?;
    let Some(error) = kit.dialect.error_event(&answer) else {
        return Err(Unmet::Failed(answer.summary()));
    };
    ensure(error.contains(MESSAGE), || {
        format!("an error without the provider's words: {error}")
    })?;
    Ok("the error, and no end marker".to_owned())
}

async fn truncated(kit: &mut Kit<'_>, ending: Ending) -> Outcome {
    if let Ending::Reset = ending {
        // A reset takes back what was not read; so the text is seen first.
        let (mut client, mut call) = kit.streaming(TEXT).await?;
        call.reset();
        drop(call);
        let answer = client.whole().await?;
        return truthful(kit, &answer);
    }
    let answer = kit.stream(&begun(kit).cut(ending)).await?;
    truthful(kit, &answer)
}

async fn bad_chunks(kit: &mut Kit<'_>) -> Outcome {
    let (mut client, mut call) = kit.streaming(TEXT).await?;
    send(&mut call, "zz\r\nno chunk\r\n").await?;
    call.close().await;
    let answer = client.whole().await?;
    truthful(kit, &answer)
}

async fn without_marker(kit: &mut Kit<'_>) -> Outcome {
    let reply = begun(kit);
    let answer = kit.stream(&reply).await?;
    ensure(!kit.dialect.has_finish(&answer), || {
        format!("a reason to end was invented; {}", answer.summary())
    })?;
    truthful(kit, &answer)
}

async fn stalled(kit: &mut Kit<'_>) -> Outcome {
    let wait = stall_wait(kit)?;
    let (mut client, mut call) = kit.streaming(TEXT).await?;
    // A comment is no event, but shows a gateway that it has not gone.
    send(&mut call, chunk(": still here\n\n")).await?;
    let answer = client.whole_within(wait).await?;
    truthful(kit, &answer)
}

async fn stalled_head(kit: &mut Kit<'_>) -> Outcome {
    let wait = stall_wait(kit)?;
    let ask = kit.ask();
    let (mut client, _call) = kit.exchange(&ask).await?;
    let answer = client.whole_within(wait).await?;
    let status = answer.status();
    ensure(status >= 500, || answer.summary())?;
    Ok(status.to_string())
}

fn stall_wait(kit: &Kit<'_>) -> Result<Duration, Unmet> {
    kit.target.stall_wait.ok_or_else(|| {
        Unmet::Skipped("give --stall-wait, longer than the gateway's own wait".to_owned())
    })
}

/// A stream up to its first text, and finished as HTTP wants it.
fn begun(kit: &Kit<'_>) -> Reply {
    let dialect = kit.dialect;
    Reply::stream()
        .body(dialect.opening())
        .body(dialect.text(TEXT))
}

/// The stream says that it is not whole.
fn truthful(kit: &Kit<'_>, answer: &Answer) -> Outcome {
    no_end_marker(kit, answer)?;
    if answer.status() >= 400 {
        return Ok(format!("status {}", answer.status()));
    }
    match kit.dialect.error_event(answer) {
        Some(_) => Ok("an error event, and no end marker".to_owned()),
        None if answer.is_visibly_cut() => Ok("a broken body, and no end marker".to_owned()),
        None => Err(Unmet::Failed(format!("a silent end: {}", answer.summary()))),
    }
}

fn no_end_marker(kit: &Kit<'_>, answer: &Answer) -> Result<(), Unmet> {
    ensure(kit.dialect.end_markers(answer) == 0, || {
        let error = match kit.dialect.error_event(answer) {
            Some(_) => "an error, and then ",
            None => "",
        };
        format!("{error}{} was invented", kit.dialect.end_marker())
    })
}
