//! The recordings that Herald ships, as a new user would try them.

use std::time::Duration;

use futures_util::future::join_all;
use herald::testkit::TestGateway;
use serde_json::json;

use crate::wire::{Answer, Wire, ask, post};

async fn models(gateway: &TestGateway) -> Vec<String> {
    let mut wire = Wire::connect(gateway.address()).await;
    wire.send("GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n")
        .await;
    let list = wire.answer().await.json();
    assert_eq!(list["object"], "list");
    let models = list["data"].as_array().unwrap().iter();
    models
        .map(|model| model["id"].as_str().unwrap().to_owned())
        .collect()
}

fn is_truthful(answer: &Answer) -> bool {
    answer.whole
        && if answer.status >= 400 {
            answer.refusal_flaw().is_none()
        } else if answer.is_stream() {
            // An end marker or a typed error, and never both.
            let done = answer.data().last().is_some_and(|data| data == "[DONE]");
            done != answer.text().contains("\"error\":{")
        } else {
            answer.json()["choices"].is_array()
        }
}

#[actix_web::test]
async fn every_recording_ends_truthfully_as_a_stream_as_a_document_and_many_times_at_once() {
    let gateway = TestGateway::start().await;
    let models = models(&gateway).await;
    assert!(
        models.len() >= 6,
        "text, tool call, reasoning, 429, error, truncated: {models:?}"
    );
    for model in &models {
        for stream in [true, false] {
            let body = json!({ "model": model, "stream": stream, "messages": [] }).to_string();
            let answers = join_all((0..5).map(|_| ask(gateway.address(), &body))).await;
            for answer in &answers {
                assert!(
                    is_truthful(answer),
                    "{model} with stream {stream}: {answer:?}"
                );
                assert!(
                    answer.header("x-upstream-status").is_some(),
                    "{model}: {answer:?}"
                );
                assert_eq!(
                    (answer.status, &answer.body),
                    (answers[0].status, &answers[0].body)
                );
            }
        }
    }
}

#[actix_web::test]
async fn a_recording_obeys_the_clients_patience_and_its_leave() {
    let gateway = TestGateway::start().await;
    for model in models(&gateway).await {
        let body = json!({ "model": model, "stream": true }).to_string();
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(&body, &[("x-timeout-ms", "1")])).await;
        let answer = wire.answer().await;
        assert!(is_truthful(&answer), "{model}: {answer:?}");

        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(&body, &[])).await;
        drop(wire);
    }
    // Nothing of those who left holds up the stop.
    let begun = tokio::time::Instant::now();
    drop(gateway);
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}
