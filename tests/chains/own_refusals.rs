//! What a Herald in the middle refuses by itself is told as its own.

use herald::testkit::{Gate, Script, ScriptedProvider, chat as scripted};
use serde_json::json;

use crate::heralds::{CHAT, Chain, ask, chat, herald, provider};

#[actix_web::test]
async fn a_key_that_the_second_refuses_is_the_thirds() {
    let unused = ScriptedProvider::start([]).await;
    let first = herald(
        "first",
        &provider("first", "openai", &unused.base_url()),
        "",
    )
    .await;
    let keys = format!(
        "auth = \"keys\"\n[[keys]]\nid = \"k\"\nsha256 = \"{}\"\n",
        "0".repeat(64)
    );
    let chain = Chain::behind(first, &keys).await;
    let mut reply = ask(&chain.third, CHAT, &chat(true)).await;
    assert_eq!(reply.status, 502);
    assert_eq!(reply.header("x-upstream-status"), Some("401"));
    assert_eq!(reply.header("x-upstream-provider"), Some("third-asks"));
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    assert_eq!(reply.header("www-authenticate"), None);
    assert_eq!(
        reply.header("proxy-status"),
        Some(
            "second;error=http_request_error;details=\"invalid_api_key\", \
             third;next-hop=\"third-asks\";received-status=401;details=\"upstream_auth\""
        )
    );
    let body = reply.json().await;
    assert_eq!(body["error"]["code"], "upstream_auth");
    assert_eq!(body["upstream"]["provider"], "third-asks");
    assert_eq!(body["upstream"]["error"]["code"], "invalid_api_key");
}

#[actix_web::test]
async fn a_limit_of_the_second_is_a_429_of_the_second() {
    let provider_ = ScriptedProvider::start([Script::chat(["Hi"]).repeat()]).await;
    let first = herald(
        "first",
        &provider("first", "openai", &provider_.base_url()),
        "",
    )
    .await;
    let limit = "[limits]\nrequests = { most = 1, per = \"1h\" }\n";
    let chain = Chain::behind(first, limit).await;
    ask(&chain.third, CHAT, &chat(true)).await;
    let mut reply = ask(&chain.third, CHAT, &chat(true)).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("x-upstream-status"), Some("429"));
    assert_eq!(reply.header("x-upstream-provider"), Some("third-asks"));
    assert!(reply.header("retry-after").is_some());
    assert_eq!(
        reply.header("proxy-status"),
        Some(
            "second;error=http_request_denied;details=\"gateway_rate_limited\", \
             third;next-hop=\"third-asks\";received-status=429;details=\"upstream_rate_limited\""
        )
    );
    let body = reply.json().await;
    assert_eq!(body["error"]["code"], "gateway_rate_limited");
    assert_eq!(body["error"]["type"], "gateway_limit");
}

#[actix_web::test]
async fn a_model_that_the_first_does_not_have_is_a_mistake_of_the_seconds_settings() {
    let unused = ScriptedProvider::start([]).await;
    let asks = provider("first", "openai", &unused.base_url());
    let first = herald("first", &asks, "").await;
    let chain = Chain::behind(first, "").await;
    let mut other = chat(true);
    other["model"] = json!("other");
    // The client's own mistake is its own, and no Herald is asked.
    let mut reply = ask(&chain.third, CHAT, &other).await;
    assert_eq!(reply.status, 404);
    assert_eq!(reply.header("proxy-status"), None);
    assert_eq!(reply.json().await["error"]["code"], "model_not_found");
}

#[actix_web::test]
async fn a_second_that_shuts_down_says_so_before_the_head_and_in_a_stream() {
    let gate = Gate::new();
    let script = Script::sse().event(scripted::text("a")).wait(&gate);
    let provider_ = ScriptedProvider::start([script]).await;
    let first = herald(
        "first",
        &provider("first", "openai", &provider_.base_url()),
        "",
    )
    .await;
    let drain = "[server]\ndrain_delay = \"0s\"\ndrain_timeout = \"300ms\"\n";
    let mut chain = Chain::behind(first, drain).await;
    let mut streaming = ask(&chain.third, CHAT, &chat(true)).await;
    streaming.chunk().await.unwrap();
    chain.second.stop();
    // It refuses from the moment on at which it drains; until then the provider would have been asked.
    chain.second.gateway().drain().begin();
    let mut refused = ask(&chain.third, CHAT, &chat(true)).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("x-upstream-status"), Some("503"));
    assert_eq!(
        refused.header("proxy-status"),
        Some(
            "second;error=proxy_internal_response;details=\"gateway_draining\", \
             third;next-hop=\"third-asks\";received-status=503;details=\"upstream_overloaded\""
        )
    );
    assert_eq!(refused.json().await["error"]["code"], "gateway_draining");

    let events = streaming.events().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(
        events[0].contains("\"code\":\"gateway_draining\""),
        "{events:?}"
    );
    assert!(
        events[0].contains("\"type\":\"gateway_error\""),
        "{events:?}"
    );
}
