use proptest::prelude::*;

use super::*;
use crate::{
    completion::TokenUsage, providers::EventReader,
    providers::anthropic::messages::event::MessageReader, upstream::sse_decoder::SseDecoder,
};

fn event(data: &str) -> SseEvent {
    SseEvent {
        event: None,
        id: None,
        data: data.into(),
    }
}

/// Reads events one after the other, as a form that outlives them.
fn told(reader: &mut MessageDeltas, events: &[&str]) -> Result<Vec<String>, BadEvent> {
    let mut told = Vec::new();
    for data in events {
        let raw = event(data);
        let mut deltas = Vec::new();
        reader.read(&raw, &mut deltas)?;
        told.extend(deltas.iter().map(|delta| format!("{delta:?}")));
    }
    Ok(told)
}

fn all(events: &[&str]) -> Vec<String> {
    told(&mut MessageDeltas::default(), events).unwrap()
}

/// What is told in the midst of an answer.
fn later(events: &[&str]) -> Vec<String> {
    let mut reader = MessageDeltas {
        has_started: true,
        ..MessageDeltas::default()
    };
    told(&mut reader, events).unwrap()
}

fn refused(events: &[&str]) -> bool {
    told(&mut MessageDeltas::default(), events).is_err()
}

fn forms(deltas: &[Delta<'_>]) -> Vec<String> {
    deltas.iter().map(|delta| format!("{delta:?}")).collect()
}

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","model":"claude","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}"#;
const TOOL: &str = r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}"#;
const PIECE: &str = r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#;
const FINISH: &str = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}"#;

#[test]
fn an_answer_without_its_first_event_begins_all_the_same() {
    let start = forms(&[Delta::Start {
        id: None,
        model: None,
        created: None,
    }]);
    for first in [TOOL, FINISH] {
        assert_eq!(all(&[first])[..1], start, "{first}");
    }
    let late = all(&[TOOL, START]);
    assert_eq!(
        late.iter()
            .filter(|delta| delta.starts_with("Start"))
            .count(),
        1
    );
}

#[test]
fn a_message_is_told_from_start_to_finish() {
    let events = [
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type": "ping"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"x"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Hi \"you\""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":""}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        FINISH,
    ];
    let usage = |completion_tokens| {
        Delta::Usage(TokenUsage {
            prompt_tokens: 9,
            completion_tokens,
            ..TokenUsage::default()
        })
    };
    let expected = [
        Delta::Start {
            id: Some("msg_1".into()),
            model: Some("claude".into()),
            created: None,
        },
        usage(1),
        Delta::Thinking("hm".into()),
        Delta::Signature("s".into()),
        Delta::RedactedThinking("x".into()),
        Delta::Text("Hi \"you\"".into()),
        usage(7),
        Delta::Finish(FinishReason::Stop),
    ];
    assert_eq!(all(&events), forms(&expected));
}

#[test]
fn calls_are_counted_from_zero_whatever_the_index_of_their_blocks() {
    let second = TOOL.replace("toolu_1", "toolu_2").replace(":1,", ":5,");
    let call = |index, id: &'static str| Delta::ToolCall {
        index,
        id: id.into(),
        name: "f".into(),
    };
    let arguments = |index, text: &'static str| Delta::ToolArguments {
        index,
        text: text.into(),
    };
    let events = [
        TOOL,
        &second,
        PIECE,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_stop","index":5}"#,
    ];
    let expected = [
        call(0, "toolu_1"),
        call(1, "toolu_2"),
        arguments(0, r#"{"a":1}"#),
        // One without arguments is told an empty object.
        arguments(1, "{}"),
    ];
    assert_eq!(later(&events), forms(&expected));
}

#[test]
fn arguments_that_stand_in_the_beginning_are_told_once_and_may_not_go_on() {
    let eager = TOOL.replace("{}", r#"{"a":1}"#);
    let stop = r#"{"type":"content_block_stop","index":1}"#;
    let arguments = r#"ToolArguments { index: 0, text: "{\"a\":1}" }"#;
    assert_eq!(later(&[&eager, stop])[1..], [arguments]);
    let empty = PIECE.replace(r#"{\"a\":1}"#, "");
    assert_eq!(later(&[&eager, &empty, stop])[1..], [arguments]);
    assert!(refused(&[&eager, PIECE]));
}

#[test]
fn a_repeated_start_begins_no_second_answer() {
    let told = all(&[START, START]);
    let starts = told.iter().filter(|told| told.starts_with("Start"));
    assert_eq!(starts.count(), 1);
}

#[test]
fn what_has_no_word_here_is_lost_by_name_with_all_that_belongs_to_it() {
    for (data, name) in [
        (
            r#""content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#,
            "server_tool_use",
        ),
        (
            r#""content_block_start","index":1,"content_block":{"type":"mcp_tool_result","content":[]}"#,
            "mcp_tool_result",
        ),
        (
            r#""content_block_start","index":1,"content_block":{"type":"compaction","content":"c"}"#,
            "compaction",
        ),
        (
            r#""content_block_start","index":1,"content_block":{"type":"of_tomorrow"}"#,
            "content",
        ),
        (
            r#""content_block_start","index":1,"content_block":{"type":"text","text":"","citations":[{}]}"#,
            "citations",
        ),
        (
            r#""content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{}}"#,
            "citations",
        ),
        (
            r#""content_block_delta","index":1,"delta":{"type":"compaction_delta","content":"c"}"#,
            "compaction",
        ),
        (
            r#""content_block_delta","index":1,"delta":{"type":"delta_of_tomorrow"}"#,
            "content",
        ),
        (
            r#""message_delta","delta":{"stop_details":{"type":"refusal"}}"#,
            "stop_details",
        ),
        (
            r#""message_delta","delta":{"container":{"id":"c"}}"#,
            "container",
        ),
        (
            r#""message_delta","context_management":{}"#,
            "context_management",
        ),
    ] {
        let told = later(&[&format!(r#"{{"type":{data}}}"#)]);
        assert_eq!(told, [format!("Lost({name:?})")], "{data}");
    }
    let server_tool = TOOL.replace("tool_use", "server_tool_use");
    assert_eq!(
        later(&[&server_tool, PIECE]),
        [r#"Lost("server_tool_use")"#]
    );
}

#[test]
fn what_contradicts_an_earlier_event_or_is_broken_is_refused() {
    for events in [
        &[PIECE][..],
        &[FINISH, TOOL],
        &[
            FINISH,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
        ],
        &[r#"{"type":"message_start"}"#],
        &[r#"{"type":"content_block_start","index":0}"#],
        &[r#"{"type":"content_block_start","index":-1,"content_block":{"type":"text","text":""}}"#],
        &[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":""}}"#,
        ],
        &[r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":7}}"#],
        &[r#"{"type":"content_block_delta","index":0,"delta":{"#],
    ] {
        assert!(refused(events), "{events:?}");
    }
}

#[test]
fn only_the_first_reason_to_end_is_told() {
    let told = all(&[FINISH, FINISH]);
    let ends = told.iter().filter(|told| told.starts_with("Finish"));
    assert_eq!(ends.count(), 1);
}

#[test]
fn what_is_remembered_does_not_grow_with_the_answer() {
    let mut reader = MessageDeltas::default();
    let stop = |index: usize| format!(r#"{{"type":"content_block_stop","index":{index}}}"#);
    for index in 0..2000 {
        let start = TOOL.replace(":1,", &format!(":{index},"));
        told(&mut reader, &[&start, &stop(index)]).unwrap();
    }
    assert!(reader.open.is_empty() && reader.open.capacity() <= MAX_OPEN);
    // Blocks that are never closed are refused before they are many.
    let mut reader = MessageDeltas::default();
    let opened = (0..2000).take_while(|index| {
        let start = TOOL.replace(":1,", &format!(":{index},"));
        told(&mut reader, &[&start]).is_ok()
    });
    assert_eq!(opened.count(), MAX_OPEN);
}

fn some_event() -> impl Strategy<Value = String> {
    let text = "[a-zé\\\\\"{}\\n]{0,6}";
    let json = |text: String| serde_json::Value::from(text).to_string();
    prop_oneof![
        Just(START.to_owned()),
        Just(FINISH.to_owned()),
        Just(r#"{"type":"ping"}"#.to_owned()),
        (0_u8..4).prop_map(|index| TOOL.replace(":1,", &format!(":{index},"))),
        (0_u8..4).prop_map(|index| format!(r#"{{"type":"content_block_stop","index":{index}}}"#)),
        (0_u8..4, text).prop_map(move |(index, text)| format!(
            r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"input_json_delta","partial_json":{}}}}}"#,
            json(text)
        )),
        (0_u8..4, text).prop_map(move |(index, text)| format!(
            r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"text_delta","text":{}}}}}"#,
            json(text)
        )),
        "\\{\"type\":\"(message_start|message_delta|content_block_start)\",\"[a-z_]{1,13}\":[0-9a-z{}\":,]{0,20}\\}",
        "\\PC{0,20}",
    ]
}

/// What both readers say of a stream that comes in these pieces; it ends with the first bad event.
fn read_in_pieces(stream: &[u8], cuts: &[usize]) -> Vec<String> {
    let mut decoder = SseDecoder::new(64 * 1024);
    let (mut events, mut deltas) = (MessageReader::default(), MessageDeltas::default());
    let mut said = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([stream.len()]) {
        let to = to.clamp(from, stream.len());
        decoder.push(bytes::Bytes::copy_from_slice(&stream[from..to]));
        from = to;
        while let Some(raw) = decoder.next_event().unwrap() {
            let Ok(event) = events.read(raw) else {
                return said;
            };
            said.push(format!("{:?} {:?}", event.kind, event.usage));
            let mut told = Vec::new();
            if deltas.read(&event.raw, &mut told).is_err() {
                return said;
            }
            said.extend(forms(&told));
        }
    }
    said
}

proptest! {
    #[test]
    fn where_a_stream_is_cut_does_not_matter_and_nothing_panics(
        events in proptest::collection::vec(some_event(), 0..20),
        mut cuts in proptest::collection::vec(0_usize..2000, 0..8),
    ) {
        let stream: String = events.iter().map(|data| format!("data: {data}\n\n")).collect();
        cuts.sort_unstable();
        prop_assert_eq!(
            read_in_pieces(stream.as_bytes(), &cuts),
            read_in_pieces(stream.as_bytes(), &[])
        );
    }
}

#[test]
fn an_event_of_an_unknown_type_or_name_is_lost_and_a_ping_says_nothing() {
    assert!(all(&[r#"{"type":"ping"}"#]).is_empty());
    let lost = forms(&[Delta::Lost("event")]);
    for event in [r#"{"type":"of_tomorrow","index":"a"}"#, r#"{"no":"type"}"#] {
        assert_eq!(all(&[event]), lost, "{event}");
    }
}
