//! What the gateway tells of the provider's head.

use futures_util::FutureExt as _;

use super::{
    super::{
        answer::Answer,
        dialect::Dialect,
        kit::{Kit, send},
        provider::{LAST_CHUNK, Reply, chunk},
        verdict::{Outcome, Unmet, ensure},
    },
    Check,
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "head-before-first-event",
        expected: "the head arrives while the provider withholds its first event",
        source: "promise 1",
        run: |kit| head_before_first_event(kit).boxed_local(),
    },
    Check {
        name: "request-id-kept",
        expected: "the provider's request id arrives under its own name, on a stream and on a document",
        source: "promise 3; the SDKs show it as `_request_id`",
        run: |kit| request_id(kit).boxed_local(),
    },
    Check {
        name: "rate-limits-kept",
        expected: "the provider's rate limits arrive under their own names, on a stream and on a document",
        source: "promise 3",
        run: |kit| rate_limits(kit).boxed_local(),
    },
    Check {
        name: "headers-kept-on-errors",
        expected: "request id and rate limits arrive with a 429 too",
        source: "promise 3",
        run: |kit| headers_on_errors(kit).boxed_local(),
    },
    Check {
        name: "retry-after-kept",
        expected: "a 429's `retry-after` arrives as it was sent",
        source: "RFC 9110, 10.2.3; the SDKs wait by it",
        run: |kit| retry_after(kit).boxed_local(),
    },
    Check {
        name: "hop-by-hop-not-copied",
        expected: "what belongs to the provider's connection stays there, and so does what its `connection` names",
        source: "RFC 9110, 7.6.1",
        run: |kit| hop_by_hop(kit).boxed_local(),
    },
    Check {
        name: "set-cookie-not-copied",
        expected: "the provider's cookies do not arrive, under no name",
        source: "promise 3",
        run: |kit| cookies(kit).boxed_local(),
    },
    Check {
        name: "cors-not-copied",
        expected: "the provider does not say which web pages may read the gateway's answers",
        source: "promise 3; Fetch, CORS protocol",
        run: |kit| cors(kit).boxed_local(),
    },
    Check {
        name: "one-content-length",
        expected: "an answer has one `content-length` or one `transfer-encoding`, and it is true",
        source: "RFC 9112, 6.2 and 6.3",
        run: |kit| one_length(kit).boxed_local(),
    },
    Check {
        name: "many-headers",
        expected: "a head of 97 headers gets a whole answer, or a 5xx",
        source: "promise 7",
        run: |kit| many_headers(kit).boxed_local(),
    },
    Check {
        name: "control-byte-in-header",
        expected: "a header's control byte does not arrive, and the client has a whole answer",
        source: "RFC 9110, 5.5; promise 3",
        run: |kit| control_byte(kit).boxed_local(),
    },
    Check {
        name: "interim-answer-first",
        expected: "a 103 before the 200 changes nothing about the answer",
        source: "RFC 9110, 15.2",
        run: |kit| interim(kit).boxed_local(),
    },
];

async fn head_before_first_event(kit: &mut Kit<'_>) -> Outcome {
    let ask = kit.ask();
    let (mut client, mut call) = kit.exchange(&ask).await?;
    send(&mut call, Reply::stream().head()).await?;
    let status = client.head().await?.status;
    ensure(status == 200, || format!("the head says {status}"))?;
    send(&mut call, chunk(kit.dialect.whole("late"))).await?;
    send(&mut call, LAST_CHUNK).await?;
    let answer = client.whole().await?;
    ensure(kit.dialect.text_of(&answer) == "late", || answer.summary())?;
    Ok("the head came first".to_owned())
}

async fn request_id(kit: &mut Kit<'_>) -> Outcome {
    let name = id_name(kit.dialect);
    on_both(kit, &[(name, "req-of-the-kit")]).await
}

async fn rate_limits(kit: &mut Kit<'_>) -> Outcome {
    let limits = limits(kit.dialect);
    on_both(kit, &limits).await
}

async fn headers_on_errors(kit: &mut Kit<'_>) -> Outcome {
    let mut headers = limits(kit.dialect).to_vec();
    headers.push((id_name(kit.dialect), "req-of-the-kit"));
    let error = kit.dialect.error("slow down", "rate_limit_error");
    let reply = with(Reply::document(429, error), &headers);
    let answer = kit.stream(&reply).await?;
    all_kept(&answer, &headers)?;
    Ok(format!("all there, with {}", answer.status()))
}

async fn retry_after(kit: &mut Kit<'_>) -> Outcome {
    let error = kit.dialect.error("slow down", "rate_limit_error");
    let reply = Reply::document(429, error).header("retry-after", "3");
    let answer = kit.stream(&reply).await?;
    all_kept(&answer, &[("retry-after", "3")])?;
    Ok(format!("{} with retry-after: 3", answer.status()))
}

async fn hop_by_hop(kit: &mut Kit<'_>) -> Outcome {
    let reply = document(kit)
        .header("connection", "close, x-kit-hop")
        .header("x-kit-hop", "named-by-connection")
        .header("keep-alive", "timeout=77, max=777")
        .header("proxy-authenticate", "Basic realm=\"kit\"")
        .header("trailer", "x-kit-trailer");
    let foreign = [
        "named-by-connection",
        "timeout=77",
        "realm=\"kit\"",
        "x-kit-trailer",
    ];
    none_of(kit, &reply, &foreign).await
}

async fn cookies(kit: &mut Kit<'_>) -> Outcome {
    let reply = document(kit).header("set-cookie", "__cf_bm=kit-cookie; path=/; HttpOnly");
    none_of(kit, &reply, &["kit-cookie"]).await
}

async fn cors(kit: &mut Kit<'_>) -> Outcome {
    let reply = document(kit)
        .header("access-control-allow-origin", "https://kit.example")
        .header("access-control-allow-credentials", "true");
    none_of(kit, &reply, &["https://kit.example"]).await
}

async fn one_length(kit: &mut Kit<'_>) -> Outcome {
    let answer = kit.document(&document(kit)).await?;
    let lengths = answer.head.headers.values("content-length").len();
    let codings = answer.head.headers.values("transfer-encoding").len();
    ensure(lengths + codings <= 1, || {
        format!("{lengths} content-length and {codings} transfer-encoding")
    })?;
    ensure(!answer.is_visibly_cut(), || answer.summary())?;
    Ok(match codings {
        0 => format!("{lengths} content-length"),
        _ => "transfer-encoding alone".to_owned(),
    })
}

async fn many_headers(kit: &mut Kit<'_>) -> Outcome {
    let many = (0..97).fold(document(kit), |reply, number| {
        reply.header(&format!("x-kit-{number}"), "1")
    });
    let answer = kit.document(&many).await?;
    whole_or_failed(&answer)
}

async fn control_byte(kit: &mut Kit<'_>) -> Outcome {
    let reply = document(kit).header(id_name(kit.dialect), b"req-\x01-of-the-kit");
    let answer = kit.document(&reply).await?;
    ensure(!answer.head.raw.contains(&1), || {
        "the control byte is in the client's head".to_owned()
    })?;
    whole_or_failed(&answer)
}

async fn interim(kit: &mut Kit<'_>) -> Outcome {
    let reply = document(kit).before("HTTP/1.1 103 Early Hints\r\nlink: </kit>\r\n\r\n");
    let answer = kit.document(&reply).await?;
    let has_text = kit.dialect.text_of(&answer) == TEXT;
    ensure(answer.status() == 200 && has_text, || answer.summary())?;
    Ok(match answer.head.interim.as_slice() {
        [] => "200, the 103 kept back".to_owned(),
        passed => format!("200 after {passed:?}"),
    })
}

const TEXT: &str = "an answer";

fn document(kit: &Kit<'_>) -> Reply {
    Reply::document(200, kit.dialect.document(TEXT))
}

fn whole_or_failed(answer: &Answer) -> Outcome {
    let is_whole = !answer.is_visibly_cut() && !answer.body.is_empty();
    let status = answer.status();
    ensure(is_whole && (status == 200 || status >= 500), || {
        answer.summary()
    })?;
    Ok(format!("{status}"))
}

/// The name under which the provider tells its request id.
fn id_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Chat => "x-request-id",
        Dialect::Messages => "request-id",
    }
}

fn limits(dialect: Dialect) -> [(&'static str, &'static str); 2] {
    match dialect {
        Dialect::Chat => [
            ("x-ratelimit-limit-requests", "1234"),
            ("x-ratelimit-remaining-tokens", "56789"),
        ],
        Dialect::Messages => [
            ("anthropic-ratelimit-requests-limit", "1234"),
            ("anthropic-ratelimit-tokens-remaining", "56789"),
        ],
    }
}

fn with(reply: Reply, headers: &[(&str, &str)]) -> Reply {
    let headers = headers.iter();
    headers.fold(reply, |reply, (name, value)| reply.header(name, value))
}

async fn on_both(kit: &mut Kit<'_>, headers: &[(&str, &str)]) -> Outcome {
    let stream = Reply::stream().body(kit.dialect.whole(TEXT));
    let on_stream = kit.stream(&with(stream, headers)).await?;
    let whole = document(kit);
    let on_document = kit.document(&with(whole, headers)).await?;
    for (what, answer) in [("the stream", &on_stream), ("the document", &on_document)] {
        all_kept(answer, headers).map_err(|unmet| match unmet {
            Unmet::Failed(seen) => Unmet::Failed(format!("on {what} {seen}")),
            skipped => skipped,
        })?;
    }
    Ok("all there".to_owned())
}

fn all_kept(answer: &Answer, headers: &[(&str, &str)]) -> Result<(), Unmet> {
    let told = &answer.head.headers;
    for (name, value) in headers {
        let found = told.get(name);
        ensure(found.as_deref() == Some(value), || {
            let instead = match (found.as_deref(), told.renamed(name, value)) {
                (Some(other), _) => format!("is {other:?}"),
                (None, Some(other)) => format!("came as {other}"),
                (None, None) => "is absent".to_owned(),
            };
            format!("{name} {instead}, with {}", answer.status())
        })?;
    }
    Ok(())
}

async fn none_of(kit: &mut Kit<'_>, reply: &Reply, values: &[&str]) -> Outcome {
    let answer = kit.document(reply).await?;
    for value in values {
        if let Some(name) = answer.head.headers.holding(value) {
            return Err(Unmet::Failed(format!("{name} holds {value}")));
        }
    }
    ensure(answer.status() == 200, || answer.summary())?;
    Ok("none of them".to_owned())
}
