//! Answers that go well, in each version and from both families of providers.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted, messages};
use serde_json::json;

use super::*;
use crate::support::LogLines;

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
async fn log_probabilities_and_a_prediction_are_asked_for_and_the_first_come_back() {
    let chosen = json!({ "token": "fn", "logprob": -0.5, "bytes": [102, 110], "top_logprobs": [{ "token": "fn", "logprob": -0.5, "bytes": null }] });
    let logprobs = json!({ "content": [chosen], "refusal": null });
    let piece = json!({ "choices": [{ "index": 0, "delta": { "content": "fn" }, "logprobs": logprobs, "finish_reason": null }] });
    let stream = || {
        Script::sse()
            .event(piece.to_string())
            .event(scripted::finish("stop"))
            .done()
            .finish()
    };
    let whole = json!({ "choices": [{ "index": 0, "message": { "content": "fn" }, "logprobs": logprobs, "finish_reason": "stop" }] });
    let provider = ScriptedProvider::start([
        stream(),
        stream(),
        Script::json(200, whole.to_string()),
        stream(),
    ])
    .await;
    let kinds = |filter: &str| {
        format!(
            "[[providers]]\nid = \"scripted\"\nkind = \"openai\"\npreset = \"fireworks\"\nbase_url = \"{}\"\n\
             [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"scripted\", model = \"up\" }}]\n{filter}",
            provider.base_url()
        )
    };
    let gateway = TestGateway::with_settings(&kinds("")).await;
    let prediction = json!({ "type": "content", "content": "fn a()" });
    let body = question_with(json!({ "logprobs": 1, "prediction": prediction }));
    let told = json!({ "tokens": ["fn"], "token_logprobs": [-0.5], "top_logprobs": [{ "fn": -0.5 }], "text_offset": [0] });
    for version in [1, 8] {
        let mut reply = ask(&gateway, &at(STREAM, version), &body).await;
        assert_eq!(reply.header("x-herald-dropped"), None);
        let (lawful, cody) = play(&mut reply, version).await;
        assert_eq!(lawful.data()[0]["logprobs"], told);
        assert!(is_complete(cody));
        let sent = provider.next_request().await.json();
        assert_eq!(sent["logprobs"], true);
        assert_eq!(sent["top_logprobs"], 1);
        assert_eq!(sent["prediction"], prediction);
    }
    let mut reply = ask(&gateway, &at(CODE, 1), &body).await;
    assert_eq!(reply.json().await["logprobs"], told);

    let gateway = TestGateway::with_settings(&kinds("filter.drop = [\"logprobs\"]\n")).await;
    let mut reply = ask(&gateway, &at(STREAM, 8), &body).await;
    let (lawful, _) = play(&mut reply, 8).await;
    assert!(!lawful.chunks.concat().contains("logprobs"));
}

#[actix_web::test]
async fn what_a_version_has_no_place_for_is_counted_and_in_a_document_named() {
    let lines = LogLines::collect();
    let document = messages::message("Hi");
    let provider =
        ScriptedProvider::start([of_anthropic(), of_anthropic(), Script::json(200, document)])
            .await;
    let gateway = before_anthropic(&provider).await;
    // A thought, its proof, a call and usage; of the newer versions only the proof.
    for (version, lost) in [(1, "4"), (8, "1")] {
        let mut reply = ask(&gateway, &at(STREAM, version), &question()).await;
        assert_eq!(reply.header("x-herald-dropped"), None);
        let id = reply.header("x-herald-request-id").unwrap().to_owned();
        play(&mut reply, version).await;
        assert_eq!(lines.of(&id).await["lost_parts"], lost, "{version}");
    }
    let mut reply = ask(&gateway, &at(CODE, 8), &question()).await;
    assert_eq!(reply.header("x-herald-dropped"), Some("usage"));
    let id = reply.header("x-herald-request-id").unwrap().to_owned();
    reply.json().await;
    assert_eq!(lines.of(&id).await["lost_parts"], "1");
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
