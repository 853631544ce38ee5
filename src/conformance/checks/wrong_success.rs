//! What comes under a 200 and is none.

use futures_util::FutureExt as _;

use super::{
    super::{
        answer::Answer,
        kit::Kit,
        provider::{Ending, Reply},
        verdict::{Outcome, ensure},
    },
    Check,
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "html-under-200",
        expected: "a web page under 200 is an error, not an answer",
        source: "promise 4",
        run: |kit| html(kit).boxed_local(),
    },
    Check {
        name: "error-document-under-200",
        expected: "an error document under 200 is an error",
        source: "promise 4",
        run: |kit| error_document(kit).boxed_local(),
    },
    Check {
        name: "truncated-json",
        expected: "a document that is cut short is no 200",
        source: "RFC 9112, 8; promise 2",
        run: |kit| truncated_json(kit).boxed_local(),
    },
    Check {
        name: "error-before-first-event",
        expected: "a stream whose first event is an error is a status, not a 200",
        source: "promise 2",
        run: |kit| error_first(kit).boxed_local(),
    },
    Check {
        name: "empty-stream",
        expected: "a stream without any event is an error",
        source: "promise 2",
        run: |kit| empty_stream(kit).boxed_local(),
    },
];

async fn html(kit: &mut Kit<'_>) -> Outcome {
    let page = "<!doctype html><title>Welcome</title><p>The kit is not a model.";
    let reply = Reply::document(200, page).header("content-type", "text/html");
    let on_document = kit.document(&reply).await?;
    refused(&on_document, "on a document")?;
    let on_stream = kit.stream(&reply).await?;
    refused(&on_stream, "on a stream")?;
    Ok(on_document.status().to_string())
}

async fn error_document(kit: &mut Kit<'_>) -> Outcome {
    let error = kit.dialect.error("the kit is out of order", "server_error");
    let answer = kit.document(&Reply::document(200, error)).await?;
    refused(&answer, "on a document")?;
    Ok(answer.status().to_string())
}

async fn truncated_json(kit: &mut Kit<'_>) -> Outcome {
    let document = kit.dialect.document("an answer that is cut short");
    let half = &document[..document.len() / 2];
    let reply = Reply::document(200, half).cut(Ending::Close);
    let answer = kit.document(&reply).await?;
    refused(&answer, "on a document")?;
    Ok(answer.status().to_string())
}

async fn error_first(kit: &mut Kit<'_>) -> Outcome {
    let error = kit
        .dialect
        .error("the kit is overloaded", "overloaded_error");
    let reply = Reply::stream().body(kit.dialect.event(&error));
    let answer = kit.stream(&reply).await?;
    refused(&answer, "on a stream")?;
    Ok(answer.status().to_string())
}

async fn empty_stream(kit: &mut Kit<'_>) -> Outcome {
    let answer = kit.stream(&Reply::stream()).await?;
    let markers = kit.dialect.end_markers(&answer);
    let told = answer.status() >= 400 || kit.dialect.error_event(&answer).is_some();
    ensure(told && markers == 0, || answer.summary())?;
    Ok(match answer.status() {
        200 => "an error event".to_owned(),
        status => status.to_string(),
    })
}

fn refused(answer: &Answer, where_: &str) -> Result<(), super::super::verdict::Unmet> {
    ensure(answer.status() >= 400, || {
        format!("{where_} {}", answer.summary())
    })
}
