//! The client leaves, the provider stops: in every phase, within a second.

use std::time::Duration;

use herald::testkit::{
    Framing, Gate, Happened, Script, ScriptedProvider, TestGateway, chat as scripted,
};
use tokio::time::Instant;

use crate::support::{Client, LogLines, stream_request};

/// The longest that promise 6 allows.
const PROMISED: Duration = Duration::from_secs(1);

/// Leaves, and gives the time until the provider saw it.
async fn leave(client: impl Sized, provider: &ScriptedProvider) -> Duration {
    let left = Instant::now();
    drop(client);
    provider
        .caller_left()
        .await
        .at
        .saturating_duration_since(left)
}

#[actix_web::test]
async fn a_client_who_leaves_while_the_head_is_awaited_stops_the_provider() {
    let provider = ScriptedProvider::start([Script::sse().stall()]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&stream_request()).await;
    provider.next_request().await;
    assert!(leave(client, &provider).await < PROMISED);
}

#[actix_web::test]
async fn a_client_who_leaves_while_the_head_is_held_stops_the_provider() {
    let script = Script::sse().event(scripted::role()).stall();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::tuned(&provider, "[clocks]\nhold = \"1m\"\n").await;
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&stream_request()).await;
    provider
        .wait_for("the head", |what| *what == Happened::HeadSent)
        .await;
    assert!(leave(client, &provider).await < PROMISED);
}

#[actix_web::test]
async fn a_client_who_leaves_a_silent_stream_stops_the_provider() {
    let script = Script::sse().event(scripted::text("a")).stall();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&stream_request()).await;
    let mut reply = client.reply().await;
    reply.chunk().await.unwrap();
    assert!(leave(reply, &provider).await < PROMISED);
}

#[actix_web::test]
async fn a_client_who_leaves_while_a_document_is_read_stops_the_provider() {
    let script = Script::json(200, r#"{"choices":["#)
        .framing(Framing::Chunked)
        .stall();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut client = Client::connect(gateway.address()).await;
    client
        .post_chat(&crate::support::completion_request())
        .await;
    provider
        .wait_for("the head", |what| *what == Happened::HeadSent)
        .await;
    assert!(leave(client, &provider).await < PROMISED);
}

#[actix_web::test]
async fn a_client_who_leaves_while_it_blocks_the_stream_stops_the_provider() {
    let text = "x".repeat(16 * 1024);
    let script = Script::sse()
        .flood(scripted::text(&text), 10_000)
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&stream_request()).await;
    let reply = client.reply().await;
    // The reader takes nothing; the slowness has reached the provider.
    provider
        .wait_for("backpressure", |what| {
            matches!(what, Happened::Blocked { .. })
        })
        .await;
    assert!(leave(reply, &provider).await < PROMISED);
}

#[actix_web::test]
async fn a_client_who_leaves_while_herald_connects_is_noticed() {
    let lines = LogLines::collect();
    // A listener that never accepts, its queue full: connecting to it goes on and on.
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener
        .bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let _fillers: Vec<_> = (0..4)
        .map(|_| {
            let socket =
                socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address.into());
            socket
        })
        .collect();
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"full\"\nkind = \"openai\"\nbase_url = \"http://{address}/v1\"\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"full\", model = \"m\" }}]\n"
    ))
    .await;
    let mut client = Client::connect(gateway.address()).await;
    client
        .post_chat_with(&stream_request(), &[("expect", "100-continue")])
        .await;
    // The interim answer shows that the handler has begun.
    client.interim().await;
    let left = Instant::now();
    drop(client);
    let line = lines
        .wait(|line| line.get("provider").is_some_and(|name| name == "full"))
        .await;
    assert_eq!(line[0]["outcome"], "cancelled");
    assert!(left.elapsed() < PROMISED);
}

#[actix_web::test]
async fn a_stalled_reader_loses_the_provider_the_body_and_the_socket() {
    let lines = LogLines::collect();
    let text = "x".repeat(16 * 1024);
    let script = Script::sse()
        .flood(scripted::text(&text), 10_000)
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::tuned(&provider, "[clocks]\nclient_write = \"300ms\"\n").await;
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&stream_request()).await;
    let reply = client.reply().await;
    let id = reply.header("x-herald-request-id").unwrap().to_owned();

    // The provider is freed by the timeout around the send …
    provider.caller_left().await;
    // … the body, which alone still holds the record, by the kernel's timeout on the socket …
    let line = lines.of(&id).await;
    assert_eq!(line["outcome"], "stalled");
    // … and the socket with it: what the kernel had taken can be read, then it is broken off.
    let mut reply = reply;
    let (_, end) = reply.rest().await;
    assert_eq!(end, crate::support::End::BrokenOff);
}

#[actix_web::test]
async fn a_slow_reader_slows_the_provider_and_gets_everything() {
    let text = "x".repeat(16 * 1024);
    let script = Script::sse()
        .flood(scripted::text(&text), 1_500)
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&stream_request()).await;
    let mut reply = client.reply().await;
    let blocked = provider
        .wait_for("backpressure", |what| {
            matches!(what, Happened::Blocked { .. })
        })
        .await;
    let Happened::Blocked { sent } = blocked.what else {
        unreachable!()
    };
    assert!(
        sent < 20 << 20,
        "{sent} bytes were taken from the provider for a reader who took none"
    );
    assert_eq!(reply.events().await.len(), 1_502);
}

#[actix_web::test]
async fn a_gate_that_opens_after_the_client_left_finds_nobody() {
    let gate = Gate::new();
    let provider = ScriptedProvider::start([Script::sse()
        .wait(&gate)
        .event(scripted::text("a"))
        .done()
        .finish()])
    .await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&stream_request()).await;
    provider.next_request().await;
    drop(client);
    provider.caller_left().await;
    gate.open();
    assert_eq!(provider.requests().len(), 1);
}

#[actix_web::test]
async fn a_client_who_leaves_a_stream_that_is_read_on_for_its_usage_is_cancelled_with_all_its_tokens()
 {
    let lines = LogLines::collect();
    let gate = Gate::new();
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":11}}"#;
    let script = Script::sse()
        .event(scripted::text("a"))
        .wait(&gate)
        .event(scripted::text("b"))
        .event(scripted::finish("stop"))
        .event(usage)
        .done()
        .finish();
    let provider = ScriptedProvider::start([script, Script::chat(["again"])]).await;
    let gateway = TestGateway::tuned(&provider, "[upstream]\ndrain_for_usage = 9\n").await;
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&stream_request()).await;
    let mut reply = client.reply().await;
    let id = reply.header("x-herald-request-id").unwrap().to_owned();
    reply.chunk().await.unwrap();
    reply.leave().await;
    gate.open();
    let line = lines.of(&id).await;
    assert_eq!(line["outcome"], "cancelled");
    assert_eq!(
        (&*line["prompt_tokens"], &*line["completion_tokens"]),
        ("7", "11")
    );
}
