//! A shutdown, as those see it whose requests run, and those who come too late.

use std::time::Duration;

use herald::{
    drain::Drained,
    testkit::{Gate, Script, ScriptedProvider, TestGateway, chat as scripted},
};
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{Client, chat, gated_stream, stream_request};

fn code(event: &str) -> String {
    let event: Value = serde_json::from_str(event).unwrap();
    event["error"]["code"].as_str().unwrap().to_owned()
}

/// Waits until new requests are refused.
async fn begun(gateway: &TestGateway) {
    while !gateway.gateway().drain().has_begun() {
        tokio::task::yield_now().await;
    }
}

#[actix_web::test]
async fn a_shutdown_refuses_new_requests_and_ends_the_streams_that_are_left() {
    let provider =
        ScriptedProvider::start([Script::sse().event(scripted::text("a")).stall()]).await;
    // Longer than the server itself waits for its connections.
    let mut gateway = TestGateway::tuned(&provider, "[server]\ndrain_timeout = \"6s\"\n").await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    reply.chunk().await.unwrap();
    let stopped = Instant::now();
    gateway.stop();
    begun(&gateway).await;

    let mut refused = chat(gateway.address(), &stream_request()).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json().await["error"]["code"], "gateway_draining");

    let events = reply.events().await;
    assert_eq!(code(&events[0]), "gateway_draining");
    assert!(stopped.elapsed() >= Duration::from_secs(6));
    provider.caller_left().await;
}

#[actix_web::test]
async fn a_shutdown_waits_for_a_stream_that_ends_in_time() {
    let gate = Gate::new();
    let script = gated_stream(&gate);
    let provider = ScriptedProvider::start([script]).await;
    let mut gateway = TestGateway::tuned(&provider, "[server]\ndrain_timeout = \"1h\"\n").await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    reply.chunk().await.unwrap();
    gateway.stop();
    begun(&gateway).await;
    gate.open();
    assert_eq!(reply.events().await.last().unwrap(), "[DONE]");
    // Nothing is left to wait for: the hour is not.
    let whole = Drained { drained: 1, cut: 0 };
    assert_eq!(gateway.stopped().await, whole);
}

#[actix_web::test]
async fn an_announced_shutdown_refuses_for_the_delay_though_nothing_runs() {
    let provider = ScriptedProvider::start([]).await;
    let settings = "[server]\ndrain_delay = \"1200ms\"\ndrain_timeout = \"0s\"\n";
    let mut gateway = TestGateway::tuned(&provider, settings).await;
    let told = Instant::now();
    gateway.terminate();
    begun(&gateway).await;
    let mut refused = chat(gateway.address(), &stream_request()).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("connection"), Some("close"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.json().await["error"]["code"], "gateway_draining");
    assert_eq!(gateway.stopped().await, Drained::default());
    assert!(told.elapsed() >= Duration::from_millis(1200));
}

#[actix_web::test]
async fn a_shutdown_counts_the_requests_that_ended_and_those_that_were_cut() {
    let gate = Gate::new();
    let in_time = gated_stream(&gate);
    let endless = || Script::sse().event(scripted::text("a")).stall();
    let scripts = [in_time, endless(), endless(), Script::sse().stall()];
    let provider = ScriptedProvider::start(scripts).await;
    let settings = "[server]\ndrain_timeout = \"1s\"\n";
    let mut gateway = TestGateway::tuned(&provider, settings).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut reply = chat(gateway.address(), &stream_request()).await;
        reply.chunk().await.unwrap();
        streams.push(reply);
    }
    let mut without_head = Client::connect(gateway.address()).await;
    without_head.post_chat(&stream_request()).await;
    for _ in 0..4 {
        provider.next_request().await;
    }
    gateway.stop();
    begun(&gateway).await;
    // One that is refused was never let in.
    assert_eq!(chat(gateway.address(), &stream_request()).await.status, 503);
    gate.open();
    let mut ends = Vec::new();
    for mut stream in streams {
        let events = stream.events().await;
        ends.push(match events.last().unwrap().as_str() {
            "[DONE]" => "[DONE]".to_owned(),
            error => code(error),
        });
    }
    assert_eq!(ends, ["[DONE]", "gateway_draining", "gateway_draining"]);
    assert_eq!(without_head.reply().await.status, 503);
    let counted = Drained { drained: 1, cut: 3 };
    assert_eq!(gateway.stopped().await, counted);
}

#[actix_web::test]
async fn a_shutdown_answers_who_waits_for_a_head_with_503() {
    let provider = ScriptedProvider::start([Script::sse().stall()]).await;
    let mut gateway = TestGateway::tuned(&provider, "[server]\ndrain_timeout = \"50ms\"\n").await;
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&stream_request()).await;
    provider.next_request().await;
    gateway.stop();
    let mut reply = client.reply().await;
    assert_eq!(reply.status, 503);
    assert!(reply.header("retry-after").is_some());
    assert_eq!(reply.json().await["error"]["code"], "gateway_draining");
    provider.caller_left().await;
}
