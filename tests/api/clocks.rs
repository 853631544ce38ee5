//! Each clock, set to tens of milliseconds over real sockets: the error names it and its length.

use std::time::Duration;

use herald::testkit::{Framing, Happened, Script, ScriptedProvider, TestGateway, chat as scripted};
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{Client, Reply, chat, completion_request, stream_request};

/// What a client is told, and the gateway, which is to outlive it.
async fn reply(script: Script, clocks: &str, request: &Value) -> (TestGateway, Reply) {
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::tuned(&provider, &format!("[clocks]\n{clocks}\n")).await;
    let reply = chat(gateway.address(), request).await;
    provider.caller_left().await;
    (gateway, reply)
}

async fn assert_names_clock(reply: &mut Reply, code: &str, words: &str) {
    assert_eq!(reply.status, 504);
    assert!(
        reply
            .header("proxy-status")
            .unwrap()
            .contains("error=http_response_timeout")
    );
    assert_eq!(reply.header("x-should-retry"), None);
    let body = reply.json().await;
    assert_eq!(body["error"]["code"], code);
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.ends_with(words), "{message}");
}

#[actix_web::test]
async fn head_runs_out_where_the_provider_does_not_answer() {
    for request in [stream_request(), completion_request()] {
        let (_gateway, mut reply) = reply(Script::sse().stall(), "head = \"40ms\"", &request).await;
        assert_names_clock(
            &mut reply,
            "upstream_head",
            "no answer within 40ms (clocks.head)",
        )
        .await;
        assert_eq!(reply.header("x-upstream-status"), None);
    }
}

#[actix_web::test]
async fn first_event_runs_out_where_there_are_only_pings() {
    let script = Script::sse()
        .event(scripted::role())
        .comment("ping")
        .stall();
    let clocks = "first_event = \"40ms\"\nhold = \"0ms\"";
    let (_gateway, mut reply) = reply(script, clocks, &stream_request()).await;
    let events = reply.events().await;
    assert_eq!(events.len(), 2);
    assert!(
        events[1].contains("no content within 40ms (clocks.first_event)"),
        "{events:?}"
    );
    assert!(events[1].contains("upstream_first_event"), "{events:?}");
}

#[actix_web::test]
async fn idle_runs_out_before_commit_with_a_real_status() {
    let script = Script::sse().event(scripted::role()).stall();
    let clocks = "idle = \"40ms\"\nhold = \"1m\"";
    let (_gateway, mut reply) = reply(script, clocks, &stream_request()).await;
    assert_eq!(reply.header("x-upstream-status"), Some("200"));
    let words = "nothing more within 40ms (clocks.idle)";
    assert_names_clock(&mut reply, "upstream_idle", words).await;
}

#[actix_web::test]
async fn idle_runs_out_in_the_stream_with_an_error_event() {
    let script = Script::sse().event(scripted::text("a")).stall();
    let (_gateway, mut reply) = reply(script, "idle = \"40ms\"", &stream_request()).await;
    assert_eq!(reply.status, 200);
    let events = reply.events().await;
    let error: Value = serde_json::from_str(&events[1]).unwrap();
    assert_eq!(error["error"]["code"], "upstream_idle");
    assert_eq!(
        error["error"]["message"],
        "provider `scripted`: nothing more within 40ms (clocks.idle)"
    );
    assert_eq!(error["upstream"]["status"], 200);
    assert_eq!(events.len(), 2);
}

#[actix_web::test]
async fn idle_runs_out_in_a_document() {
    let script = Script::json(200, r#"{"choices":["#)
        .framing(Framing::Chunked)
        .stall();
    let (_gateway, mut reply) = reply(script, "idle = \"40ms\"", &completion_request()).await;
    assert_names_clock(
        &mut reply,
        "upstream_idle",
        "nothing more within 40ms (clocks.idle)",
    )
    .await;
}

#[actix_web::test]
async fn total_runs_out_before_the_head() {
    let clocks = "total = \"60ms\"\nconnect = \"60ms\"\nhead = \"60ms\"\nfirst_event = \"60ms\"\nidle = \"60ms\"\nhold = \"1ms\"";
    let (_gateway, mut late) = reply(Script::sse().stall(), clocks, &stream_request()).await;
    assert_eq!(late.status, 504);
    let code = late.json().await["error"]["code"].clone();
    // `head` begins when the request is written, a moment after `total`.
    assert_eq!(code, "upstream_total");
}

#[actix_web::test]
async fn the_clients_own_bound_replaces_the_total_and_is_named() {
    let provider =
        ScriptedProvider::start([Script::sse().event(scripted::text("a")).stall()]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut client = Client::connect(gateway.address()).await;
    client
        .post_chat_with(&stream_request(), &[("x-timeout-ms", "80")])
        .await;
    let mut reply = client.reply().await;
    let events = reply.events().await;
    assert!(
        events[1].contains("the answer was not complete within 80ms (clocks.total)"),
        "{events:?}"
    );
    assert!(events[1].contains("upstream_total"));
}

#[actix_web::test]
async fn connect_runs_out_where_nobody_accepts() {
    // A TLS handshake that nobody answers: the connection stands, the clock runs on.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = TestGateway::with_settings(&format!(
        "[clocks]\nconnect = \"40ms\"\n\
         [[providers]]\nid = \"mute\"\nkind = \"openai\"\nbase_url = \"https://{}/v1\"\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"mute\", model = \"m\" }}]\n",
        listener.local_addr().unwrap()
    ))
    .await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.status, 504);
    assert_eq!(
        reply.header("proxy-status"),
        Some(r#"herald;error=connection_timeout;details="upstream_connect""#)
    );
    let body = reply.json().await;
    assert_eq!(body["error"]["code"], "upstream_connect");
    assert_eq!(
        body["error"]["message"],
        "provider `mute`: no connection within 40ms (clocks.connect)"
    );
}

#[actix_web::test]
async fn heartbeats_come_in_the_silence_after_commit() {
    let provider =
        ScriptedProvider::start([Script::sse().event(scripted::text("a")).stall()]).await;
    let gateway = TestGateway::tuned(&provider, "[clocks]\nheartbeat = \"20ms\"\n").await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(
        reply.chunk().await.unwrap(),
        format!("data: {}\n\n", scripted::text("a"))
    );
    assert_eq!(reply.chunk().await.unwrap(), ":\n");
    assert_eq!(reply.chunk().await.unwrap(), ":\n");
}

#[actix_web::test]
async fn a_slow_reader_is_not_taken_for_a_silent_provider() {
    let text = "x".repeat(16 * 1024);
    let script = Script::sse()
        .flood(scripted::text(&text), 1_500)
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::tuned(&provider, "[clocks]\nidle = \"90ms\"\n").await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    // The provider has been kept from writing for longer than the clock allows it to be silent.
    provider
        .wait_for("backpressure", |what| {
            matches!(what, Happened::Blocked { .. })
        })
        .await;
    assert_eq!(reply.events().await.last().unwrap(), "[DONE]");
}

#[actix_web::test]
async fn the_total_runs_on_while_a_reader_is_slow() {
    let text = "x".repeat(16 * 1024);
    let script = Script::sse()
        .flood(scripted::text(&text), 10_000)
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut client = Client::connect(gateway.address()).await;
    // `client_write` is half a minute: it is the total that frees the provider here.
    client
        .post_chat_with(&stream_request(), &[("x-timeout-ms", "300")])
        .await;
    let reply = client.reply().await;
    let began = Instant::now();
    provider.caller_left().await;
    assert!(began.elapsed() < Duration::from_secs(5));
    drop(reply);
}

#[actix_web::test]
async fn an_error_is_told_although_its_body_does_not_come() {
    let script = Script::json(429, "{}")
        .header("retry-after", "7")
        .framing(Framing::Declared(100))
        .stall();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::tuned(&provider, "[upstream]\nerror_body = \"40ms\"\n").await;
    let reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (429, Some("7"))
    );
}
