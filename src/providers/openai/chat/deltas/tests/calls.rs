//! Calls of functions, by what servers leave out, repeat and mix up.

use super::{chunk, said, said_of, try_said};
use crate::providers::BadEvent;

/// The calls of chunks that hold one piece of a call each.
fn calls(pieces: &[&str]) -> Vec<String> {
    let deltas: Vec<String> = pieces
        .iter()
        .map(|piece| format!(r#"{{"tool_calls":[{piece}]}}"#))
        .collect();
    said_of(&deltas.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_call_is_told_by_its_name_and_then_by_its_arguments() {
    assert_eq!(
        calls(&[
            r#"{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}"#,
            r#"{"index":0,"function":{"arguments":"{\"a\""}}"#,
            r#"{"index":0,"function":{"arguments":":1}"}}"#,
            r#"{"index":1,"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}"#,
        ]),
        [
            "call 0 c1 f",
            r#"arguments 0 {"a""#,
            "arguments 0 :1}",
            "call 1 c2 g",
            "arguments 1 {}"
        ]
    );
}

#[test]
fn a_call_may_come_with_the_first_chunk_and_without_a_role() {
    assert_eq!(
        said(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}}]}"#
        ]),
        ["call 0 c f", "arguments 0 {}"]
    );
}

#[test]
fn an_id_and_a_name_told_again_begin_no_other_call() {
    assert_eq!(
        calls(&[
            r#"{"index":0,"id":"0","function":{"name":"f","arguments":""}}"#,
            r#"{"index":0,"id":"0","function":{"name":"f","arguments":"{"}}"#,
            r#"{"index":0,"id":"0","function":{"name":"","arguments":"}"}}"#,
            r#"{"index":0,"id":"","function":{"name":"f","arguments":""}}"#,
        ]),
        ["call 0 0 f", "arguments 0 {", "arguments 0 }"]
    );
}

#[test]
fn another_id_at_the_same_index_begins_another_call_once_the_last_one_is_whole() {
    // Gemini: whole calls, all with the index 0.
    assert_eq!(
        calls(&[
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}"#,
            r#"{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}"#,
        ]),
        [
            "call 0 a f",
            "arguments 0 {}",
            "call 1 b f",
            "arguments 1 {}"
        ]
    );
    // The same without ids.
    assert_eq!(
        calls(&[
            r#"{"index":0,"function":{"name":"f","arguments":"{}"}}"#,
            r#"{"index":0,"function":{"name":"g","arguments":"{}"}}"#,
        ]),
        [
            "call 0 call_chatcmpl1_0 f",
            "arguments 0 {}",
            "call 1 call_chatcmpl1_1 g",
            "arguments 1 {}"
        ]
    );
    // vLLM and SGLang of 2025: calls in pieces, all with the index 0.
    assert_eq!(
        calls(&[
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":""}}"#,
            r#"{"index":0,"id":"","function":{"name":null,"arguments":"{}"}}"#,
            r#"{"index":0,"id":"b","function":{"name":"g","arguments":""}}"#,
            r#"{"index":0,"id":"","function":{"name":null,"arguments":"{}"}}"#,
        ]),
        [
            "call 0 a f",
            "arguments 0 {}",
            "call 1 b g",
            "arguments 1 {}"
        ]
    );
    // vLLM with gpt-oss: each piece of one call has another id.
    assert_eq!(
        calls(&[
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}"#,
            r#"{"index":0,"id":"b","function":{"name":"f","arguments":"{\"y\":1}"}}"#,
            r#"{"index":0,"id":"c","function":{"name":"f","arguments":"}"}}"#,
        ]),
        [
            "call 0 a f",
            r#"arguments 0 {"x":"#,
            r#"arguments 0 {"y":1}"#,
            "arguments 0 }"
        ]
    );
}

#[test]
fn calls_without_an_index_are_told_apart_by_their_ids_and_names() {
    assert_eq!(
        calls(&[
            r#"{"id":"a","function":{"name":"f","arguments":"{"}},{"id":"b","function":{"name":"f","arguments":"{"}}"#,
            r#"{"id":"a","function":{"name":"f","arguments":"}"}}"#,
            r#"{"function":{"arguments":"}"}}"#,
            r#"{"function":{"name":"g","arguments":"{}"}}"#,
        ]),
        [
            "call 0 a f",
            "arguments 0 {",
            "call 1 b f",
            "arguments 1 {",
            "arguments 0 }",
            "arguments 1 }",
            "call 2 call_chatcmpl1_2 g",
            "arguments 2 {}"
        ]
    );
}

#[test]
fn indexes_are_counted_anew_without_a_gap_and_late_pieces_find_their_call() {
    assert_eq!(
        calls(&[
            r#"{"index":1,"id":"a","function":{"name":"f","arguments":"{"}}"#,
            r#"{"index":4,"id":"b","function":{"name":"g","arguments":"{"}}"#,
            r#"{"index":1,"function":{"arguments":"}"}}"#,
            r#"{"index":4,"function":{"arguments":"}"}}"#,
        ]),
        [
            "call 0 a f",
            "arguments 0 {",
            "call 1 b g",
            "arguments 1 {",
            "arguments 0 }",
            "arguments 1 }"
        ]
    );
}

#[test]
fn an_id_that_is_missing_is_made_of_the_answers_id_and_is_short() {
    let call = r#"{"tool_calls":[{"index":0,"function":{"name":"f"}}]}"#;
    for (answer, expected) in [
        ("null", "call 0 call_0 f"),
        (
            r#""gen-1753242299-QZRAt5HJHd1ptY8sdS0s""#,
            "call 0 call_2299QZRAt5HJHd1ptY8sdS0s_0 f",
        ),
    ] {
        let chunk = format!(r#"{{"id":{answer},"choices":[{{"delta":{call}}}]}}"#);
        assert_eq!(said(&[&chunk]), [expected]);
    }
}

#[test]
fn arguments_may_be_an_object_and_calls_of_the_older_form() {
    assert_eq!(
        calls(&[r#"{"index":0,"id":"a","function":{"name":"f","arguments":{"a": 1}}}"#]),
        ["call 0 a f", r#"arguments 0 {"a": 1}"#]
    );
    assert_eq!(
        said_of(&[
            r#"{"function_call":{"name":"f","arguments":""}}"#,
            r#"{"function_call":{"arguments":"{}"}}"#,
        ]),
        ["call 0 call_chatcmpl1_0 f", "arguments 0 {}"]
    );
}

#[test]
fn what_of_a_call_cannot_be_told_is_lost() {
    assert_eq!(
        calls(&[
            r#"{"index":0,"id":"a","type":"custom","custom":{"name":"f","input":"x"}}"#,
            r#"{"index":1,"id":"b","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}}"#,
        ]),
        [
            "lost tool_calls.custom",
            "lost tool_calls.extra_content",
            "call 0 b f",
            "arguments 0 {}"
        ]
    );
}

#[test]
fn a_call_that_says_nothing_yet_is_waited_for_but_arguments_without_a_name_are_refused() {
    assert_eq!(
        calls(&[
            r#"{"index":0,"function":{"arguments":""}}"#,
            r#"{"index":0,"id":"a","function":{"name":"f"}}"#,
        ]),
        ["call 0 a f"]
    );
    for piece in [
        r#"{"index":0,"function":{"arguments":"{"}}"#,
        r#"{"index":0,"function":{"name":"f","arguments":5}}"#,
    ] {
        let chunk = chunk(&format!(r#"{{"tool_calls":[{piece}]}}"#));
        assert_eq!(try_said(&[&chunk]), Err(BadEvent), "{piece}");
    }
}

#[test]
fn the_calls_of_one_answer_are_bounded() {
    let call = chunk(r#"{"tool_calls":[{"function":{"name":"f"}}]}"#);
    assert!(try_said(&vec![call.as_str(); 1024]).is_ok());
    assert_eq!(try_said(&vec![call.as_str(); 1025]), Err(BadEvent));
}
