//! Answers that go well, in each version and from both families of providers.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted, messages};
use serde_json::json;

use super::*;

/// A thought, a text beyond ASCII, a call, and what it took.
fn of_anthropic() -> Script {
    Script::sse()
        .typed_event(messages::start(3))
        .typed_event(messages::ping())
        .typed_event(messages::thinking_block(0))
        .typed_event(messages::thinking(0, "hm"))
        .typed_event(messages::signature(0, "proof"))
        .typed_event(messages::block_end(0))
        .typed_event(messages::text_block(1))
        .typed_event(messages::text(1, "Hallö "))
        .typed_event(messages::text(1, "🦀"))
        .typed_event(messages::block_end(1))
        .typed_event(messages::tool_block(2, "call-1", "look"))
        .typed_event(messages::tool_input(2, "{\"at\":"))
        .typed_event(messages::tool_input(2, "\"é\"}"))
        .typed_event(messages::block_end(2))
        .typed_event(messages::finish("tool_use", 9))
        .typed_event(messages::end())
        .finish()
}

fn of_openai() -> Script {
    let call = |delta: Value| {
        json!({ "choices": [{ "index": 0, "delta": { "tool_calls": [delta] }, "finish_reason": null }] })
            .to_string()
    };
    let thought = json!({ "choices": [{ "index": 0, "delta": { "reasoning_content": "hm" }, "finish_reason": null }] });
    let begun = json!({"index":0,"id":"call-1","type":"function","function":{"name":"look","arguments":""}});
    Script::sse()
        .event(scripted::role())
        .event(thought.to_string())
        .event(scripted::text("Hallö "))
        .event(scripted::text("🦀"))
        .event(call(begun))
        .event(call(json!({"index":0,"function":{"arguments":"{\"at\":"}})))
        .event(call(json!({"index":0,"function":{"arguments":"\"é\"}"}})))
        .event(scripted::finish("tool_calls"))
        .event(scripted::usage(3, 9))
        .done()
        .finish()
}

#[actix_web::test]
async fn every_version_streams_what_either_family_says() {
    for is_anthropic in [false, true] {
        for version in 0..=8 {
            let script = if is_anthropic {
                of_anthropic()
            } else {
                of_openai()
            };
            let provider = ScriptedProvider::start([script]).await;
            let gateway = if is_anthropic {
                before_anthropic(&provider).await
            } else {
                TestGateway::in_front_of(&provider).await
            };
            let mut reply = ask(&gateway, &at(STREAM, version), &question()).await;
            let (lawful, cody) = play(&mut reply, version).await;
            assert_eq!(cody.text, "Hallö 🦀", "{version}");
            assert_eq!(cody.stop_reason, "tool_use");
            let data = lawful.data();
            let last = data.last().unwrap();
            if version < 2 {
                assert_eq!(last["completion"], "Hallö 🦀");
                assert_eq!(data[0]["completion"], "Hallö ");
                assert!(cody.calls.is_empty() && cody.thinking.is_empty());
            } else {
                assert_eq!(cody.thinking, "hm");
                assert_eq!(
                    cody.calls["call-1"],
                    ("look".into(), "{\"at\":\"é\"}".into())
                );
                assert_eq!(
                    last["usage"],
                    json!({ "completion_tokens": 9, "prompt_tokens": 3, "total_tokens": 12 })
                );
            }
            assert!(is_complete(cody), "{version}");
            // Each event is one chunk.
            assert_eq!(lawful.chunks.len(), lawful.events.len() + 1);
            let sent = provider.next_request().await.json();
            assert_eq!(sent["stream"], true);
            assert_eq!(sent["messages"][0]["role"], "user");
            assert!(
                sent.get("top_k").is_none() && sent.get("top_p").is_none(),
                "{sent}"
            );
        }
    }
}

#[actix_web::test]
async fn code_is_answered_with_a_document_unless_a_stream_is_asked_for() {
    let provider = ScriptedProvider::start([
        Script::json(200, scripted::completion("fn main")),
        Script::chat(["fn ", "main"]),
        Script::json(200, scripted::completion("whole")),
    ])
    .await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let document = ask(&gateway, &at(CODE, 1), &question()).await.json().await;
    assert_eq!(
        document,
        json!({ "completion": "fn main", "stopReason": "end_turn" })
    );
    let body = question_with(json!({ "stream": true }));
    let mut reply = ask(&gateway, &at(CODE, 1), &body).await;
    let (_, cody) = play(&mut reply, 1).await;
    assert_eq!(cody.text, "fn main");
    assert!(is_complete(cody));
    let body = question_with(json!({ "stream": false }));
    let document = ask(&gateway, &at(STREAM, 8), &body).await.json().await;
    assert_eq!(document["completion"], "whole");
}

#[actix_web::test]
async fn tools_pictures_and_results_reach_the_provider() {
    let body = question_with(json!({
        "messages": [
            { "speaker": "system", "text": "Be brief." },
            { "speaker": "human", "cacheEnabled": true, "content": [
                { "type": "text", "text": "See" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } },
            ] },
            { "speaker": "assistant", "content": [
                { "type": "tool_call", "tool_call": { "id": "1", "name": "look", "arguments": "{\"a\":1}" } },
            ] },
            { "speaker": "human", "content": [
                { "type": "tool_result", "tool_result": { "id": "1", "content": "seen" } },
            ] },
        ],
        "tools": [{ "type": "function", "function": { "name": "look", "parameters": { "type": "object" } } }],
        "stopSequences": ["END"],
    }));
    let provider = ScriptedProvider::start([Script::message(["ok"])]).await;
    let gateway = before_anthropic(&provider).await;
    let mut reply = ask(&gateway, &at(STREAM, 8), &body).await;
    assert_eq!(reply.header("x-herald-dropped"), None);
    assert!(is_complete(play(&mut reply, 8).await.1));
    let sent = provider.next_request().await.json();
    let said = &sent["messages"];
    assert_eq!(said[0]["content"][1]["source"]["media_type"], "image/png");
    assert_eq!(said[0]["content"][1]["cache_control"]["type"], "ephemeral");
    assert_eq!(said[1]["content"][0]["input"], json!({ "a": 1 }));
    assert_eq!(said[2]["content"][0]["tool_use_id"], "1");
    assert_eq!(sent["tools"][0]["name"], "look");
    assert_eq!(sent["stop_sequences"], json!(["END"]));
    assert_eq!(sent["max_tokens"], 100);
}

#[actix_web::test]
async fn the_providers_timings_and_the_resolved_model_reach_the_client_and_silence_stays_silent() {
    let gate = herald::testkit::Gate::new();
    let script = Script::sse()
        .header("fireworks-server-time-to-first-token", "0.2")
        .header("x-cody-resolved-model", "fireworks/starcoder")
        .event(scripted::text("a"))
        .wait(&gate)
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let settings = "[clocks]\nheartbeat = \"10ms\"\n";
    let gateway = TestGateway::tuned(&provider, settings).await;
    let mut reply = ask(&gateway, &at(STREAM, 8), &question()).await;
    assert_eq!(
        reply.header("fireworks-server-time-to-first-token"),
        Some("0.2")
    );
    assert_eq!(
        reply.header("x-cody-resolved-model"),
        Some("fireworks/starcoder")
    );
    assert!(reply.header("x-upstream-time-to-first-token").is_some());
    let first = reply.chunk().await.unwrap();
    assert!(first.starts_with("event: completion\n"), "{first}");
    // Many heartbeats' time: another stream on the same worker is told meanwhile.
    actix_web::rt::time::timeout(std::time::Duration::from_millis(100), reply.chunk())
        .await
        .expect_err("nothing may come while the provider is silent");
    gate.open();
    let (rest, _) = reply.rest().await;
    assert!(strict::judge(&(first + &rest.concat())).is_ok());
}
