use std::borrow::Cow;

use serde_json::{Value, json};

use super::*;
use crate::completion::{FinishReason, Likely, Part, PartKind, TextPiece, TokenLogprob};

const ABOUT: AnswerContext<'_> = AnswerContext {
    id: "request",
    model: "m",
    created: 7,
};

fn start() -> Delta<'static> {
    Delta::Start {
        id: Some("chatcmpl-1".into()),
        model: Some("model-1".into()),
        created: None,
    }
}

fn call(index: usize) -> Delta<'static> {
    Delta::ToolCall {
        index,
        id: format!("call-{index}").into(),
        name: "f".into(),
    }
}

fn arguments(index: usize, text: &str) -> Delta<'_> {
    Delta::ToolArguments {
        index,
        text: text.into(),
    }
}

/// The events of an answer, each checked to bear the name that its data says.
fn told(deltas: Vec<Delta<'_>>) -> Vec<Value> {
    let mut writer = MessageWriter::new(ABOUT);
    let mut events = Vec::new();
    for delta in deltas {
        writer.write(delta, &mut events, &mut Losses::default());
    }
    writer.end(&mut events);
    events
        .iter()
        .map(|event| {
            let data: Value = serde_json::from_str(&event.data).unwrap();
            assert_eq!(event.event.as_deref(), data["type"].as_str());
            data
        })
        .collect()
}

/// The events without the first and the last two, each in few words.
fn blocks(deltas: Vec<Delta<'_>>) -> Vec<String> {
    let events = told(deltas);
    let inner = &events[1..events.len() - 2];
    let in_words = |event: &Value| match event["type"].as_str().unwrap() {
        "content_block_start" => format!("{} {}", event["index"], event["content_block"]),
        "content_block_delta" => format!("{} + {}", event["index"], event["delta"]),
        "content_block_stop" => format!("{} .", event["index"]),
        other => panic!("{other}"),
    };
    inner.iter().map(in_words).collect()
}

fn end_of(deltas: Vec<Delta<'_>>) -> Value {
    let events = told(deltas);
    assert_eq!(events[events.len() - 1], json!({ "type": "message_stop" }));
    events[events.len() - 2].clone()
}

#[test]
fn a_text_is_told_in_anthropics_six_events() {
    let usage = TokenUsage {
        prompt_tokens: 10,
        completion_tokens: 5,
        cached_tokens: 3,
        cache_write_tokens: 2,
        reasoning_tokens: 1,
    };
    let events = told(vec![
        start(),
        Delta::Text("Hel".into()),
        Delta::Text("".into()),
        Delta::Text("lo".into()),
        Delta::Finish(FinishReason::Stop),
        Delta::Usage(usage),
    ]);
    assert_eq!(
        events,
        [
            json!({"type":"message_start","message":{
                "id":"chatcmpl-1","type":"message","role":"assistant","model":"model-1","content":[],
                "stop_reason":null,"stop_sequence":null,
                "usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}
            }}),
            json!({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}),
            json!({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}),
            json!({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo"}}),
            json!({"type":"content_block_stop","index":0}),
            json!({"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{
                "input_tokens":5,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":5,
                "output_tokens_details":{"thinking_tokens":1}
            }}),
            json!({"type":"message_stop"}),
        ]
    );
}

#[test]
fn one_block_is_open_at_a_time_and_a_thought_ends_with_its_signature() {
    let told = blocks(vec![
        start(),
        Delta::Thinking("hm".into()),
        Delta::Signature("sig".into()),
        Delta::RedactedThinking("secret".into()),
        Delta::Thinking("unsigned".into()),
        Delta::Text("a".into()),
        Delta::Refusal("no".into()),
        call(0),
        arguments(0, "{}"),
        call(1),
        Delta::Signature("alone".into()),
    ]);
    assert_eq!(
        told,
        [
            r#"0 {"signature":"","thinking":"","type":"thinking"}"#,
            r#"0 + {"thinking":"hm","type":"thinking_delta"}"#,
            r#"0 + {"signature":"sig","type":"signature_delta"}"#,
            "0 .",
            r#"1 {"data":"secret","type":"redacted_thinking"}"#,
            "1 .",
            r#"2 {"signature":"","thinking":"","type":"thinking"}"#,
            r#"2 + {"thinking":"unsigned","type":"thinking_delta"}"#,
            r#"2 + {"signature":"","type":"signature_delta"}"#,
            "2 .",
            r#"3 {"text":"","type":"text"}"#,
            r#"3 + {"text":"a","type":"text_delta"}"#,
            "3 .",
            r#"4 {"text":"","type":"text"}"#,
            r#"4 + {"text":"no","type":"text_delta"}"#,
            "4 .",
            r#"5 {"id":"call-0","input":{},"name":"f","type":"tool_use"}"#,
            r#"5 + {"partial_json":"{}","type":"input_json_delta"}"#,
            "5 .",
            r#"6 {"id":"call-1","input":{},"name":"f","type":"tool_use"}"#,
            "6 .",
            r#"7 {"signature":"","thinking":"","type":"thinking"}"#,
            r#"7 + {"signature":"alone","type":"signature_delta"}"#,
            "7 .",
        ]
    );
}

#[test]
fn a_late_piece_of_arguments_keeps_its_place_and_one_of_no_call_says_nothing() {
    let told = blocks(vec![
        start(),
        call(0),
        call(1),
        arguments(0, "late"),
        arguments(1, "in time"),
        arguments(1, ""),
        arguments(2, "of none"),
    ]);
    assert_eq!(
        told[3..],
        [
            r#"0 + {"partial_json":"late","type":"input_json_delta"}"#,
            r#"1 + {"partial_json":"in time","type":"input_json_delta"}"#,
            "1 .",
        ]
    );
}

#[test]
fn the_finish_is_told_by_the_table_of_the_docs() {
    let plain: fn() -> Vec<Delta<'static>> = || vec![start()];
    let with_call = || vec![start(), call(0)];
    let refused = || vec![start(), Delta::Refusal("no".into())];
    for (mut said, finish, reason, sequence) in [
        (plain(), FinishReason::Stop, json!("end_turn"), Value::Null),
        (
            plain(),
            FinishReason::StopSequence(None),
            json!("stop_sequence"),
            Value::Null,
        ),
        (
            plain(),
            FinishReason::StopSequence(Some("END".into())),
            json!("stop_sequence"),
            json!("END"),
        ),
        (
            plain(),
            FinishReason::Length,
            json!("max_tokens"),
            Value::Null,
        ),
        (
            plain(),
            FinishReason::ToolCalls,
            json!("tool_use"),
            Value::Null,
        ),
        (
            plain(),
            FinishReason::ContentFilter,
            json!("refusal"),
            Value::Null,
        ),
        (
            plain(),
            FinishReason::Paused,
            json!("pause_turn"),
            Value::Null,
        ),
        (
            plain(),
            FinishReason::Other("eos".into()),
            json!("eos"),
            Value::Null,
        ),
        (
            with_call(),
            FinishReason::Stop,
            json!("tool_use"),
            Value::Null,
        ),
        (
            with_call(),
            FinishReason::Length,
            json!("max_tokens"),
            Value::Null,
        ),
        (refused(), FinishReason::Stop, json!("refusal"), Value::Null),
    ] {
        said.push(Delta::Finish(finish));
        let end = end_of(said);
        assert_eq!(
            end["delta"],
            json!({ "stop_reason": reason, "stop_sequence": sequence })
        );
    }
    assert_eq!(end_of(plain())["delta"]["stop_reason"], Value::Null);
}

#[test]
fn an_answer_whose_provider_tells_nothing_of_itself_has_herald_s_id_and_model() {
    let nothing = Delta::Start {
        id: None,
        model: None,
        created: None,
    };
    for deltas in [vec![], vec![nothing]] {
        let events = told(deltas);
        assert_eq!(events.len(), 3);
        assert_eq!(events[0]["message"]["id"], "msg_request");
        assert_eq!(events[0]["message"]["model"], "m");
        assert_eq!(events[1]["usage"]["output_tokens"], 0);
    }
}

fn document(answer: &Answer<'_>) -> Value {
    let bytes = MessageWriter::new(ABOUT).document(answer, &mut Losses::default());
    serde_json::from_slice(&bytes).unwrap()
}

fn parts<const N: usize>(kinds: [PartKind<'static>; N]) -> Vec<Part<'static>> {
    kinds.into_iter().map(Part::from).collect()
}

#[test]
fn a_whole_message_holds_every_part_in_its_order() {
    let called = |arguments: &'static str| PartKind::ToolCall {
        id: "c".into(),
        name: "f".into(),
        arguments: arguments.into(),
    };
    let thought = |signature: Option<&'static str>| PartKind::Thinking {
        text: "hm".into(),
        signature: signature.map(Cow::from),
    };
    let message = document(&Answer {
        id: Some("msg_1".into()),
        parts: parts([
            thought(Some("sig")),
            thought(None),
            PartKind::RedactedThinking("secret".into()),
            PartKind::Text("".into()),
            PartKind::Text("a".into()),
            called(r#"{"x":1.50}"#),
            called(""),
            called("[1]"),
            called(r#"{"x""#),
        ]),
        finish: Some(FinishReason::ToolCalls),
        usage: Some(TokenUsage {
            prompt_tokens: 3,
            completion_tokens: 2,
            ..TokenUsage::default()
        }),
        ..Answer::default()
    });
    let tool_use = |input: Value| json!({"type":"tool_use","id":"c","name":"f","input":input});
    assert_eq!(
        message,
        json!({
            "id":"msg_1","type":"message","role":"assistant","model":"m",
            "content":[
                {"type":"thinking","thinking":"hm","signature":"sig"},
                {"type":"thinking","thinking":"hm","signature":""},
                {"type":"redacted_thinking","data":"secret"},
                {"type":"text","text":"a"},
                tool_use(json!({"x":1.5})),
                tool_use(json!({})),
                tool_use(json!({"INVALID_JSON":"[1]"})),
                tool_use(json!({"INVALID_JSON":"{\"x\""})),
            ],
            "stop_reason":"tool_use","stop_sequence":null,
            "usage":{"input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2},
        })
    );
}

#[test]
fn a_refusal_is_a_text_and_a_reason() {
    let message = document(&Answer {
        parts: parts([PartKind::Refusal("no".into())]),
        finish: Some(FinishReason::Stop),
        ..Answer::default()
    });
    assert_eq!(message["content"], json!([{"type":"text","text":"no"}]));
    assert_eq!(message["stop_reason"], "refusal");
    let untold = document(&Answer::default());
    assert_eq!(untold["stop_reason"], Value::Null);
    assert_eq!(untold["id"], "msg_request");
}

proptest::proptest! {
    #[test]
    fn blocks_are_numbered_without_a_gap_and_each_stops_once(kinds in proptest::collection::vec(0u8..8, 0..40)) {
        let mut deltas = vec![start()];
        let mut calls = 0;
        for kind in kinds {
            deltas.push(match kind {
                0 => Delta::Text("a".into()),
                1 => Delta::Refusal("b".into()),
                2 => Delta::Thinking("c".into()),
                3 => Delta::Signature("d".into()),
                4 => Delta::RedactedThinking("e".into()),
                5 => { calls += 1; call(calls - 1) }
                6 => arguments(0, "{"),
                _ => Delta::Usage(TokenUsage::default()),
            });
        }
        let mut open = None;
        let mut begun = 0;
        for event in told(deltas) {
            let index = event["index"].as_u64();
            match event["type"].as_str().unwrap() {
                "content_block_start" => {
                    assert_eq!((open, index), (None, Some(begun)));
                    open = index;
                    begun += 1;
                }
                "content_block_delta" => {
                    let is_late = event["delta"]["type"] == "input_json_delta";
                    assert!(index == open || (is_late && index < Some(begun)));
                }
                "content_block_stop" => {
                    assert_eq!(index, open.take());
                }
                _ => assert_eq!(open, None),
            }
        }
    }
}

#[test]
fn log_probabilities_are_lost_for_they_have_no_place_here() {
    let token = TokenLogprob {
        chosen: Likely {
            token: "H".into(),
            logprob: -0.5,
            bytes: None,
        },
        alternatives: Vec::new(),
    };
    let piece = TextPiece {
        text: "H".into(),
        logprobs: vec![token.clone()],
    };
    let (mut losses, mut events) = (Losses::default(), Vec::new());
    let mut writer = MessageWriter::new(ABOUT);
    writer.write(start(), &mut events, &mut losses);
    writer.write(Delta::Text("a".into()), &mut events, &mut losses);
    assert!(losses.is_empty());
    writer.write(Delta::Text(piece), &mut events, &mut losses);
    assert_eq!(losses.names(), ["logprobs"]);
    assert!(events.last().unwrap().data.contains(r#""text":"H""#));

    let answer = Answer {
        logprobs: vec![token],
        ..Answer::default()
    };
    let mut losses = Losses::default();
    writer.document(&answer, &mut losses);
    assert_eq!(losses.names(), ["logprobs"]);
}
