//! What is too large ends one answer with a clear error, and nothing else.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};

use crate::support::{chat, completion_request, stream_request};

#[actix_web::test]
async fn an_event_of_a_megabyte_is_normal() {
    let large = scripted::text(&"x".repeat(1 << 20));
    let script = Script::sse()
        .event(&large)
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let events = chat(gateway.address(), &stream_request())
        .await
        .events()
        .await;
    assert_eq!(events[0], large);
}

#[actix_web::test]
async fn an_event_over_the_limit_ends_the_stream_with_its_error() {
    let script = || {
        Script::sse()
            .event(scripted::text("a"))
            .event(scripted::text(&"x".repeat(3_000)))
            .done()
            .finish()
    };
    let provider = ScriptedProvider::start([script()]).await;
    let gateway = TestGateway::tuned(&provider, "[upstream]\nmax_event_bytes = \"2KiB\"\n").await;
    let events = chat(gateway.address(), &stream_request())
        .await
        .events()
        .await;
    assert_eq!(events.len(), 2);
    assert!(
        events[1].contains("upstream_event_too_large"),
        "{}",
        events[1]
    );
    assert!(
        events[1].contains("2048 bytes (upstream.max_event_bytes)"),
        "{}",
        events[1]
    );
}

#[actix_web::test]
async fn a_document_over_the_limit_is_502() {
    let document = scripted::completion(&"x".repeat(5_000));
    let provider = ScriptedProvider::start([Script::json(200, document)]).await;
    let gateway = TestGateway::tuned(&provider, "[upstream]\nmax_body_bytes = \"4KiB\"\n").await;
    let mut reply = chat(gateway.address(), &completion_request()).await;
    assert_eq!(reply.status, 502);
    assert_eq!(
        reply.json().await["error"]["code"],
        "upstream_body_too_large"
    );
}
