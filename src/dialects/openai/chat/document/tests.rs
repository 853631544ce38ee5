use serde_json::{Value, json};

use super::*;
use crate::{
    completion::{Part, Source, TokenUsage},
    dialects::{
        AnswerContext, AnswerWriter,
        openai::{logprobs::token, parse_request},
    },
};

fn writer(body: Value) -> ChatWriter {
    let request = parse_request(Bytes::from(body.to_string())).unwrap();
    let about = AnswerContext {
        id: "r1",
        model: "m",
        created: 7,
    };
    ChatWriter::new(&request, about)
}

fn document(answer: &Answer<'_>) -> Value {
    let document = writer(json!({ "model": "a" })).document(answer, &mut Losses::default());
    serde_json::from_slice(&document).unwrap()
}

fn answer(kinds: Vec<PartKind<'_>>) -> Answer<'_> {
    Answer {
        parts: kinds.into_iter().map(Part::from).collect(),
        ..Answer::default()
    }
}

fn call(arguments: &str) -> PartKind<'_> {
    PartKind::ToolCall {
        id: "c".into(),
        name: "f".into(),
        arguments: arguments.into(),
    }
}

#[test]
fn an_answer_of_text_is_told_to_the_letter() {
    let mut answer = answer(vec![
        PartKind::Text("a".into()),
        PartKind::Text("\"b".into()),
    ]);
    answer.finish = Some(FinishReason::Stop);
    answer.usage = Some(TokenUsage {
        prompt_tokens: 1,
        completion_tokens: 2,
        ..TokenUsage::default()
    });
    let document = writer(json!({ "model": "a" })).document(&answer, &mut Losses::default());
    assert_eq!(
        std::str::from_utf8(&document).unwrap(),
        concat!(
            r#"{"id":"chatcmpl-r1","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"#,
            r#""message":{"role":"assistant","content":"a\"b","refusal":null},"logprobs":null,"#,
            r#""finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"#,
            r#""prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},"#,
            r#""completion_tokens_details":{"reasoning_tokens":0}}}"#
        )
    );
}

#[test]
fn what_the_provider_tells_of_the_answer_passes() {
    let told = document(&Answer {
        id: Some("msg_1".into()),
        model: Some("opus".into()),
        created: Some(9),
        finish: Some(FinishReason::ContentFilter),
        parts: vec![PartKind::Refusal("no".into()).into()],
        ..Answer::default()
    });
    assert_eq!(
        (&told["id"], &told["model"]),
        (&json!("msg_1"), &json!("opus"))
    );
    assert_eq!(told["created"], 9);
    assert_eq!(told["choices"][0]["finish_reason"], "content_filter");
    let message = &told["choices"][0]["message"];
    assert_eq!(
        (&message["content"], &message["refusal"]),
        (&json!(null), &json!("no"))
    );
    assert!(told.get("usage").is_none());
}

#[test]
fn content_is_null_beside_calls_and_empty_where_nothing_is_said() {
    let message = |answer: &Answer<'_>| document(answer)["choices"][0]["message"].clone();
    let mut calls = answer(vec![call("")]);
    let told = message(&calls);
    assert_eq!(told["content"], Value::Null);
    assert_eq!(
        told["tool_calls"],
        json!([{ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } }])
    );
    calls.finish = Some(FinishReason::Length);
    assert_eq!(
        message(&calls)["tool_calls"][0]["function"]["arguments"],
        ""
    );
    assert_eq!(message(&answer(Vec::new()))["content"], "");
}

#[test]
fn a_client_that_speaks_of_functions_is_told_of_a_function_call() {
    let mut answer = answer(vec![call("{}")]);
    answer.finish = Some(FinishReason::ToolCalls);
    let mut writer = writer(json!({ "model": "a", "functions": [{ "name": "f" }] }));
    let told: Value =
        serde_json::from_slice(&writer.document(&answer, &mut Losses::default())).unwrap();
    let choice = &told["choices"][0];
    assert_eq!(choice["finish_reason"], "function_call");
    assert_eq!(
        choice["message"]["function_call"],
        json!({ "name": "f", "arguments": "{}" })
    );
    assert!(choice["message"].get("tool_calls").is_none());
}

#[test]
fn log_probabilities_stand_in_the_choice_and_what_no_model_says_is_lost_by_name() {
    let mut answer = answer(vec![
        PartKind::Text("H".into()),
        PartKind::Image {
            source: Source::Url("u".into()),
            detail: None,
        },
    ]);
    answer.logprobs = vec![token("H")];
    let mut losses = Losses::default();
    let document = writer(json!({ "model": "a" })).document(&answer, &mut losses);
    let document: Value = serde_json::from_slice(&document).unwrap();
    let content = &document["choices"][0]["logprobs"]["content"];
    assert_eq!(content[0]["token"], "H");
    assert_eq!(content[0]["top_logprobs"][0]["logprob"], -1.5);
    assert_eq!(losses.names(), ["image"]);
}
