use std::borrow::Cow;

use super::*;
use crate::{
    completion::{Delta, FinishReason, TokenUsage},
    upstream::sse_decoder::SseEvent,
};

const USAGE: TokenUsage = TokenUsage {
    prompt_tokens: 3,
    completion_tokens: 2,
    cached_tokens: 0,
    cache_write_tokens: 0,
    reasoning_tokens: 0,
};

fn lines(version: u8, deltas: Vec<Delta<'static>>) -> Vec<String> {
    let mut writer = of_version(version);
    let mut events = Vec::new();
    for delta in deltas {
        writer.write(delta, &mut events);
    }
    writer.end(&mut events);
    let line = |event: SseEvent| format!("{} {}", event.event.unwrap(), event.data);
    events.into_iter().map(line).collect()
}

fn text(text: &'static str) -> Delta<'static> {
    Delta::Text(Cow::Borrowed(text))
}

fn all() -> Vec<Delta<'static>> {
    vec![
        Delta::Start {
            id: None,
            model: None,
            created: None,
        },
        Delta::Thinking("hm".into()),
        Delta::Signature("proof".into()),
        text("He"),
        text(""),
        text("llö"),
        Delta::Finish(FinishReason::Stop),
        Delta::Usage(USAGE),
    ]
}

#[test]
fn the_first_two_versions_repeat_all_of_the_text_and_the_others_tell_what_is_new() {
    for version in 0..2 {
        assert_eq!(
            lines(version, all()),
            [
                r#"completion {"completion":"He","stopReason":""}"#,
                r#"completion {"completion":"Hell\u00f6","stopReason":""}"#,
                r#"completion {"completion":"Hell\u00f6","stopReason":"end_turn"}"#,
                "done {}",
            ]
        );
    }
    for version in 2..=crate::dialects::sourcegraph::LATEST {
        assert_eq!(
            lines(version, all()),
            [
                r#"completion {"delta_thinking":"hm"}"#,
                r#"completion {"deltaText":"He"}"#,
                r#"completion {"deltaText":"ll\u00f6"}"#,
                r#"completion {"deltaText":"","stopReason":"end_turn","usage":{"completion_tokens":2,"prompt_tokens":3,"total_tokens":5}}"#,
                "done {}",
            ]
        );
    }
}

#[test]
fn each_piece_of_a_call_names_it_and_a_call_without_arguments_has_an_empty_object() {
    let call = |index, id: &'static str| Delta::ToolCall {
        index,
        id: id.into(),
        name: "look".into(),
    };
    let arguments = |index, text: &'static str| Delta::ToolArguments {
        index,
        text: text.into(),
    };
    let deltas = vec![
        call(0, "a"),
        arguments(0, "{\"x\""),
        call(1, "b"),
        arguments(0, ":1}"),
        Delta::Finish(FinishReason::ToolCalls),
    ];
    let piece = |id: &str, arguments: &str| {
        format!(
            r#"completion {{"delta_tool_calls":[{{"id":"{id}","type":"function","function":{{"name":"look","arguments":"{arguments}"}}}}]}}"#
        )
    };
    let told = lines(8, deltas.clone());
    assert_eq!(
        told[..5],
        [
            piece("a", ""),
            piece("a", r#"{\"x\""#),
            piece("b", ""),
            piece("a", ":1}"),
            piece("b", "{}"),
        ]
    );
    assert_eq!(
        told[5],
        r#"completion {"deltaText":"","stopReason":"tool_use"}"#
    );
    // One that was cut may have been cut inside a call.
    let cut = vec![call(0, "a"), Delta::Finish(FinishReason::Length)];
    assert!(!lines(8, cut).concat().contains("{}\""));
}

#[test]
fn an_answer_that_says_nothing_is_told_as_one() {
    assert_eq!(
        lines(1, vec![]),
        [r#"completion {"completion":"","stopReason":""}"#, "done {}"]
    );
    assert_eq!(
        lines(2, vec![]),
        [r#"completion {"deltaText":""}"#, "done {}"]
    );
}

#[test]
fn a_cumulative_answer_counts_what_it_holds() {
    let mut writer = of_version(1);
    let before = writer.held_bytes();
    writer.write(text("1234"), &mut Vec::new());
    assert_eq!(writer.held_bytes(), before + 4);
}

#[test]
fn a_document_has_the_text_and_why_it_ends() {
    let answer = Answer {
        parts: vec![
            PartKind::Thinking {
                text: "hm".into(),
                signature: None,
            }
            .into(),
            PartKind::Text("a".into()).into(),
            PartKind::Text("ö".into()).into(),
        ],
        finish: Some(FinishReason::Other("strange".into())),
        usage: Some(USAGE),
        ..Answer::default()
    };
    assert_eq!(
        of_version(8).document(&answer),
        r#"{"completion":"aö","stopReason":"strange"}"#
    );
}
