//! A Cody Gateway as the provider: asked as it wants to be, and told of as it is.

use herald::testkit::{Script, ScriptedProvider, chat as scripted, messages};
use serde_json::json;

use crate::heralds::{CHAT, Chain, ask, ask_with, before_cody_gateway, chat};

const ACTOR: (&str, &str) = ("x-sourcegraph-actor-anonymous-uid", "anon-1");
const INTERACTION: (&str, &str) = ("x-sourcegraph-interaction-id", "i-1");

#[actix_web::test]
async fn an_openai_model_is_asked_for_at_its_path_by_its_bare_name() {
    let script = Script::chat(["Hel", "lo"]).header("x-cody-resolved-model", "openai/gpt-4o");
    let gateway = ScriptedProvider::start([script.repeat()]).await;
    for (more, actor) in [
        ("", None),
        (
            "metadata.request_allow = [\"x-sourcegraph-actor-*\"]",
            Some("anon-1"),
        ),
    ] {
        let herald = before_cody_gateway(&gateway.base_url(), "openai/gpt-4o", more).await;
        let mut reply = ask_with(&herald, CHAT, &chat(true), &[ACTOR, INTERACTION]).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("x-cody-resolved-model"), Some("openai/gpt-4o"));
        assert_eq!(reply.header("x-upstream-model"), Some("openai/gpt-4o"));
        let expected = [
            &*scripted::role(),
            &scripted::text("Hel"),
            &scripted::text("lo"),
            &scripted::finish("stop"),
            "[DONE]",
        ];
        assert_eq!(reply.events().await, expected);

        let asked = gateway.next_request().await;
        assert_eq!(asked.path, "/v1/completions/openai");
        for (name, value) in [
            ("authorization", Some("Bearer sgd_secret-of-ours")),
            ("x-sourcegraph-feature", Some("chat_completions")),
            ("x-sourcegraph-interaction-id", Some("i-1")),
            (ACTOR.0, actor),
            ("x-herald-hops", None),
        ] {
            assert_eq!(asked.header(name), value, "{name}");
        }
        let millis: u64 = asked.header("x-timeout-ms").unwrap().parse().unwrap();
        assert!(millis > 1_000_000, "{millis}");
        let mut body = chat(true);
        body["model"] = json!("gpt-4o");
        assert_eq!(asked.json(), body);
    }
}

#[actix_web::test]
async fn an_anthropic_model_speaks_messages_to_its_own_clients_and_to_those_of_openai() {
    let gateway = ScriptedProvider::start([Script::message(["Hi"]).repeat()]).await;
    let herald = before_cody_gateway(&gateway.base_url(), "anthropic/claude-3-haiku", "").await;
    let request = json!({ "model": "m", "stream": true, "max_tokens": 9, "messages": [{ "role": "user", "content": "Hi" }] });
    let mut reply = ask(&herald, "/v1/messages", &request).await;
    let (chunks, _) = reply.rest().await;
    assert!(chunks.concat().contains(&messages::text(0, "Hi")));
    let asked = gateway.next_request().await;
    assert_eq!(asked.path, "/v1/completions/anthropic-messages");
    assert_eq!(asked.json()["model"], "claude-3-haiku");

    let mut reply = ask(&herald, CHAT, &chat(true)).await;
    let events = reply.events().await;
    assert!(
        events
            .iter()
            .any(|event| event.contains("\"content\":\"Hi\"")),
        "{events:?}"
    );
    assert_eq!(events.last().unwrap(), "[DONE]");
    let asked = gateway.next_request().await;
    assert_eq!(asked.path, "/v1/completions/anthropic-messages");
    assert_eq!(asked.json()["max_tokens"], 8192);
}

#[actix_web::test]
async fn code_is_completed_from_a_prompt_under_its_own_quota() {
    let answer = r#"{ "choices":[{"index":0,"text":"}","finish_reason":"stop"}] }"#;
    let gateway = ScriptedProvider::start([Script::json(200, answer)]).await;
    let more = "feature = \"code_completions\"";
    let herald = before_cody_gateway(&gateway.base_url(), "fireworks/starcoder", more).await;
    let request = json!({ "model": "m", "prompt": "fn main() {", "languageId": "rust" });
    let mut reply = ask(&herald, "/v1/completions", &request).await;
    assert_eq!(reply.text().await, answer);
    let asked = gateway.next_request().await;
    assert_eq!(asked.path, "/v1/completions/fireworks");
    assert_eq!(
        asked.header("x-sourcegraph-feature"),
        Some("code_completions")
    );
    assert_eq!(asked.json()["model"], "starcoder");
    assert_eq!(asked.json()["languageId"], "rust");
}

/// As it refuses a caller whose day's quota is spent.
fn quota_spent() -> Script {
    Script::new()
        .status(429)
        .header("content-type", "text/plain; charset=utf-8")
        .header("x-ratelimit-limit", "500")
        .header("x-ratelimit-remaining", "0")
        .header("retry-after", "Tue, 24 Nov 2026 00:00:00 UTC")
        .body("you have exceeded the rate limit of 500 requests. Retry after 2026-11-24 00:00:00 +0000 UTC\n")
}

#[actix_web::test]
async fn its_429_is_the_callers_quota_and_stays_one_through_a_chain() {
    let gateway = ScriptedProvider::start([quota_spent().repeat()]).await;
    let herald = before_cody_gateway(&gateway.base_url(), "openai/gpt-4o", "").await;
    let chain = Chain::behind(herald, "").await;
    for herald in [&chain.first, &chain.third] {
        let mut reply = ask(herald, CHAT, &chat(true)).await;
        assert_eq!(reply.status, 429);
        for (name, value) in [
            ("x-upstream-status", "429"),
            ("x-upstream-provider", "first-asks"),
            ("x-ratelimit-limit", "500"),
            ("x-ratelimit-remaining", "0"),
            ("retry-after", "Tue, 24 Nov 2026 00:00:00 GMT"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{name}");
        }
        let body = reply.json().await;
        let message = body["error"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("you have exceeded the rate limit of 500 requests."),
            "{message}"
        );
        assert_eq!(body["upstream"]["code"], "upstream_rate_limited");
    }
}

#[actix_web::test]
async fn its_errors_are_read_in_both_of_their_shapes() {
    let text = |status, words: &str| {
        Script::new()
            .status(status)
            .header("content-type", "text/plain; charset=utf-8")
            .body(words)
    };
    let json = |status, words: &str| Script::json(status, json!({ "error": words }).to_string());
    for (script, status, code, words, retry_after) in [
        (
            json(400, "unsupported model"),
            400,
            "upstream_rejected",
            "unsupported model",
            None,
        ),
        (
            json(401, "access denied"),
            502,
            "upstream_auth",
            "access denied",
            None,
        ),
        (
            json(403, "not enabled"),
            502,
            "upstream_forbidden",
            "not enabled",
            None,
        ),
        (
            json(504, "request to upstream provider openai timed out"),
            504,
            "upstream_timeout",
            "timed out",
            None,
        ),
        (
            text(503, "too many requests\n").header("retry-after", "2"),
            503,
            "upstream_overloaded",
            "too many requests",
            Some("2"),
        ),
        (text(500, "boom\n"), 502, "upstream_error", "boom", None),
    ] {
        let gateway = ScriptedProvider::start([script]).await;
        let herald = before_cody_gateway(&gateway.base_url(), "openai/gpt-4o", "").await;
        let mut reply = ask(&herald, CHAT, &chat(true)).await;
        assert_eq!(reply.status, status, "{words}");
        assert_eq!(reply.header("retry-after"), retry_after, "{words}");
        let body = reply.json().await;
        assert_eq!(body["upstream"]["code"], code, "{words}");
        assert!(
            body["error"]["message"].as_str().unwrap().contains(words),
            "{body}"
        );
    }
}
