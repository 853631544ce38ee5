//! The open streams: seen in each phase, ended in each phase, and gone afterwards.

use std::{net::SocketAddr, time::Duration};

use herald::testkit::{
    Framing, Gate, Happened, Script, ScriptedProvider, TestGateway, chat as scripted,
};
use serde_json::Value;
use tokio::time::timeout;

use super::{ask, code};
use crate::support::{
    Client, LogLines, Reply, chat, completion_request, gated_stream, stream_request,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// The streams that the admin listener lists.
async fn listed(admin: SocketAddr) -> Vec<Value> {
    let mut reply = ask(admin, "GET /streams", &[]).await;
    assert_eq!(reply.status, 200);
    let body = reply.json().await;
    body["streams"].as_array().unwrap().clone()
}

/// Waits until just one stream is listed, in this phase.
async fn only_stream_in(admin: SocketAddr, phase: &str) -> Value {
    only_stream_that(admin, phase, |stream| stream["phase"] == phase).await
}

/// Waits until one is listed that is so.
async fn only_stream_that(admin: SocketAddr, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let found = async {
        loop {
            match &listed(admin).await[..] {
                [stream] if is_so(stream) => return stream.clone(),
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let found = timeout(PATIENCE, found).await;
    found.unwrap_or_else(|_| panic!("no stream is {what}"))
}

/// Waits until none is listed.
async fn none_listed(admin: SocketAddr) {
    let gone = async { while !listed(admin).await.is_empty() {} };
    let gone = timeout(PATIENCE, gone).await;
    gone.expect("streams are listed whose clients have all they will get");
}

/// A gateway that may be asked as often as the waits above ask.
async fn watched(provider: &ScriptedProvider, more: &str) -> TestGateway {
    let pace = "[admin]\nrequests_per_second = 100000\n";
    TestGateway::tuned(provider, &format!("{pace}{more}")).await
}

async fn end(admin: SocketAddr, stream: &Value) -> Reply {
    let id = stream["id"].as_str().unwrap();
    ask(admin, &format!("DELETE /streams/{id}"), &[]).await
}

#[actix_web::test]
async fn a_stream_is_seen_in_each_phase_and_nothing_is_left_of_it() {
    let (head, content, rest) = (Gate::new(), Gate::new(), Gate::new());
    let script = Script::sse()
        .wait(&head)
        .event(scripted::role())
        .wait(&content)
        .event(scripted::text("secret words"))
        .wait(&rest)
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = watched(&provider, "[clocks]\nhold = \"1m\"\n").await;
    let admin = gateway.admin_address();
    assert_eq!(listed(admin).await, Vec::<Value>::new());

    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&stream_request()).await;
    let stream = only_stream_in(admin, "awaiting_head").await;
    for (field, value) in [
        ("provider", Value::from("scripted")),
        ("model", "scripted-model".into()),
        ("key", Value::Null),
        ("stream", true.into()),
        ("settings_generation", 1.into()),
        ("events", 0.into()),
        ("bytes", 0.into()),
    ] {
        assert_eq!(stream[field], value, "{field}");
    }
    assert!(stream["age_ms"].is_u64());
    head.open();
    only_stream_in(admin, "held").await;
    content.open();
    let mut reply = client.reply().await;
    let streaming = only_stream_in(admin, "streaming").await;
    let id = reply.header("x-herald-request-id").unwrap();
    assert_eq!(streaming["id"], id);
    assert!(reply.chunk().await.unwrap().contains("assistant"));
    assert!(reply.chunk().await.unwrap().contains("secret words"));
    let streaming = only_stream_in(admin, "streaming").await;
    assert_eq!(streaming["events"], 2);
    assert!(streaming["bytes"].as_u64().unwrap() > 100);
    assert!(!streaming.to_string().contains("secret words"));
    rest.open();
    reply.rest().await;
    none_listed(admin).await;
}

#[actix_web::test]
async fn a_stream_that_waits_for_its_head_is_ended_with_a_status() {
    let lines = LogLines::collect();
    let provider = ScriptedProvider::start([Script::sse().stall()]).await;
    let gateway = watched(&provider, "").await;
    let admin = gateway.admin_address();
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&stream_request()).await;
    let stream = only_stream_in(admin, "awaiting_head").await;
    provider.next_request().await;
    let mut told = end(admin, &stream).await;
    assert_eq!(told.status, 202);
    assert_eq!(told.json().await["id"], stream["id"]);

    provider.caller_left().await;
    let mut reply = client.reply().await;
    assert_eq!(reply.status, 500);
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    assert_eq!(reply.header("x-upstream-status"), None);
    let id = reply.header("x-herald-request-id").unwrap().to_owned();
    let body = reply.json().await;
    assert_eq!(body["error"]["code"], "gateway_cancelled");
    assert_eq!(body["error"]["type"], "gateway_error");
    let line = lines.of(&id).await;
    assert_eq!(line["outcome"], "failed");
    assert_eq!(line["error_code"], "gateway_cancelled");
    assert_eq!(line["error_origin"], "gateway");
    none_listed(admin).await;
}

#[actix_web::test]
async fn a_held_stream_and_a_held_document_are_ended_with_a_status() {
    let held = Script::sse().event(scripted::role()).stall();
    let document = Script::json(200, r#"{"choices":["#)
        .framing(Framing::Chunked)
        .stall();
    let provider = ScriptedProvider::start([held, document]).await;
    let gateway = watched(&provider, "[clocks]\nhold = \"1m\"\n").await;
    let admin = gateway.admin_address();
    for request in [stream_request(), completion_request()] {
        let mut client = Client::connect(gateway.address()).await;
        client.post_chat(&request).await;
        let stream = only_stream_in(admin, "held").await;
        assert_eq!(end(admin, &stream).await.status, 202);
        let mut reply = client.reply().await;
        assert_eq!(reply.status, 500);
        assert_eq!(reply.header("x-upstream-status"), Some("200"));
        let body = reply.json().await;
        assert_eq!(body["error"]["code"], "gateway_cancelled");
        none_listed(admin).await;
    }
}

#[actix_web::test]
async fn a_stream_is_ended_by_an_error_event_without_an_end_marker() {
    let script = Script::sse().event(scripted::text("a")).stall();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = watched(&provider, "").await;
    let admin = gateway.admin_address();
    let mut reply = chat(gateway.address(), &stream_request()).await;
    reply.chunk().await.unwrap();
    let stream = only_stream_in(admin, "streaming").await;
    assert_eq!(end(admin, &stream).await.status, 202);
    provider.caller_left().await;
    let events = reply.events().await;
    let [error] = &events[..] else {
        panic!("just the error: {events:?}");
    };
    let error: Value = serde_json::from_str(error).unwrap();
    assert_eq!(error["error"]["code"], "gateway_cancelled");
    none_listed(admin).await;
}

#[actix_web::test]
async fn a_stream_that_its_reader_blocks_is_ended_too() {
    let text = "x".repeat(16 * 1024);
    let script = Script::sse().flood(scripted::text(&text), 10_000).done();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = watched(&provider, "").await;
    let admin = gateway.admin_address();
    let reply = chat(gateway.address(), &stream_request()).await;
    let is_blocked = |what: &Happened| matches!(what, Happened::Blocked { .. });
    provider.wait_for("backpressure", is_blocked).await;
    // The provider is blocked a little before its last bytes have come all the way.
    let waits = |stream: &Value| stream["queued_events"].as_u64().unwrap() > 0;
    let stream = only_stream_that(admin, "waiting for its reader", waits).await;
    assert_eq!(stream["phase"], "streaming");
    assert!(stream["queued_bytes"].as_u64().unwrap() > 16 * 1024);
    assert_eq!(end(admin, &stream).await.status, 202);
    provider.caller_left().await;
    // The end is said, and waits behind what the reader has not taken.
    let stream = only_stream_in(admin, "ending").await;
    let mut refused = end(admin, &stream).await;
    assert_eq!(refused.status, 409);
    assert_eq!(code(&mut refused).await, "stream_ending");
    drop(reply);
    none_listed(admin).await;
}

#[actix_web::test]
async fn one_stream_ends_and_the_others_go_on() {
    let gate = Gate::new();
    let script = gated_stream(&gate);
    let provider = ScriptedProvider::start([script.repeat()]).await;
    let gateway = watched(&provider, "").await;
    let admin = gateway.admin_address();
    let mut first = chat(gateway.address(), &stream_request()).await;
    first.chunk().await.unwrap();
    let mut second = chat(gateway.address(), &stream_request()).await;
    second.chunk().await.unwrap();
    let open = listed(admin).await;
    assert_eq!(open.len(), 2);
    // The oldest stands first.
    assert_eq!(open[0]["id"], first.header("x-herald-request-id").unwrap());
    assert_eq!(end(admin, &open[0]).await.status, 202);
    assert!(first.events().await.concat().contains("gateway_cancelled"));
    gate.open();
    assert_eq!(second.events().await.last().unwrap(), "[DONE]");
    none_listed(admin).await;
}

#[actix_web::test]
async fn what_is_not_open_cannot_be_ended() {
    let gateway = TestGateway::start().await;
    let admin = gateway.admin_address();
    let mut unknown = ask(admin, "DELETE /streams/nobody", &[]).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(code(&mut unknown).await, "unknown_stream");
    let mut wrong = ask(admin, "GET /streams/nobody", &[]).await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("DELETE")));
    assert_eq!(code(&mut wrong).await, "method_not_allowed");
}

#[actix_web::test]
async fn requests_that_fail_or_are_refused_leave_no_stream_behind() {
    let refusal = Script::json(401, scripted::error("no", "invalid_request_error"));
    let provider = ScriptedProvider::start([
        refusal,
        Script::sse().event(scripted::text("a")).close(),
        Script::sse().event(scripted::text("a")).stall(),
    ])
    .await;
    let gateway = watched(&provider, "").await;
    let admin = gateway.admin_address();
    assert_eq!(chat(gateway.address(), &stream_request()).await.status, 502);
    let mut cut = chat(gateway.address(), &stream_request()).await;
    cut.rest().await;
    let mut left = chat(gateway.address(), &stream_request()).await;
    left.chunk().await.unwrap();
    drop(left);
    let unknown = serde_json::json!({ "model": "nobody", "messages": [] });
    assert_eq!(chat(gateway.address(), &unknown).await.status, 404);
    none_listed(admin).await;
    assert!(gateway.gateway().streams().list().is_empty());
}
