//! What a translation carries comes as it was said, there and back again.

use herald::testkit::{Gate, Happened, Script, ScriptedProvider, TestGateway, chat, messages};
use serde_json::{Value, json};

use crate::{
    translation::{Dialect, Ended, TRANSLATED, answer_to, ask, events, gateway, judge, post},
    wire::Wire,
};

/// A schema's own order and numbers are the client's: what is *carried* stands as it was written.
#[actix_web::test]
async fn a_schema_is_carried_with_its_order_and_its_numbers() {
    let schema = r#"{"type":"object","properties":{"zeta":{"type":"number","maximum":123456789012345678901234567890,"multipleOf":1.10},"alpha":{"const":1e2}}}"#;
    let mut flaws = Vec::new();
    for (dialect, kind) in crate::translation::TRANSLATED {
        let tool = match dialect {
            Dialect::Chat => format!(
                r#"{{"type":"function","function":{{"name":"look","parameters":{schema}}}}}"#
            ),
            Dialect::Responses => format!(
                r#"{{"type":"function","name":"look","strict":false,"parameters":{schema}}}"#
            ),
            Dialect::Messages => format!(r#"{{"name":"look","input_schema":{schema}}}"#),
        };
        let plain = dialect.request(false).to_string();
        let body = format!("{},\"tools\":[{tool}]}}", &plain[..plain.len() - 1]);
        let provider = ScriptedProvider::start([ok(kind)]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        let answer = ask(&gateway, dialect, &body, &[]).await;
        let sent = provider.next_request().await.text();
        if answer.status != 200 || !sent.contains(schema) {
            flaws.push(format!("{dialect:?} over {kind}: {} {sent}", answer.status));
        }
    }
    crate::translation::assert_none(&flaws);
}

/// The same of the arguments of a call, on their way to the client.
#[actix_web::test]
async fn arguments_of_a_call_keep_their_order_and_their_numbers() {
    let input = r#"{"zeta":123456789012345678901234567890,"alpha":1.10,"beta":1e2}"#;
    let document = format!(
        r#"{{"id":"msg_1","type":"message","role":"assistant","model":"x","stop_reason":"tool_use","content":[{{"type":"tool_use","id":"c1","name":"look","input":{input}}}],"usage":{{"input_tokens":1,"output_tokens":1}}}}"#
    );
    for dialect in [Dialect::Chat, Dialect::Responses] {
        let answer = answer_to(
            dialect,
            "anthropic",
            false,
            Script::json(200, &document),
            "",
        )
        .await;
        let quoted = serde_json::to_string(input).unwrap();
        assert!(
            answer.text().contains(&quoted),
            "{dialect:?}: {}",
            answer.text()
        );
    }
    let call = json!({ "id": "c1", "type": "function", "function": { "name": "look", "arguments": input } });
    let document = json!({ "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": { "role": "assistant", "content": null, "tool_calls": [call] } }] });
    let script = Script::json(200, document.to_string());
    let answer = answer_to(Dialect::Messages, "openai", false, script, "").await;
    assert!(answer.text().contains(input), "{}", answer.text());
}

fn ok(kind: &str) -> Script {
    let body = if kind == "anthropic" {
        messages::message("a")
    } else {
        chat::completion("a")
    };
    Script::json(200, body).repeat()
}

/// "Round trips: what can be carried both ways comes back the same".
#[actix_web::test]
async fn a_turn_of_claudes_with_thoughts_and_a_call_comes_back_to_it_the_same() {
    let content = json!([
        { "type": "thinking", "thinking": "T\u{2028}", "signature": "c2ln/+=" },
        { "type": "redacted_thinking", "data": "ZGF0YQ==" },
        { "type": "text", "text": "A" },
        { "type": "tool_use", "id": "toolu_01", "name": "look", "input": { "zeta": 1, "alpha": [null, "é"] } },
        { "type": "tool_use", "id": "toolu_02", "name": "look", "input": {} },
    ]);
    let said = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "x", "content": content,
        "stop_reason": "tool_use", "stop_sequence": null, "usage": { "input_tokens": 1, "output_tokens": 1 } });
    for dialect in [Dialect::Chat, Dialect::Responses] {
        let provider =
            ScriptedProvider::start([Script::json(200, said.to_string()).repeat()]).await;
        let gateway = gateway(&provider, "anthropic", "", "").await;
        let first = ask(&gateway, dialect, dialect.request(false).to_string(), &[])
            .await
            .json();
        provider.next_request().await;
        let mut body = dialect.request(false);
        let user = json!({ "role": "user", "content": "Hi" });
        if dialect == Dialect::Chat {
            body["messages"] = json!([
                user, first["choices"][0]["message"],
                { "role": "tool", "tool_call_id": "toolu_01", "content": "one" },
                { "role": "tool", "tool_call_id": "toolu_02", "content": "two" },
            ]);
        } else {
            let mut input = vec![user];
            input.extend(first["output"].as_array().unwrap().iter().cloned());
            for (id, text) in [("toolu_01", "one"), ("toolu_02", "two")] {
                input
                    .push(json!({ "type": "function_call_output", "call_id": id, "output": text }));
            }
            body["input"] = json!(input);
        }
        let answer = ask(&gateway, dialect, body.to_string(), &[]).await;
        assert_eq!(
            (answer.status, answer.header("x-herald-dropped")),
            (200, None),
            "{dialect:?}: {first}"
        );
        let sent = provider.next_request().await.json();
        assert_eq!(
            sent["messages"][1],
            json!({ "role": "assistant", "content": content }),
            "{dialect:?}"
        );
        let results: Vec<_> = sent["messages"][2]["content"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["tool_use_id"].clone())
            .collect();
        assert_eq!(results, ["toolu_01", "toolu_02"]);
    }
}

/// The same of a server of chat completions that takes thoughts back.
#[actix_web::test]
async fn a_turn_with_details_of_thoughts_comes_back_to_openrouter_the_same() {
    let details = json!([{ "type": "reasoning.text", "text": "T", "signature": "sig", "format": "anthropic-claude-v1", "index": 0 }]);
    let call = json!({ "id": "c1", "type": "function", "function": { "name": "look", "arguments": "{\"a\":1}" } });
    let said = json!({ "id": "x", "created": 1, "model": "x", "choices": [{ "index": 0, "finish_reason": "tool_calls",
        "message": { "role": "assistant", "content": "A", "reasoning": "T", "reasoning_details": details, "tool_calls": [call] } }] });
    let provider = ScriptedProvider::start([Script::json(200, said.to_string()).repeat()]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\npreset = \"openrouter\"\nresponses = false\nbase_url = \"{}\"\n\
         [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"up\" }}]\n",
        provider.base_url(),
    ))
    .await;
    let dialect = Dialect::Messages;
    let first = ask(&gateway, dialect, dialect.request(false).to_string(), &[])
        .await
        .json();
    provider.next_request().await;
    let body = dialect.with(false, "messages", json!([
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": first["content"] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c1", "content": "one" }] },
    ]));
    let answer = ask(&gateway, dialect, body.to_string(), &[]).await;
    assert_eq!(
        (answer.status, answer.header("x-herald-dropped")),
        (200, None),
        "{first}"
    );
    let sent = provider.next_request().await.json();
    let turn = &sent["messages"][1];
    assert_eq!(
        (&turn["content"], &turn["tool_calls"]),
        (&json!("A"), &json!([call])),
        "{sent}"
    );
    assert_eq!(turn["reasoning_details"][0]["text"], "T", "{sent}");
    assert_eq!(turn["reasoning_details"][0]["signature"], "sig", "{sent}");
    assert_eq!(
        sent["messages"][2],
        json!({ "role": "tool", "tool_call_id": "c1", "content": "one" })
    );
}

/// "alternatives beyond the first" are nothing: they must not be mixed into the answer.
#[actix_web::test]
async fn another_alternative_of_the_provider_is_not_mixed_into_the_answer() {
    let of = |index: u64, text: &str, reason: Value| {
        json!({ "choices": [{ "index": index, "delta": { "content": text }, "finish_reason": reason }] }).to_string()
    };
    for dialect in [Dialect::Responses, Dialect::Messages] {
        let said = [
            of(1, "OTHER", Value::Null),
            of(0, "a", Value::Null),
            of(1, "OTHER", json!("length")),
            of(0, "b", json!("stop")),
            "[DONE]".to_owned(),
        ];
        let answer = answer_to(dialect, "openai", true, events("openai", &said), "").await;
        assert_eq!(judge(dialect, &answer), Ok(Ended::Well), "{dialect:?}");
        assert!(!answer.text().contains("OTHER"), "{}", answer.text());
        assert!(
            answer.text().contains("\"b\"")
                && !answer.text().contains("response.incomplete")
                && !answer.text().contains("\"max_tokens\""),
            "{}",
            answer.text()
        );
    }
}

/// Calls whose pieces come by turns: each has its own arguments in the end.
#[actix_web::test]
async fn calls_that_are_told_by_turns_keep_their_own_arguments() {
    let piece = |index: u64, call: Value| {
        let mut call = call;
        call["index"] = json!(index);
        json!({ "choices": [{ "index": 0, "delta": { "tool_calls": [call] }, "finish_reason": null }] }).to_string()
    };
    let begin = |index: u64| {
        piece(
            index,
            json!({ "id": format!("c{index}"), "type": "function", "function": { "name": "look", "arguments": "" } }),
        )
    };
    let more = |index: u64, text: &str| piece(index, json!({ "function": { "arguments": text } }));
    for dialect in [Dialect::Responses, Dialect::Messages] {
        let said = [
            begin(0),
            more(0, "{\"a\""),
            begin(1),
            more(1, "{\"b\""),
            more(0, ":0}"),
            more(1, ":1}"),
            chat::finish("tool_calls"),
            "[DONE]".to_owned(),
        ];
        let answer = answer_to(dialect, "openai", true, events("openai", &said), "").await;
        assert_eq!(judge(dialect, &answer), Ok(Ended::Well), "{dialect:?}");
        let mut calls = vec![String::new(); 2];
        for data in answer.data() {
            let data: Value = serde_json::from_str(&data).unwrap();
            let (index, text) = if dialect == Dialect::Messages {
                (&data["index"], &data["delta"]["partial_json"])
            } else if data["type"] == "response.function_call_arguments.delta" {
                (&data["output_index"], &data["delta"])
            } else {
                continue;
            };
            if let (Some(index), Some(text)) = (index.as_u64(), text.as_str()) {
                calls[index as usize].push_str(text);
            }
        }
        assert_eq!(
            calls,
            [r#"{"a":0}"#, r#"{"b":1}"#],
            "{dialect:?}: {}",
            answer.text()
        );
    }
}

/// "A slow reader slows the upstream read", translated too: one that reads nothing holds the provider back.
#[actix_web::test]
async fn a_reader_that_takes_nothing_holds_the_provider_back_in_translation() {
    for (dialect, kind) in TRANSLATED {
        let data = if kind == "anthropic" {
            messages::text(0, &"x".repeat(500))
        } else {
            chat::text(&"x".repeat(500))
        };
        let begun = if kind == "anthropic" {
            Script::sse()
                .typed_event(messages::start(3))
                .typed_event(messages::text_block(0))
        } else {
            Script::sse().event(chat::role())
        };
        let provider = ScriptedProvider::start([begun.flood(data, 1_000_000)]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(dialect.path(), dialect.request(true).to_string(), &[]))
            .await;
        let answer = wire.head().await.unwrap();
        assert_eq!(answer.status, 200);
        provider
            .wait_for("the provider to be held back", |what| {
                matches!(what, Happened::Blocked { .. })
            })
            .await;
    }
}

/// The client leaves, the provider stops: in translation too.
#[actix_web::test]
async fn a_client_that_leaves_a_translated_stream_ends_the_providers() {
    for (dialect, kind) in TRANSLATED {
        let gate = Gate::new();
        let begun = if kind == "anthropic" {
            Script::sse()
                .typed_event(messages::start(3))
                .typed_event(messages::text_block(0))
                .typed_event(messages::text(0, "a"))
        } else {
            Script::sse().event(chat::text("a"))
        };
        let provider = ScriptedProvider::start([begun.wait(&gate)]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(dialect.path(), dialect.request(true).to_string(), &[]))
            .await;
        wire.head().await.unwrap();
        drop(wire);
        provider.caller_left().await;
    }
}

/// Of two alternatives only the other one finished: the one that is told has not.
#[actix_web::test]
async fn the_end_of_another_alternative_is_not_the_end_of_the_answer() {
    let of = |index: u64, text: &str, reason: Value| {
        json!({ "choices": [{ "index": index, "delta": { "content": text }, "finish_reason": reason }] }).to_string()
    };
    for dialect in [Dialect::Responses, Dialect::Messages] {
        let said = [of(0, "a", Value::Null), of(1, "b", json!("stop"))];
        let answer = answer_to(dialect, "openai", true, events("openai", &said), "").await;
        assert_eq!(judge(dialect, &answer), Ok(Ended::InError), "{dialect:?}");
    }
}
