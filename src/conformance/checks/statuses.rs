//! What becomes of a provider's refusal.

use futures_util::FutureExt as _;

use super::{
    super::{
        kit::Kit,
        provider::Reply,
        verdict::{Outcome, ensure},
    },
    Check,
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "status-400",
        expected: "a 400 stays one, with the provider's message and code",
        source: "promise 4; clients branch on them",
        run: |kit| bad_request(kit).boxed_local(),
    },
    Check {
        name: "status-401",
        expected: "a 401 of the provider is a 5xx: the client's own key is not at fault",
        source: "RFC 9110, 15.5.2; promise 4",
        run: |kit| one_of(kit, 401, "authentication_error", |status| status >= 500).boxed_local(),
    },
    Check {
        name: "status-429",
        expected: "a 429 stays one, or is a 503",
        source: "RFC 6585, 4; the SDKs back off at both",
        run: |kit| {
            let backs_off = |status| matches!(status, 429 | 503);
            one_of(kit, 429, "rate_limit_error", backs_off).boxed_local()
        },
    },
    Check {
        name: "status-500",
        expected: "a 500 is a 5xx",
        source: "RFC 9110, 15.6; promise 4",
        run: |kit| one_of(kit, 500, "server_error", |status| status >= 500).boxed_local(),
    },
    Check {
        name: "status-503",
        expected: "a 503 is one, and keeps its `retry-after`",
        source: "RFC 9110, 15.6.4 and 10.2.3",
        run: |kit| unavailable(kit).boxed_local(),
    },
    Check {
        name: "status-529",
        expected: "Anthropic's 529 stays one, or is a 503",
        source: "Anthropic's API: 529 is `overloaded_error`; promise 4",
        run: |kit| {
            let is_overload = |status| matches!(status, 503 | 529);
            one_of(kit, 529, "overloaded_error", is_overload).boxed_local()
        },
    },
    Check {
        name: "reset-before-head",
        expected: "a provider that resets the connection instead of answering is a 5xx",
        source: "RFC 9110, 15.6.3; promise 4",
        run: |kit| reset(kit).boxed_local(),
    },
    Check {
        name: "redirect-not-followed",
        expected: "a 307 is neither followed nor passed, but an error",
        source: "promise 4: prompt and key go where the operator said",
        run: |kit| redirect(kit).boxed_local(),
    },
];

async fn bad_request(kit: &mut Kit<'_>) -> Outcome {
    const MESSAGE: &str = "the kit finds this prompt too long";
    let error = kit.dialect.error(MESSAGE, "invalid_request_error");
    let error = error.replace(r#""code":null"#, r#""code":"context_length_exceeded""#);
    let has_code = error.contains("context_length_exceeded");
    let answer = kit.stream(&Reply::document(400, error)).await?;
    ensure(answer.status() == 400, || answer.summary())?;
    let told = answer.json().unwrap_or_default();
    let told = &told["error"];
    ensure(told["message"] == MESSAGE, || {
        format!("400, the message {}", told["message"])
    })?;
    ensure(
        !has_code || told["code"] == "context_length_exceeded",
        || format!("400, the code {}", told["code"]),
    )?;
    Ok("400, its words as they were".to_owned())
}

async fn unavailable(kit: &mut Kit<'_>) -> Outcome {
    let error = kit.dialect.error("down for a moment", "server_error");
    let reply = Reply::document(503, error).header("retry-after", "3");
    let answer = kit.stream(&reply).await?;
    let wait = answer.head.headers.get("retry-after");
    ensure(
        answer.status() == 503 && wait.as_deref() == Some("3"),
        || format!("{}, retry-after {wait:?}", answer.status()),
    )?;
    Ok("503 with retry-after: 3".to_owned())
}

async fn reset(kit: &mut Kit<'_>) -> Outcome {
    let ask = kit.ask();
    let told = kit.answered(&ask, &Reply::nothing()).await?;
    let status = told.answer.status();
    ensure(status >= 500, || told.answer.summary())?;
    Ok(match told.paths.len() {
        1 => status.to_string(),
        calls => format!("{status} after {calls} calls"),
    })
}

async fn redirect(kit: &mut Kit<'_>) -> Outcome {
    let elsewhere = format!(
        "http://{}/redirected{}",
        kit.provider_address(),
        kit.dialect.path()
    );
    let reply = Reply::document(307, "{}").header("location", elsewhere);
    let ask = kit.ask_document();
    let told = kit.answered(&ask, &reply).await?;
    let followed = told.paths.iter().any(|path| path.contains("redirected"));
    ensure(!followed, || {
        format!("followed; then {}", told.answer.status())
    })?;
    ensure(told.answer.status() >= 400, || told.answer.summary())?;
    Ok(format!("{}", told.answer.status()))
}

/// On a stream and on a document, the client's status is one of these.
async fn one_of(
    kit: &mut Kit<'_>,
    status: u16,
    kind: &str,
    is_right: impl Fn(u16) -> bool,
) -> Outcome {
    let error = kit.dialect.error("the kit refuses", kind);
    let reply = Reply::document(status, error);
    let on_stream = kit.stream(&reply).await?.status();
    let on_document = kit.document(&reply).await?.status();
    let seen = match on_stream == on_document {
        true => on_stream.to_string(),
        false => format!("{on_stream} on a stream, {on_document} on a document"),
    };
    ensure(is_right(on_stream) && is_right(on_document), || {
        seen.clone()
    })?;
    Ok(seen)
}
