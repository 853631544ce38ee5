//! What is well passes byte for byte, and tells who served.

use herald::testkit::{Script, ScriptedProvider, chat as scripted};
use serde_json::{Value, json};

use crate::{
    client::{End, Reply},
    heralds::{CHAT, Chain, ask, ask_with, chat, provider},
    log_lines::LogLines,
};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Who served, as each answer through a chain that is well has it.
fn assert_told(reply: &Reply) {
    assert_eq!(reply.status, 200);
    for (name, value) in [
        ("x-upstream-status", "200"),
        ("x-upstream-provider", "first-asks"),
        ("x-upstream-model", "m"),
        (
            "proxy-status",
            "first;received-status=200, second;next-hop=\"second-asks\";received-status=200, \
             third;next-hop=\"third-asks\";received-status=200",
        ),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
}

#[actix_web::test]
async fn a_stream_passes_byte_for_byte_and_each_herald_tells_its_times() {
    let odd = r#"{ "choices":[{"index":0,"delta":{"content":"Hé\u2028"}}], "odd":[ ] }"#;
    let script = Script::sse()
        .header("x-request-id", "req-1")
        .event(scripted::role())
        .event(odd)
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let chain = Chain::before(&provider, "").await;
    let lines = LogLines::collect();
    let headers = [("traceparent", PARENT)];
    let mut reply = ask_with(&chain.third, CHAT, &chat(true), &headers).await;
    assert_told(&reply);
    assert_eq!(reply.header("x-request-id"), Some("req-1"));
    let timing = reply.header("server-timing").unwrap();
    let names: Vec<_> = timing
        .split(", ")
        .map(|member| member.split_once(";dur=").unwrap().0)
        .collect();
    let of = |prefix: &str| {
        ["connect", "upstream-head", "first-event", "total"].map(|name| format!("{prefix}{name}"))
    };
    assert_eq!(names, [of(""), of("hop2-"), of("hop3-")].concat());
    let id = reply.header("x-herald-request-id").unwrap().to_owned();

    let (chunks, end) = reply.rest().await;
    assert_eq!(end, End::Whole);
    let expected = [&*scripted::role(), odd, &scripted::finish("stop"), "[DONE]"]
        .map(|data| format!("data: {data}\n\n"));
    assert_eq!(chunks, expected);

    // Each Herald's line names the line of the next.
    let third = lines.of(&id).await;
    let second = lines.of(&third["next_request_id"]).await;
    let first = lines.of(&second["next_request_id"]).await;
    assert_eq!(first["provider"], "first-asks");
    assert!(!first.contains_key("next_request_id"));

    let asked = provider.next_request().await;
    let parent = asked.header("traceparent").unwrap();
    assert_eq!(parent[..36], PARENT[..36]);
    // What Heralds tell each other is for no provider.
    assert_eq!(asked.header("x-herald-hops"), None);
    assert_eq!(asked.header("x-timeout-ms"), None);
}

#[actix_web::test]
async fn every_format_is_asked_for_at_its_own_path_and_passes() {
    let document = r#"{ "id":"1", "choices":[{"index":0,"text":"a","message":{"content":"a"},"finish_reason":"stop"}], "x":1.0e2 }"#;
    let response = r#"{ "id":"1", "object":"response", "status":"completed", "output":[] }"#;
    let embeddings = r#"{ "object":"list", "data":[{"embedding":[0.10]}] }"#;
    let message = r#"{ "id":"1", "type":"message", "role":"assistant", "content":[], "stop_reason":"end_turn" }"#;
    let count = r#"{ "input_tokens":2095 }"#;
    for (kind, path, more, answer) in [
        (
            "openai",
            "/v1/chat/completions",
            json!({"messages": []}),
            document,
        ),
        (
            "openai",
            "/v1/completions",
            json!({"prompt": "a"}),
            document,
        ),
        ("openai", "/v1/responses", json!({"input": "a"}), response),
        (
            "openai",
            "/v1/embeddings",
            json!({"input": "a"}),
            embeddings,
        ),
        (
            "anthropic",
            "/v1/messages",
            json!({"max_tokens": 1, "messages": []}),
            message,
        ),
        (
            "anthropic",
            "/v1/messages/count_tokens",
            json!({"messages": []}),
            count,
        ),
    ] {
        let scripted = ScriptedProvider::start([Script::json(200, answer)]).await;
        let mut asks = provider("first", kind, &scripted.base_url());
        if kind == "openai" {
            asks.push_str("\nresponses = true");
        }
        let chain = Chain::of(&asks, "").await;
        let mut request = more;
        request["model"] = "m".into();
        let mut reply = ask(&chain.third, path, &request).await;
        assert_told(&reply);
        assert_eq!(reply.text().await, answer, "{path}");
        let asked = scripted.next_request().await;
        assert_eq!((&*asked.path, asked.json()), (path, request), "{path}");
    }
}

#[actix_web::test]
async fn what_the_first_could_not_carry_is_named_to_the_client_of_the_third() {
    let scripted = ScriptedProvider::start([Script::message(["Hi"])]).await;
    let asks = provider("first", "anthropic", &scripted.base_url());
    let chain = Chain::of(&asks, "").await;
    let mut request = chat(true);
    request["logit_bias"] = json!({"1": 2});
    let mut reply = ask(&chain.third, CHAT, &request).await;
    assert_eq!(reply.header("x-herald-dropped"), Some("logit_bias"));
    let events = reply.events().await;
    let said: Vec<_> = events
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(event).ok())
        .filter_map(|event| Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert_eq!(said.concat(), "Hi");
}

#[actix_web::test]
async fn a_herald_that_no_herald_asks_tells_of_no_chain() {
    let provider = ScriptedProvider::start([Script::chat(["Hi"])]).await;
    let chain = Chain::before(&provider, "").await;
    let reply = ask(&chain.first, CHAT, &chat(true)).await;
    assert_eq!(reply.header("proxy-status"), None);
}
