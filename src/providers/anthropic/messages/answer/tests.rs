use proptest::prelude::*;

use super::*;
use crate::completion::{FinishReason, TokenUsage};

fn read(document: &str) -> (Answer<'_>, Losses) {
    let mut losses = Losses::default();
    let answer = super::read(document, &mut losses).expect("a message");
    (answer, losses)
}

#[test]
fn a_whole_message_is_told() {
    let (answer, lost) = read(
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[
            {"type":"thinking","thinking":"hm","signature":"s"},
            {"type":"redacted_thinking","data":"x"},
            {"type":"text","text":"Hi \"you\"","citations":null},
            {"type":"text","text":""},
            {"type":"tool_use","id":"toolu_1","name":"f","input":{ "a": 1.0 }}
        ],"stop_reason":"tool_use","stop_sequence":null,"container":null,
        "usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":5}}"#,
    );
    assert!(lost.is_empty());
    assert_eq!(answer.id.as_deref(), Some("msg_1"));
    assert_eq!(answer.model.as_deref(), Some("claude"));
    assert_eq!(answer.finish, Some(FinishReason::ToolCalls));
    let usage = TokenUsage {
        prompt_tokens: 7,
        completion_tokens: 5,
        cached_tokens: 4,
        ..TokenUsage::default()
    };
    assert_eq!(answer.usage, Some(usage));
    let [thought, redacted, text, call] = &answer.parts[..] else {
        panic!("four parts");
    };
    assert!(matches!(
        &thought.kind,
        PartKind::Thinking { text, signature: Some(signature) } if text == "hm" && signature == "s"
    ));
    assert!(matches!(&redacted.kind, PartKind::RedactedThinking(data) if data == "x"));
    assert!(matches!(&text.kind, PartKind::Text(text) if text == "Hi \"you\""));
    assert!(matches!(
        &call.kind,
        PartKind::ToolCall { id, name, arguments }
            if id == "toolu_1" && name == "f" && arguments == r#"{ "a": 1.0 }"#
    ));
}

#[test]
fn what_has_no_word_here_is_lost_by_name() {
    let (answer, lost) = read(
        r#"{"content":[
            {"type":"server_tool_use","id":"s","name":"web_search","input":{}},
            {"type":"web_search_tool_result","tool_use_id":"s","content":[]},
            {"type":"text","text":"a","citations":[{"type":"char_location"}]},
            {"type":"text","text":"b","citations":[]},
            {"type":"a_block_of_tomorrow"}
        ],"stop_reason":"refusal","stop_details":{"type":"refusal"},"container":{"id":"c"}}"#,
    );
    assert_eq!(answer.parts.len(), 2);
    assert_eq!(
        lost.to_string(),
        "container, stop_details, server_tool_use, web_search_tool_result, citations, content"
    );
}

#[test]
fn every_stop_reason_has_its_word() {
    for (reason, expected) in [
        ("end_turn", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        (
            "stop_sequence",
            FinishReason::StopSequence(Some("END".into())),
        ),
        ("tool_use", FinishReason::ToolCalls),
        ("refusal", FinishReason::ContentFilter),
        ("pause_turn", FinishReason::Paused),
        ("compaction", FinishReason::Other("compaction".into())),
    ] {
        let text = format!(r#"{{"content":[],"stop_reason":"{reason}","stop_sequence":"END"}}"#);
        assert_eq!(read(&text).0.finish, Some(expected), "{reason}");
    }
}

#[test]
fn what_is_no_message_is_refused() {
    for text in [
        "{}",
        r#"{"content":"text"}"#,
        r#"{"content":[{"text":"a"}]}"#,
        r#"{"content":[{"type":"text","text":7}]}"#,
        r#"{"content":[{"type":"tool_use","id":"","name":"f","input":{}}]}"#,
    ] {
        let read = super::read(text, &mut Losses::default());
        assert!(matches!(read, Err(BadDocument::NoDocument)), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,64}|(\\{\"content\":\\[\\{\"type\":\"(text|tool_use|thinking)\",\"[a-z]{1,9}\":[0-9a-z{}\":,]{0,20}\\}\\]\\})") {
        let _ = super::read(&text, &mut Losses::default());
    }
}
