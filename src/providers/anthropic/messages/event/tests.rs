use proptest::prelude::*;

use super::*;

fn event(data: &str) -> SseEvent {
    let kind: serde_json::Value = serde_json::from_str(data).unwrap_or_default();
    SseEvent {
        event: kind["type"].as_str().map(Into::into),
        id: None,
        data: data.into(),
    }
}

fn kind(data: &str) -> EventKind {
    MessageReader::default().read(event(data)).unwrap().kind
}

#[test]
fn what_a_reader_would_not_see_is_preamble() {
    for data in [
        r#"{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"","citations":null}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":1}}"#,
        r#"{"type": "ping"}"#,
        r#"{"type":"an_event_of_tomorrow","delta":7}"#,
        r#"{"no":"type"}"#,
        r#"{"type":7}"#,
    ] {
        assert_eq!(kind(data), EventKind::Preamble, "{data}");
    }
}

#[test]
fn every_sort_of_content_counts() {
    for data in [
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"H"}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"t","name":"web_search"}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"x"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"H"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}"#,
    ] {
        assert_eq!(kind(data), EventKind::Content, "{data}");
    }
}

#[test]
fn an_error_is_one_by_its_type_or_by_the_events_name_also_after_content() {
    let overloaded =
        r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"},"request_id":"r"}"#;
    for name in [None, Some("error"), Some("content_block_delta")] {
        let mut reader = MessageReader::default();
        let text =
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"H"}}"#;
        reader.read(event(text)).unwrap();
        let raw = SseEvent {
            event: name.map(Into::into),
            id: None,
            data: overloaded.into(),
        };
        let EventKind::Error(error) = reader.read(raw).unwrap().kind else {
            panic!("an error: {name:?}");
        };
        assert_eq!((error.status, error.message.as_str()), (Some(529), "busy"));
    }
    let raw = SseEvent {
        event: Some("error".into()),
        id: None,
        data: "plain words".into(),
    };
    let kind = MessageReader::default().read(raw).unwrap().kind;
    assert!(matches!(kind, EventKind::Error(error) if error.message == "plain words"));
}

#[test]
fn only_message_stop_completes() {
    let mut reader = MessageReader::default();
    for data in [
        r#"{"type":"message_start","message":{}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"H"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}"#,
    ] {
        reader.read(event(data)).unwrap();
        assert!(!reader.is_complete(), "{data}");
    }
    let end = reader.read(event(r#"{"type":"message_stop"   }"#)).unwrap();
    assert_eq!(end.kind, EventKind::End);
    assert!(reader.is_complete());
}

#[test]
fn usage_is_joined_over_the_stream_and_a_repeated_start_changes_nothing() {
    let mut reader = MessageReader::default();
    let start = r#"{"type":"message_start","message":{"usage":{"input_tokens":8,"cache_read_input_tokens":2,"output_tokens":1}}}"#;
    for _ in 0..2 {
        let told = reader.read(event(start)).unwrap();
        assert_eq!(told.kind, EventKind::Preamble);
        assert_eq!(told.usage.unwrap().prompt_tokens, 10);
    }
    let last = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":null,"output_tokens":30}}"#;
    let usage = reader.read(event(last)).unwrap().usage.unwrap();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (10, 30));
}

#[test]
fn garbage_is_refused_unless_the_event_has_a_name_of_its_own() {
    let named = |name: Option<&str>, data: &str| {
        MessageReader::default().read(SseEvent {
            event: name.map(Into::into),
            id: None,
            data: data.into(),
        })
    };
    for (name, data) in [
        (None, "<html>"),
        (
            Some("content_block_delta"),
            r#"{"type":"content_block_delta","#,
        ),
        (Some("message_stop"), "[DONE]"),
    ] {
        assert_eq!(named(name, data).unwrap_err(), BadEvent, "{data}");
    }
    let kind = named(Some("x-trace"), "free text").unwrap().kind;
    assert_eq!(kind, EventKind::Preamble);
}

proptest! {
    #[test]
    fn no_event_makes_the_reader_panic(
        name in proptest::option::of("[a-z_]{0,24}"),
        data in "\\PC{0,64}|(\\{\"type\":\"[a-z_]{0,20}\",\"(delta|message|content_block|usage)\":[0-9a-z{}\\[\\]\":,]{0,40}\\})",
    ) {
        let raw = SseEvent { event: name.map(Into::into), id: None, data: data.into() };
        let _ = MessageReader::default().read(raw);
    }
}
