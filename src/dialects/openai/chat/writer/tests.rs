use serde_json::{Value, json};

use super::*;
use crate::dialects::openai::{logprobs::token, parse_request};

const ABOUT: AnswerContext<'static> = AnswerContext {
    id: "r1",
    model: "m",
    created: 7,
};

fn writer(body: Value) -> ChatWriter {
    let request = parse_request(Bytes::from(body.to_string())).unwrap();
    ChatWriter::new(&request, ABOUT)
}

fn start() -> Delta<'static> {
    Delta::Start {
        id: None,
        model: None,
        created: None,
    }
}

/// The data of the events that these deltas and the end come to.
fn data(writer: &mut ChatWriter, deltas: Vec<Delta<'_>>) -> Vec<String> {
    let mut events = Vec::new();
    deltas
        .into_iter()
        .for_each(|delta| writer.write(delta, &mut events, &mut Losses::default()));
    writer.end(&mut events);
    let data = events.into_iter().map(|event| {
        assert!(event.event.is_none() && event.id.is_none());
        event.data.to_string()
    });
    data.collect()
}

/// The deltas of the chunks between the first and `[DONE]`, or their finish reason.
fn pieces(body: Value, deltas: Vec<Delta<'_>>) -> Vec<Value> {
    let deltas = std::iter::once(start()).chain(deltas).collect();
    let data = data(&mut writer(body), deltas);
    let (done, chunks) = data.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    let pieces = chunks[1..].iter().map(|chunk| {
        let chunk: Value = serde_json::from_str(chunk).unwrap();
        let choice = &chunk["choices"][0];
        if choice["finish_reason"].is_null() {
            choice["delta"].clone()
        } else {
            assert_eq!(choice["delta"], json!({}));
            choice["finish_reason"].clone()
        }
    });
    pieces.collect()
}

fn call(index: usize) -> Delta<'static> {
    Delta::ToolCall {
        index,
        id: "c".into(),
        name: "f".into(),
    }
}

fn arguments(index: usize, text: &str) -> Delta<'_> {
    Delta::ToolArguments {
        index,
        text: text.into(),
    }
}

fn arguments_piece(index: usize, text: &str) -> Value {
    json!({ "tool_calls": [{ "index": index, "function": { "arguments": text } }] })
}

fn call_piece(index: usize) -> Value {
    json!({ "tool_calls": [{ "index": index, "id": "c", "type": "function", "function": { "name": "f", "arguments": "" } }] })
}

#[test]
fn an_answer_begins_with_its_role_and_ends_with_done() {
    let mut writer = writer(json!({ "model": "a", "stream": true }));
    let deltas = vec![
        start(),
        Delta::Text("".into()),
        Delta::Text("H\u{2028}i".into()),
        Delta::Usage(TokenUsage::default()),
        Delta::Finish(FinishReason::Stop),
    ];
    let head = r#"{"id":"chatcmpl-r1","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":"#;
    assert_eq!(
        data(&mut writer, deltas),
        [
            format!(r#"{head}{{"role":"assistant","content":""}},"finish_reason":null}}]}}"#),
            format!("{head}{{\"content\":\"H\u{2028}i\"}},\"finish_reason\":null}}]}}"),
            format!(r#"{head}{{}},"finish_reason":"stop"}}]}}"#),
            "[DONE]".to_owned(),
        ]
    );
}

#[test]
fn log_probabilities_stand_beside_the_text_and_end_no_thought() {
    let piece = |text: &'static str| {
        Delta::Text(TextPiece {
            text: text.into(),
            logprobs: vec![token("H")],
        })
    };
    let deltas = vec![
        start(),
        Delta::Thinking("hm".into()),
        piece(""),
        Delta::Thinking("mh".into()),
        piece("H"),
    ];
    let data = data(&mut writer(json!({ "model": "a" })), deltas);
    let choice = |place: usize| {
        let chunk: Value = serde_json::from_str(&data[place]).unwrap();
        chunk["choices"][0].clone()
    };
    let logprobs = json!({
        "content": [{ "token": "H", "logprob": -0.5, "bytes": [72], "top_logprobs": [{ "token": "J", "logprob": -1.5, "bytes": null }] }],
        "refusal": null,
    });
    assert_eq!(choice(2)["logprobs"], logprobs);
    assert_eq!(choice(2)["delta"], json!({ "content": "" }));
    assert_eq!(choice(3)["delta"]["reasoning_details"][0]["index"], 0);
    assert_eq!(choice(4)["logprobs"], logprobs);
    assert_eq!(choice(4)["delta"], json!({ "content": "H" }));
    assert_eq!(choice(1)["logprobs"], Value::Null);
}

#[test]
fn what_the_provider_tells_of_the_answer_stands_in_each_chunk() {
    let mut writer = writer(json!({ "model": "a" }));
    let start = Delta::Start {
        id: Some("msg_1".into()),
        model: Some("opus".into()),
        created: Some(9),
    };
    for chunk in &data(&mut writer, vec![start, Delta::Text("a".into())])[..2] {
        let chunk: Value = serde_json::from_str(chunk).unwrap();
        assert_eq!(chunk["id"], "msg_1");
        assert_eq!(chunk["model"], "opus");
        assert_eq!(chunk["created"], 9);
    }
}

#[test]
fn usage_is_told_once_and_last_and_only_where_asked_for() {
    let asked =
        json!({ "model": "a", "stream": true, "stream_options": { "include_usage": true } });
    let first = TokenUsage {
        prompt_tokens: 9,
        ..TokenUsage::default()
    };
    let last = TokenUsage {
        prompt_tokens: 10,
        completion_tokens: 5,
        cached_tokens: 4,
        cache_write_tokens: 3,
        reasoning_tokens: 2,
    };
    let deltas = || {
        vec![
            start(),
            Delta::Usage(first),
            Delta::Finish(FinishReason::Stop),
            Delta::Usage(last),
        ]
    };
    let told = data(&mut writer(asked.clone()), deltas());
    let chunks: Vec<Value> = told[..3]
        .iter()
        .map(|chunk| serde_json::from_str(chunk).unwrap())
        .collect();
    for chunk in &chunks[..2] {
        assert_eq!(chunk.get("usage"), Some(&Value::Null));
    }
    assert_eq!(chunks[2]["choices"], json!([]));
    assert_eq!(
        chunks[2]["usage"],
        json!({
            "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
            "prompt_tokens_details": { "cached_tokens": 4, "cache_write_tokens": 3 },
            "completion_tokens_details": { "reasoning_tokens": 2 },
        })
    );
    assert_eq!(told[3..], ["[DONE]"]);

    let told = data(
        &mut writer(json!({ "model": "a", "stream": true })),
        deltas(),
    );
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|chunk| !chunk.contains("usage")));
    // None is invented where the provider told none.
    assert_eq!(data(&mut writer(asked), vec![start()]).len(), 2);
}

#[test]
fn thoughts_are_told_as_text_and_counted_in_their_details() {
    let told = pieces(
        json!({ "model": "a" }),
        vec![
            Delta::Thinking("h".into()),
            Delta::Thinking("m".into()),
            Delta::Signature("s".into()),
            Delta::RedactedThinking("d".into()),
            Delta::Thinking("x".into()),
            Delta::Text("a".into()),
            Delta::Thinking("y".into()),
            Delta::Signature("".into()),
        ],
    );
    let text = |text: &str, index: usize| {
        json!({
            "reasoning_content": text,
            "reasoning_details": [{ "type": "reasoning.text", "text": text, "index": index }],
        })
    };
    let format = "anthropic-claude-v1";
    assert_eq!(
        told,
        [
            text("h", 0),
            text("m", 0),
            json!({ "reasoning_details": [{ "type": "reasoning.text", "signature": "s", "format": format, "index": 0 }] }),
            json!({ "reasoning_details": [{ "type": "reasoning.encrypted", "data": "d", "format": format, "index": 1 }] }),
            text("x", 2),
            json!({ "content": "a" }),
            text("y", 3),
        ]
    );
}

#[test]
fn calls_are_told_piece_by_piece() {
    let told = pieces(
        json!({ "model": "a" }),
        vec![
            call(0),
            arguments(0, ""),
            arguments(0, "{\"a\""),
            arguments(0, ":1}"),
            call(1),
            arguments(1, "{}"),
            Delta::Finish(FinishReason::ToolCalls),
        ],
    );
    assert_eq!(
        told,
        [
            call_piece(0),
            arguments_piece(0, "{\"a\""),
            arguments_piece(0, ":1}"),
            call_piece(1),
            arguments_piece(1, "{}"),
            json!("tool_calls"),
        ]
    );
}

#[test]
fn a_call_without_arguments_has_an_empty_object_unless_it_was_cut() {
    let none = arguments_piece(0, "{}");
    let told = pieces(
        json!({ "model": "a" }),
        vec![call(0), Delta::Text("".into()), call(1)],
    );
    assert_eq!(told, [call_piece(0), none.clone(), call_piece(1)]);
    let told = pieces(
        json!({ "model": "a" }),
        vec![call(0), Delta::Finish(FinishReason::ToolCalls)],
    );
    assert_eq!(told, [call_piece(0), none, json!("tool_calls")]);
    let told = pieces(
        json!({ "model": "a" }),
        vec![call(0), Delta::Finish(FinishReason::Length)],
    );
    assert_eq!(told, [call_piece(0), json!("length")]);
}

#[test]
fn a_client_that_speaks_of_functions_is_told_of_a_function_call() {
    let told = pieces(
        json!({ "model": "a", "functions": [{ "name": "f" }] }),
        vec![
            call(0),
            arguments(0, "{}"),
            Delta::Finish(FinishReason::ToolCalls),
        ],
    );
    assert_eq!(
        told,
        [
            json!({ "function_call": { "name": "f", "arguments": "" } }),
            json!({ "function_call": { "arguments": "{}" } }),
            json!("function_call"),
        ]
    );
}

#[test]
fn each_reason_for_finishing_has_its_word() {
    for (reason, word) in [
        (FinishReason::Stop, "stop"),
        (FinishReason::StopSequence(Some("x".into())), "stop"),
        (FinishReason::Length, "length"),
        (FinishReason::ToolCalls, "tool_calls"),
        (FinishReason::ContentFilter, "content_filter"),
        (FinishReason::Paused, "stop"),
        (FinishReason::Other("new_reason".into()), "new_reason"),
    ] {
        let told = pieces(json!({ "model": "a" }), vec![Delta::Finish(reason)]);
        assert_eq!(told, [word]);
    }
}

#[test]
fn a_refusal_is_told_and_a_finish_is_never_invented() {
    let told = pieces(json!({ "model": "a" }), vec![Delta::Refusal("no".into())]);
    assert_eq!(told, [json!({ "refusal": "no" })]);
}
