//! The truthful end: complete only where the provider said so.

use herald::testkit::{Framing, Script, ScriptedProvider, TestGateway, chat as scripted};
use serde_json::{Value, json};

use crate::support::{chat, completion_request, stream_request};

async fn events_of(script: Script) -> Vec<String> {
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    chat(gateway.address(), &stream_request())
        .await
        .events()
        .await
}

fn code(event: &str) -> String {
    let event: Value = serde_json::from_str(event).unwrap();
    event["error"]["code"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn a_stream_that_is_cut_short_ends_in_an_error_event_and_no_end_marker() {
    let begun = || Script::sse().event(scripted::text("a"));
    for (script, expected) in [
        (begun().close(), "upstream_truncated"),
        (begun().finish(), "upstream_truncated"),
        (
            begun().body("data: {\"choices\"").finish(),
            "upstream_truncated",
        ),
        (begun().reset(), "upstream_reset"),
        (begun().event("<html>").finish(), "upstream_bad_event"),
    ] {
        let events = events_of(script).await;
        assert_eq!(events.len(), 2, "{events:?}");
        assert_eq!(code(&events[1]), expected);
    }
}

#[actix_web::test]
async fn every_choice_finished_and_then_the_end_of_bytes_is_complete_without_a_marker() {
    let events = events_of(
        Script::sse()
            .event(scripted::text("a"))
            .event(scripted::finish("stop"))
            .finish(),
    )
    .await;
    assert_eq!(events, [scripted::text("a"), scripted::finish("stop")]);
}

#[actix_web::test]
async fn with_two_choices_asked_for_one_finished_is_not_complete() {
    let provider =
        ScriptedProvider::start([Script::sse().event(scripted::finish("stop")).finish()]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut request = stream_request();
    request["n"] = json!(2);
    let events = chat(gateway.address(), &request).await.events().await;
    assert_eq!(code(&events[1]), "upstream_truncated");
}

#[actix_web::test]
async fn a_stream_that_ends_before_any_content_is_502_upstream_empty() {
    for script in [
        Script::sse().event(scripted::role()).finish(),
        Script::sse().head().finish(),
        Script::sse().head().close(),
        Script::sse().comment("hello").finish(),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        let gateway = TestGateway::tuned(&provider, "[clocks]\nhold = \"5s\"\n").await;
        let mut reply = chat(gateway.address(), &stream_request()).await;
        assert_eq!(reply.status, 502);
        assert_eq!(
            reply.header("proxy-status"),
            Some(
                r#"herald;received-status=200;error=http_response_incomplete;details="upstream_empty""#
            )
        );
        assert_eq!(reply.json().await["error"]["code"], "upstream_empty");
    }
}

#[actix_web::test]
async fn the_providers_own_error_event_passes_as_it_came_and_ends_the_stream() {
    let error =
        r#"{"id":"gen-1","error":{"code":400,"message":"Token limit reached"},"choices":[]}"#;
    let script = Script::sse()
        .event(scripted::text("a"))
        .event(error)
        .done()
        .finish();
    assert_eq!(
        events_of(script).await,
        [scripted::text("a"), error.to_owned()]
    );
}

#[actix_web::test]
async fn a_key_in_an_error_event_is_not_passed_on() {
    let error = r#"{"error":{"message":"Incorrect API key provided: sk-proj-abcdefghijklmnopqrstuvwx0123456789","code":"invalid_api_key"}}"#;
    let script = Script::sse()
        .event(scripted::text("a"))
        .event(error)
        .finish();
    let events = events_of(script).await;
    assert!(!events[1].contains("sk-proj"), "{}", events[1]);
    assert_eq!(code(&events[1]), "upstream_error_event");
}

#[actix_web::test]
async fn nothing_follows_the_end_marker() {
    let script = Script::sse()
        .event(scripted::text("a"))
        .done()
        .event(scripted::text("b"))
        .finish();
    assert_eq!(
        events_of(script).await,
        [scripted::text("a"), "[DONE]".to_owned()]
    );
}

#[actix_web::test]
async fn a_document_that_is_cut_short_is_502_upstream_truncated() {
    for script in [
        Script::json(200, r#"{"choices":[]}"#).framing(Framing::Declared(100)),
        Script::json(200, r#"{"choices":["#)
            .framing(Framing::Chunked)
            .finish(),
        Script::json(200, "").framing(Framing::Chunked).finish(),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        let gateway = TestGateway::in_front_of(&provider).await;
        let mut reply = chat(gateway.address(), &completion_request()).await;
        assert_eq!(reply.status, 502);
        assert_eq!(reply.json().await["error"]["code"], "upstream_truncated");
    }
}

#[actix_web::test]
async fn an_error_in_the_place_of_a_document_gets_the_status_that_it_names() {
    let script = Script::json(200, r#"{"error":{"message":"slow","code":429}}"#);
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut reply = chat(gateway.address(), &completion_request()).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("x-upstream-status"), Some("200"));
    assert_eq!(reply.json().await["error"]["code"], 429);
}
