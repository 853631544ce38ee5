//! Every value of a good request and of a good answer in turn replaced by one that nobody means.

use herald::testkit::{Script, ScriptedProvider, chat, messages};
use serde_json::{Value, json};

use crate::translation::{
    Dialect, Ended, TRANSLATED, ask, assert_none, gateway, judge, refusal_flaw,
};

/// What stands for a value that nobody means.
fn junk() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(false),
        json!(-1),
        json!(7),
        json!(0.5),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("zzz"),
        json!("\0\u{2028}"),
        json!([]),
        json!([null]),
        json!([[]]),
        json!({}),
        json!({ "type": "zzz" }),
        json!([{ "type": "text", "text": "x" }]),
        json!({ "type": "text", "text": 7 }),
    ]
}

/// The places of all values in this one, itself not among them.
pub(crate) fn places(value: &Value) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, value)| (at.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    let mut all = Vec::new();
    for (name, value) in inner {
        let name = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        all.extend(
            places(value)
                .into_iter()
                .map(|place| format!("{name}{place}")),
        );
        all.push(name);
    }
    all
}

/// A request in which each part that is translated occurs once.
pub(crate) fn request(dialect: Dialect) -> Value {
    let mut request = dialect.request(false);
    let members = match dialect {
        Dialect::Chat => json!({
            "messages": [
                { "role": "system", "content": "S" },
                { "role": "user", "name": "n", "content": [
                    { "type": "text", "text": "Hi", "cache_control": { "type": "ephemeral", "ttl": "1h" } },
                    { "type": "image_url", "image_url": { "url": "data:image/png;base64,QUJD", "detail": "high" } },
                    { "type": "file", "file": { "filename": "f.pdf", "file_data": "data:application/pdf;base64,QUJD" } },
                ] },
                { "role": "assistant", "content": "A", "reasoning_content": "T",
                  "reasoning_details": [{ "type": "reasoning.text", "text": "T", "signature": "s", "format": "anthropic-claude-v1", "index": 0 }],
                  "tool_calls": [{ "id": "c1", "type": "function", "function": { "name": "look", "arguments": "{}" } }] },
                { "role": "tool", "tool_call_id": "c1", "content": "R" },
            ],
            "tools": [{ "type": "function", "function": { "name": "look", "description": "d", "strict": true, "parameters": { "type": "object" } } }],
            "tool_choice": { "type": "function", "function": { "name": "look" } }, "parallel_tool_calls": false,
            "response_format": { "type": "json_schema", "json_schema": { "name": "n", "strict": true, "schema": { "type": "object" } } },
            "stop": ["x"], "temperature": 0.5, "top_p": 0.5, "top_k": 5, "max_completion_tokens": 50, "user": "u", "reasoning_effort": "low", "n": 1,
        }),
        Dialect::Responses => json!({
            "instructions": "S", "max_output_tokens": 50, "temperature": 0.5, "top_p": 0.5, "user": "u", "store": false,
            "input": [
                { "type": "message", "role": "user", "content": [
                    { "type": "input_text", "text": "Hi" },
                    { "type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "high" },
                    { "type": "input_file", "filename": "f.pdf", "file_data": "data:application/pdf;base64,QUJD" },
                ] },
                { "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "T" }], "encrypted_content": "herald-signature:s" },
                { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "A", "annotations": [] }] },
                { "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look", "arguments": "{}" },
                { "type": "function_call_output", "call_id": "c1", "output": "R" },
            ],
            "tools": [{ "type": "function", "name": "look", "description": "d", "parameters": { "type": "object" }, "strict": false }],
            "tool_choice": { "type": "function", "name": "look" }, "parallel_tool_calls": false,
            "text": { "format": { "type": "json_schema", "name": "n", "strict": true, "schema": { "type": "object" } } },
            "reasoning": { "effort": "low", "summary": "auto" }, "include": ["reasoning.encrypted_content"],
        }),
        Dialect::Messages => json!({
            "system": [{ "type": "text", "text": "S", "cache_control": { "type": "ephemeral" } }],
            "messages": [
                { "role": "user", "content": [
                    { "type": "text", "text": "Hi" },
                    { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "QUJD" } },
                    { "type": "document", "title": "t", "source": { "type": "base64", "media_type": "application/pdf", "data": "QUJD" } },
                    { "type": "search_result", "source": "s", "title": "t", "content": [{ "type": "text", "text": "x" }] },
                ] },
                { "role": "assistant", "content": [
                    { "type": "thinking", "thinking": "T", "signature": "s" },
                    { "type": "redacted_thinking", "data": "d" },
                    { "type": "text", "text": "A" },
                    { "type": "tool_use", "id": "c1", "name": "look", "input": {} },
                ] },
                { "role": "user", "content": [
                    { "type": "tool_result", "tool_use_id": "c1", "is_error": true, "content": [{ "type": "text", "text": "R" }] },
                ] },
            ],
            "tools": [{ "name": "look", "description": "d", "input_schema": { "type": "object" } }],
            "tool_choice": { "type": "tool", "name": "look", "disable_parallel_tool_use": true },
            "output_config": { "effort": "low", "format": { "type": "json_schema", "schema": { "type": "object" } } },
            "thinking": { "type": "enabled", "budget_tokens": 2000 }, "metadata": { "user_id": "u" },
            "stop_sequences": ["x"], "temperature": 0.5, "top_p": 0.5, "top_k": 5,
        }),
    };
    for (member, value) in members.as_object().unwrap() {
        request[member] = value.clone();
    }
    request
}

/// The parts of a good answer: the events of a stream.
fn stream(kind: &str) -> Vec<Value> {
    let said = if kind == "anthropic" {
        vec![
            messages::start(3),
            messages::thinking_block(0),
            messages::thinking(0, "T"),
            messages::signature(0, "s"),
            messages::block_end(0),
            messages::text_block(1),
            messages::text(1, "A"),
            messages::block_end(1),
            messages::tool_block(2, "c1", "look"),
            messages::tool_input(2, "{\"a\":"),
            messages::tool_input(2, "1}"),
            messages::block_end(2),
            messages::finish("tool_use", 9),
            messages::end(),
        ]
    } else {
        let delta = |delta: Value| {
            json!({ "id": "x", "created": 1, "model": "x", "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] }).to_string()
        };
        vec![
            delta(json!({ "role": "assistant", "content": "" })),
            delta(json!({ "reasoning_content": "T" })),
            delta(
                json!({ "reasoning_details": [{ "type": "reasoning.text", "text": "U", "signature": "s", "format": "anthropic-claude-v1", "index": 0 }] }),
            ),
            delta(json!({ "content": "A" })),
            delta(
                json!({ "tool_calls": [{ "index": 0, "id": "c1", "type": "function", "function": { "name": "look", "arguments": "{\"a\":" } }] }),
            ),
            delta(json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "1}" } }] })),
            chat::finish("tool_calls"),
            chat::usage(3, 9),
        ]
    };
    said.iter()
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn document(kind: &str) -> Value {
    if kind == "anthropic" {
        json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "x", "stop_reason": "tool_use", "stop_sequence": null,
            "content": [{ "type": "thinking", "thinking": "T", "signature": "s" }, { "type": "redacted_thinking", "data": "d" },
                { "type": "text", "text": "A", "citations": [] }, { "type": "tool_use", "id": "c1", "name": "look", "input": { "a": 1 } }],
            "usage": { "input_tokens": 1, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 1, "output_tokens": 9 } })
    } else {
        json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "x", "choices": [{ "index": 0, "finish_reason": "tool_calls",
            "message": { "role": "assistant", "content": "A", "refusal": null, "reasoning_content": "T",
                "reasoning_details": [{ "type": "reasoning.text", "text": "T", "signature": "s", "index": 0 }],
                "tool_calls": [{ "id": "c1", "type": "function", "function": { "name": "look", "arguments": "{\"a\":1}" } }] } }],
            "usage": { "prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12, "prompt_tokens_details": { "cached_tokens": 1 } } })
    }
}

/// A 400 names what is at fault; all else that a client can say wrong is carried, or named.
#[actix_web::test]
async fn any_value_of_a_request_gone_wrong_is_a_400_that_names_it_or_is_told() {
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        let reply = if kind == "anthropic" {
            messages::message("a")
        } else {
            chat::completion("a")
        };
        let provider = ScriptedProvider::start([Script::json(200, reply).repeat()]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        let good = request(dialect);
        for place in places(&good) {
            if ["/model", "/stream"].contains(&place.as_str()) {
                continue;
            }
            for junk in junk() {
                let mut body = good.clone();
                *body.pointer_mut(&place).unwrap() = junk.clone();
                let answer = ask(&gateway, dialect, body.to_string(), &[]).await;
                let told = format!("{dialect:?} over {kind}, {place} = {junk}");
                if answer.status == 200 {
                    continue;
                }
                if answer.status != 400 || refusal_flaw(dialect, &answer).is_some() {
                    flaws.push(format!("{told}: {answer:?}"));
                } else if answer.json()["error"]["param"]
                    .as_str()
                    .is_none_or(str::is_empty)
                {
                    flaws.push(format!("{told}: names nothing: {}", answer.text()));
                }
            }
        }
    }
    assert_none(&flaws);
}

/// Any value of any event gone wrong: the client can read the stream, or gets a refusal that it can.
#[actix_web::test]
async fn any_value_of_a_providers_stream_gone_wrong_leaves_a_readable_stream() {
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        let provider = ScriptedProvider::start([]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        let good = stream(kind);
        for (at, event) in good.iter().enumerate() {
            for place in places(event) {
                for junk in junk() {
                    let mut said = good.clone();
                    *said[at].pointer_mut(&place).unwrap() = junk.clone();
                    let mut script = said.iter().zip(&good).fold(
                        Script::sse(),
                        |script, (data, good)| match good["type"].as_str() {
                            Some(name) => script.named_event(name, data.to_string()),
                            None => script.event(data.to_string()),
                        },
                    );
                    if kind == "openai" {
                        script = script.done();
                    }
                    provider.push(script.finish());
                    let answer =
                        ask(&gateway, dialect, dialect.request(true).to_string(), &[]).await;
                    let told = format!("{dialect:?} over {kind}, event {at}, {place} = {junk}");
                    let flaw = if answer.status == 200 {
                        match judge(dialect, &answer) {
                            Ok(Ended::Silently) => Some("no end".to_owned()),
                            Ok(_) => None,
                            Err(flaw) => Some(flaw),
                        }
                    } else {
                        refusal_flaw(dialect, &answer)
                    };
                    flaws.extend(flaw.map(|flaw| format!("{told}: {flaw}")));
                }
            }
        }
    }
    assert_none(&flaws);
}

/// The same of a document.
#[actix_web::test]
async fn any_value_of_a_providers_document_gone_wrong_leaves_a_readable_document() {
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        let provider = ScriptedProvider::start([]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        let good = document(kind);
        for place in places(&good) {
            for junk in junk() {
                let mut said = good.clone();
                *said.pointer_mut(&place).unwrap() = junk.clone();
                provider.push(Script::json(200, said.to_string()));
                let answer = ask(&gateway, dialect, dialect.request(false).to_string(), &[]).await;
                let told = format!("{dialect:?} over {kind}, {place} = {junk}");
                if answer.status != 200 {
                    flaws.extend(
                        refusal_flaw(dialect, &answer).map(|flaw| format!("{told}: {flaw}")),
                    );
                    continue;
                }
                let body = answer.json();
                let is_whole = match dialect {
                    Dialect::Chat => {
                        let message = &body["choices"][0]["message"];
                        let calls = message["tool_calls"].as_array();
                        body["object"] == "chat.completion"
                            && message["role"] == "assistant"
                            && (message["content"].is_string() || message["content"].is_null())
                            && calls.is_none_or(|calls| {
                                calls.iter().all(|call| {
                                    call["id"].is_string()
                                        && call["function"]["arguments"].is_string()
                                })
                            })
                    }
                    Dialect::Responses => {
                        body["object"] == "response"
                            && body["output"].is_array()
                            && body["status"].is_string()
                            && body["id"].is_string()
                    }
                    Dialect::Messages => {
                        let calls = body["content"].as_array().map(|all| {
                            all.iter()
                                .filter(|it| it["type"] == "tool_use")
                                .all(|it| it["input"].is_object())
                        });
                        body["type"] == "message"
                            && calls == Some(true)
                            && body["usage"]["input_tokens"].is_u64()
                            && body["usage"]["output_tokens"].is_u64()
                    }
                };
                if !is_whole {
                    flaws.push(format!("{told}: {body}"));
                }
            }
        }
    }
    assert_none(&flaws);
}
