use std::{borrow::Cow, collections::HashSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    completion::{Part as Piece, PartKind, TextPiece},
    dialects::{
        Dialect,
        openai::{Responses, logprobs::token},
    },
};

fn writer() -> Writer {
    let body = r#"{"model":"m","input":"Hi","instructions":"Be brief.","metadata":{"a":"b"}}"#;
    let request = Responses.parse_completion(Bytes::from(body)).unwrap();
    let about = AnswerContext {
        id: "request-1",
        model: "m-1",
        created: 7,
    };
    Writer::new(&request, about)
}

fn start() -> Delta<'static> {
    Delta::Start {
        id: Some("chatcmpl-9".into()),
        model: Some("m-2".into()),
        created: Some(1_700_000_000),
    }
}

/// The events of an answer; each is named by its type, and they are counted.
fn events(deltas: Vec<Delta<'_>>) -> Vec<Value> {
    let (mut writer, mut events) = (writer(), Vec::new());
    for delta in deltas {
        writer.write(delta, &mut events, &mut Losses::default());
    }
    writer.end(&mut events);
    let parsed = events.iter().enumerate().map(|(number, event)| {
        let value: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(event.event.as_deref(), value["type"].as_str());
        assert_eq!(value["sequence_number"], number);
        assert!(!event.data.contains('\n'));
        value
    });
    parsed.collect()
}

/// What an event says beside its number, with the response told as its status.
fn short(event: &Value) -> String {
    let name = event["type"].as_str().unwrap();
    let name = name.strip_prefix("response.").unwrap();
    let mut words = vec![name.to_owned()];
    for member in ["output_index", "content_index", "summary_index"] {
        words.extend(event.get(member).map(ToString::to_string));
    }
    for member in ["delta", "text", "refusal", "arguments"] {
        words.extend(event.get(member).map(ToString::to_string));
    }
    words.extend(event.get("item").map(|item| {
        let status = item["status"].as_str().unwrap_or("-");
        format!("{}:{status}", item["type"].as_str().unwrap())
    }));
    words.join(" ")
}

#[test]
fn a_text_is_told_as_one_message_in_the_order_that_clients_expect() {
    let events = events(vec![
        start(),
        Delta::Text("Hel".into()),
        Delta::Text("".into()),
        Delta::Text("lo".into()),
        Delta::Finish(FinishReason::Stop),
        Delta::Usage(TokenUsage {
            prompt_tokens: 9,
            completion_tokens: 5,
            cached_tokens: 4,
            cache_write_tokens: 1,
            reasoning_tokens: 2,
        }),
    ]);
    let told: Vec<String> = events.iter().map(short).collect();
    assert_eq!(
        told,
        [
            "created",
            "in_progress",
            "output_item.added 0 message:in_progress",
            "content_part.added 0 0",
            r#"output_text.delta 0 0 "Hel""#,
            r#"output_text.delta 0 0 "lo""#,
            r#"output_text.done 0 0 "Hello""#,
            "content_part.done 0 0",
            "output_item.done 0 message:completed",
            "completed",
        ]
    );
    assert_eq!(
        events[9]["response"],
        json!({
            "id": "resp_9", "object": "response", "created_at": 1_700_000_000, "status": "completed",
            "background": false, "error": null, "incomplete_details": null, "model": "m-2",
            "output": [{
                "type": "message", "id": "msg_9_0", "status": "completed", "role": "assistant",
                "content": [{ "type": "output_text", "text": "Hello", "annotations": [], "logprobs": [] }],
            }],
            "previous_response_id": null, "store": false, "truncation": "disabled",
            "usage": {
                "input_tokens": 9, "input_tokens_details": { "cached_tokens": 4, "cache_write_tokens": 1 },
                "output_tokens": 5, "output_tokens_details": { "reasoning_tokens": 2 }, "total_tokens": 14,
            },
            "instructions": "Be brief.", "max_output_tokens": null, "max_tool_calls": null,
            "metadata": { "a": "b" }, "parallel_tool_calls": true, "prompt_cache_key": null,
            "reasoning": { "effort": null, "summary": null }, "safety_identifier": null,
            "temperature": null, "text": { "format": { "type": "text" } }, "tool_choice": "auto",
            "tools": [], "top_p": null, "user": null,
        })
    );
    assert_eq!(events[0]["response"]["status"], "in_progress");
    assert_eq!(events[0]["response"]["output"], json!([]));
}

#[test]
fn thoughts_refusals_and_calls_are_items_of_their_own() {
    let call = |index, id: &'static str| Delta::ToolCall {
        index,
        id: id.into(),
        name: "look".into(),
    };
    let arguments = |index, text: &'static str| Delta::ToolArguments {
        index,
        text: text.into(),
    };
    let events = events(vec![
        start(),
        Delta::Thinking("h".into()),
        Delta::Thinking("m".into()),
        Delta::Signature("sig".into()),
        Delta::RedactedThinking("data".into()),
        Delta::Text("So".into()),
        Delta::Refusal("No".into()),
        call(0, "a"),
        arguments(0, "{"),
        call(1, "b"),
        arguments(1, "[]"),
        arguments(0, "}"),
        Delta::Finish(FinishReason::ToolCalls),
    ]);
    let told: Vec<String> = events[2..].iter().map(short).collect();
    assert_eq!(
        told,
        [
            "output_item.added 0 reasoning:-",
            "reasoning_summary_part.added 0 0",
            r#"reasoning_summary_text.delta 0 0 "h""#,
            r#"reasoning_summary_text.delta 0 0 "m""#,
            r#"reasoning_summary_text.done 0 0 "hm""#,
            "reasoning_summary_part.done 0 0",
            "output_item.done 0 reasoning:-",
            "output_item.added 1 reasoning:-",
            "output_item.done 1 reasoning:-",
            "output_item.added 2 message:in_progress",
            "content_part.added 2 0",
            r#"output_text.delta 2 0 "So""#,
            r#"output_text.done 2 0 "So""#,
            "content_part.done 2 0",
            "content_part.added 2 1",
            r#"refusal.delta 2 1 "No""#,
            r#"refusal.done 2 1 "No""#,
            "content_part.done 2 1",
            "output_item.done 2 message:completed",
            "output_item.added 3 function_call:in_progress",
            r#"function_call_arguments.delta 3 "{""#,
            "output_item.added 4 function_call:in_progress",
            r#"function_call_arguments.delta 4 "[]""#,
            r#"function_call_arguments.delta 3 "}""#,
            r#"function_call_arguments.done 3 "{}""#,
            "output_item.done 3 function_call:completed",
            r#"function_call_arguments.done 4 "[]""#,
            "output_item.done 4 function_call:completed",
            "completed",
        ]
    );
    let output = &events.last().unwrap()["response"]["output"];
    assert_eq!(
        output[0],
        json!({
            "type": "reasoning", "id": "rs_9_0", "summary": [{ "type": "summary_text", "text": "hm" }],
            "encrypted_content": "herald-signature:sig",
        })
    );
    assert_eq!(output[1]["encrypted_content"], "herald-redacted:data");
    assert_eq!(
        output[3],
        json!({
            "type": "function_call", "id": "fc_9_3", "status": "completed", "call_id": "a",
            "name": "look", "arguments": "{}",
        })
    );
}

#[test]
fn a_call_without_arguments_has_an_empty_object_unless_it_is_cut() {
    for (finish, expected) in [(FinishReason::ToolCalls, "{}"), (FinishReason::Length, "")] {
        let call = PartKind::ToolCall {
            id: "a".into(),
            name: "look".into(),
            arguments: "".into(),
        };
        let mut said = deltas(std::slice::from_ref(&call));
        said.push(Delta::Finish(finish.clone()));
        let events = events(said);
        let whole = &events.last().unwrap()["response"]["output"][0];
        assert_eq!(whole["arguments"], expected);
        let answer = Answer {
            parts: vec![call.into()],
            finish: Some(finish),
            ..Answer::default()
        };
        let document: Value =
            serde_json::from_slice(&writer().document(&answer, &mut Losses::default())).unwrap();
        assert_eq!(document["output"][0]["arguments"], expected);
    }
}

#[test]
fn an_answer_that_is_not_all_says_so_and_why() {
    for (finish, expected) in [
        (FinishReason::Length, Some("max_output_tokens")),
        (FinishReason::ContentFilter, Some("content_filter")),
        (FinishReason::Paused, Some("pause_turn")),
        (FinishReason::Other("tired".into()), Some("tired")),
        (FinishReason::Stop, None),
        (FinishReason::StopSequence(None), None),
        (FinishReason::ToolCalls, None),
    ] {
        let events = events(vec![
            start(),
            Delta::Text("a".into()),
            Delta::Finish(finish),
        ]);
        let last = events.last().unwrap();
        let status = expected.map_or("completed", |_| "incomplete");
        assert_eq!(last["type"], format!("response.{status}"));
        let response = &last["response"];
        assert_eq!(response["status"], status);
        assert_eq!(response["incomplete_details"]["reason"].as_str(), expected);
        assert_eq!(response["output"][0]["status"], status);
    }
}

#[test]
fn a_provider_that_says_nothing_of_itself_leaves_it_to_the_request() {
    let events = events(vec![Delta::Text("a".into())]);
    let response = &events[0]["response"];
    assert_eq!(response["id"], "resp_request-1");
    assert_eq!(
        (&response["model"], &response["created_at"]),
        (&json!("m-1"), &json!(7))
    );
}

#[test]
fn what_is_held_is_counted_and_not_shown() {
    let mut writer = writer();
    let long = "x".repeat(1000);
    let text = || Cow::Borrowed(long.as_str());
    let call = Delta::ToolCall {
        index: 0,
        id: text(),
        name: text(),
    };
    let arguments = Delta::ToolArguments {
        index: 0,
        text: text(),
    };
    let mut held = 0;
    for (delta, texts) in [
        (Delta::Text(text().into()), 1),
        (Delta::Refusal(text()), 1),
        (Delta::Thinking(text()), 1),
        (Delta::Signature(text()), 1),
        (Delta::RedactedThinking(text()), 1),
        (call, 2),
        (arguments, 1),
    ] {
        writer.write(delta, &mut Vec::new(), &mut Losses::default());
        let more = writer.held_bytes() - held;
        assert!((texts * 1000..texts * 1000 + 600).contains(&more), "{more}");
        held += more;
    }
    assert!(!format!("{writer:?}").contains("xx"));
}

#[test]
fn log_probabilities_stand_beside_the_text_and_in_all_that_repeats_it() {
    let piece = |text: &'static str| {
        Delta::Text(TextPiece {
            text: text.into(),
            logprobs: vec![token("H")],
        })
    };
    let events = events(vec![start(), piece("H"), piece("")]);
    let told = json!([{ "token": "H", "logprob": -0.5, "bytes": [72], "top_logprobs": [{ "token": "J", "logprob": -1.5, "bytes": null }] }]);
    let deltas: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "response.output_text.delta")
        .collect();
    assert_eq!(deltas.len(), 2);
    assert!(deltas.iter().all(|delta| delta["logprobs"] == told));
    let twice = json!([told[0], told[0]]);
    let done = |name: &str, place: &str| {
        let event = events.iter().find(|event| event["type"] == name).unwrap();
        event.pointer(place).unwrap().clone()
    };
    for (name, place) in [
        ("response.output_text.done", "/logprobs"),
        ("response.content_part.done", "/part/logprobs"),
        ("response.output_item.done", "/item/content/0/logprobs"),
        (
            "response.completed",
            "/response/output/0/content/0/logprobs",
        ),
    ] {
        assert_eq!(done(name, place), twice, "{name}");
    }
    let answer = Answer {
        parts: vec![
            PartKind::RedactedThinking("x".into()).into(),
            PartKind::Text("H".into()).into(),
            PartKind::Text("i".into()).into(),
        ],
        logprobs: vec![token("H"), token("H")],
        ..Answer::default()
    };
    let document = writer().document(&answer, &mut Losses::default());
    let document: Value = serde_json::from_slice(&document).unwrap();
    let content = &document["output"][1]["content"];
    assert_eq!(content[0]["logprobs"], twice);
    assert_eq!(content[1]["logprobs"], json!([]));
}

#[test]
fn tokens_that_belong_to_no_text_are_lost_and_begin_none() {
    let silent = || TextPiece {
        text: "".into(),
        logprobs: vec![token("H")],
    };
    let (mut writer, mut losses) = (writer(), Losses::default());
    let mut events = Vec::new();
    for delta in [start(), Delta::Refusal("No".into()), Delta::Text(silent())] {
        writer.write(delta, &mut events, &mut losses);
    }
    let names: Vec<_> = events.iter().filter_map(|it| it.event.as_deref()).collect();
    assert_eq!(names.last(), Some(&"response.refusal.delta"));
    assert_eq!(losses.names(), ["logprobs"]);
    let mut losses = Losses::default();
    let answer = Answer {
        logprobs: silent().logprobs,
        ..Answer::default()
    };
    writer.document(&answer, &mut losses);
    assert_eq!(losses.names(), ["logprobs"]);
}

#[test]
fn tokens_that_are_kept_count_as_held() {
    let mut writer = writer();
    writer.write(
        Delta::Text("H".into()),
        &mut Vec::new(),
        &mut Losses::default(),
    );
    let before = writer.held_bytes();
    let piece = TextPiece {
        text: "".into(),
        logprobs: vec![token("H"); 100],
    };
    writer.write(Delta::Text(piece), &mut Vec::new(), &mut Losses::default());
    assert!(writer.held_bytes() - before > 100 * 100);
}

/// Which kind of part, and its texts.
fn parts() -> impl Strategy<Value = Vec<(usize, [String; 3])>> {
    let text = || "[a-z\"\\\\\né\u{2028}]{1,9}";
    let texts = (text(), text(), text()).prop_map(|(a, b, c)| [a, b, c]);
    proptest::collection::vec((0..6_usize, texts), 1..6)
}

fn part((kind, [a, b, c]): (usize, [String; 3])) -> PartKind<'static> {
    match kind {
        0 => PartKind::Text(a.into()),
        1 => PartKind::Refusal(a.into()),
        2 | 3 => PartKind::Thinking {
            text: a.into(),
            signature: (kind == 2).then(|| b.into()),
        },
        4 => PartKind::RedactedThinking(a.into()),
        _ => PartKind::ToolCall {
            id: a.into(),
            name: b.into(),
            arguments: c.into(),
        },
    }
}

fn deltas<'a>(parts: &'a [PartKind<'_>]) -> Vec<Delta<'a>> {
    let mut deltas = vec![start()];
    let mut calls = 0;
    for part in parts {
        match part {
            PartKind::Text(text) => deltas.push(Delta::Text((&**text).into())),
            PartKind::Refusal(text) => deltas.push(Delta::Refusal(Cow::Borrowed(text))),
            PartKind::Thinking { text, signature } => {
                deltas.push(Delta::Thinking(Cow::Borrowed(text)));
                let signature = signature.as_deref().unwrap_or_default();
                deltas.push(Delta::Signature(signature.into()));
            }
            PartKind::RedactedThinking(data) => {
                deltas.push(Delta::RedactedThinking(Cow::Borrowed(data)));
            }
            PartKind::ToolCall {
                id,
                name,
                arguments,
            } => {
                deltas.push(Delta::ToolCall {
                    index: calls,
                    id: Cow::Borrowed(id),
                    name: Cow::Borrowed(name),
                });
                deltas.push(Delta::ToolArguments {
                    index: calls,
                    text: Cow::Borrowed(arguments),
                });
                calls += 1;
            }
            _ => {}
        }
    }
    deltas
}

/// The parts that a client gives back with an output.
fn given_back(output: &Value) -> Vec<Value> {
    let body = json!({ "model": "m", "input": output }).to_string();
    let mut losses = Losses::default();
    let conversation = super::super::conversation::read(&body, &mut losses).unwrap();
    assert!(losses.is_empty(), "{losses}");
    assert_eq!(conversation.turns.len(), 1);
    let parts = conversation.turns[0].parts.iter();
    parts.map(super::super::conversation::part_told).collect()
}

#[test]
fn what_a_client_gives_back_is_what_the_model_said() {
    proptest!(|(parts in parts())| {
        let parts: Vec<PartKind<'_>> = parts.into_iter().map(part).collect();
        let streamed = events(deltas(&parts));
        let answer = Answer {
            id: Some("chatcmpl-9".into()),
            model: Some("m-2".into()),
            created: Some(1_700_000_000),
            parts: parts.into_iter().map(Piece::from).collect(),
            finish: Some(FinishReason::Stop),
            ..Answer::default()
        };
        let document: Value = serde_json::from_slice(&writer().document(&answer, &mut Losses::default())).unwrap();
        let said: Vec<Value> = answer.parts.iter().map(super::super::conversation::part_told).collect();
        prop_assert_eq!(&given_back(&document["output"]), &said);

        // The events tell the same, with texts that follow each other as one.
        let whole = &streamed.last().unwrap()["response"];
        let mut joined: Vec<Value> = Vec::new();
        for part in said {
            match (joined.last_mut(), &part) {
                (Some(Value::String(last)), Value::String(more)) => last.push_str(more),
                (Some(last), more) if last["refusal"].is_string() && more["refusal"].is_string() => {
                    let both = [last["refusal"].as_str().unwrap(), more["refusal"].as_str().unwrap()];
                    last["refusal"] = json!(both.concat());
                }
                _ => joined.push(part),
            }
        }
        prop_assert_eq!(given_back(&whole["output"]), joined);
        let items = whole["output"].as_array().unwrap().iter();
        let ids: HashSet<&str> = items.clone().map(|item| item["id"].as_str().unwrap()).collect();
        prop_assert_eq!(ids.len(), items.len());
    });
}
