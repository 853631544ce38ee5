//! The commit point: a real status until the head goes out, never a second attempt after.

use herald::testkit::{Gate, Script, ScriptedProvider, TestGateway, chat as scripted};

use crate::support::{chat, stream_request};

const ERROR: &str = r#"{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}"#;

#[actix_web::test]
async fn an_error_event_before_any_content_becomes_the_status_that_it_names() {
    let script = Script::sse()
        .event(scripted::role())
        .event(ERROR)
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::tuned(&provider, "[clocks]\nhold = \"5s\"\n").await;

    let mut reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("x-upstream-status"), Some("200"));
    assert_eq!(
        reply.header("proxy-status"),
        Some(r#"herald;received-status=200;details="upstream_error_event""#)
    );
    let body = reply.json().await;
    assert_eq!(body["error"]["message"], "slow down");
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
    assert_eq!(body["upstream"]["status"], 200);
}

#[actix_web::test]
async fn an_error_event_that_names_no_status_is_502() {
    let script = Script::sse()
        .event(r#"{"error":{"message":"hm"}}"#)
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.status, 502);
    let body = reply.json().await;
    assert_eq!(body["error"]["code"], "upstream_error_event");
    assert_eq!(body["upstream"]["error"]["message"], "hm");
}

#[actix_web::test]
async fn the_head_is_held_no_longer_than_hold_and_what_was_held_comes_in_order() {
    let gate = Gate::new();
    let script = Script::sse()
        .event(scripted::role())
        .event(r#"{"choices":[]}"#)
        .wait(&gate)
        .event(scripted::text("a"))
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::tuned(&provider, "[clocks]\nhold = \"30ms\"\n").await;

    // No content comes before the gate opens, so it is `hold` that commits.
    let mut reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-upstream-time-to-first-token"), None);
    assert_eq!(
        reply.chunk().await.unwrap(),
        format!("data: {}\n\n", scripted::role())
    );
    assert_eq!(reply.chunk().await.unwrap(), "data: {\"choices\":[]}\n\n");
    gate.open();
    assert_eq!(reply.events().await[0], scripted::text("a"));
}

#[actix_web::test]
async fn with_no_hold_the_head_goes_out_at_the_providers_head() {
    let gate = Gate::new();
    let provider =
        ScriptedProvider::start([Script::sse().head().wait(&gate).event(ERROR).finish()]).await;
    let gateway = TestGateway::tuned(&provider, "[clocks]\nhold = \"0ms\"\n").await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.status, 200);
    gate.open();
    assert_eq!(reply.events().await, [ERROR]);
}

#[actix_web::test]
async fn a_bound_on_what_is_held_commits_and_loses_nothing() {
    let gate = Gate::new();
    let script = Script::sse()
        .event(scripted::role())
        .event(scripted::role())
        .event(scripted::role())
        .wait(&gate)
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let settings = "[clocks]\nhold = \"5m\"\n[stream]\nheld_events = 2\n";
    let gateway = TestGateway::tuned(&provider, settings).await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    for _ in 0..3 {
        assert_eq!(
            reply.chunk().await.unwrap(),
            format!("data: {}\n\n", scripted::role())
        );
    }
    gate.open();
    assert_eq!(reply.events().await.len(), 2);
}

#[actix_web::test]
async fn there_is_no_second_attempt_after_commit() {
    let broken = Script::sse().event(scripted::text("a")).reset();
    let provider = ScriptedProvider::start([broken, Script::chat(["b"])]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let events = chat(gateway.address(), &stream_request())
        .await
        .events()
        .await;
    assert_eq!(events[0], scripted::text("a"));
    assert!(events[1].contains("upstream_reset"));
    assert_eq!(events.len(), 2);
    assert_eq!(provider.requests().len(), 1);
}
