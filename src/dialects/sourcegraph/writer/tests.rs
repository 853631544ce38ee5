use super::*;
use crate::{
    completion::{Delta, FinishReason, Likely, TextPiece, TokenLogprob, TokenUsage},
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
    lines_and_losses(version, deltas).0
}

fn lines_and_losses(version: u8, deltas: Vec<Delta<'static>>) -> (Vec<String>, String) {
    let mut writer = of_version(version);
    let (mut events, mut losses) = (Vec::new(), Losses::default());
    for delta in deltas {
        writer.write(delta, &mut events, &mut losses);
    }
    writer.end(&mut events);
    let line = |event: SseEvent| format!("{} {}", event.event.unwrap(), event.data);
    (events.into_iter().map(line).collect(), losses.to_string())
}

fn likely(token: &'static str, logprob: f64, bytes: &[u8]) -> Likely<'static> {
    Likely {
        token: token.into(),
        logprob,
        bytes: Some(bytes.to_vec()),
    }
}

fn tokens() -> [TokenLogprob<'static>; 2] {
    let alternatives = vec![
        likely("ö", -0.5, "ö".as_bytes()),
        likely("o", -1.5, b"o"),
        likely("o", -2.5, b"o"),
    ];
    [
        TokenLogprob {
            chosen: likely("ö", -0.5, "ö".as_bytes()),
            alternatives,
        },
        TokenLogprob {
            chosen: likely("k", -0.25, b"k"),
            alternatives: Vec::new(),
        },
    ]
}

fn text(text: &'static str) -> Delta<'static> {
    Delta::Text(text.into())
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
    writer.write(text("1234"), &mut Vec::new(), &mut Losses::default());
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
        of_version(8).document(&answer, &mut Losses::default()),
        r#"{"completion":"aö","stopReason":"strange"}"#
    );
}

#[test]
fn log_probabilities_are_all_so_far_in_the_first_two_versions_and_the_new_ones_in_the_others() {
    let [first, second] = tokens();
    let piece = |text: &'static str, token| {
        Delta::Text(TextPiece {
            text: text.into(),
            logprobs: vec![token],
        })
    };
    let deltas = || {
        vec![
            text("ha"),
            piece("ö", first.clone()),
            piece("k", second.clone()),
        ]
    };
    let first_told = r#"["\u00f6"],"token_logprobs":[-0.5],"top_logprobs":[{"\u00f6":-0.5,"o":-1.5}],"text_offset":[2]}"#;
    let second_told = r#"["k"],"token_logprobs":[-0.25],"top_logprobs":[{}],"text_offset":[3]}"#;
    let both_told = r#"["\u00f6","k"],"token_logprobs":[-0.5,-0.25],"top_logprobs":[{"\u00f6":-0.5,"o":-1.5},{}],"text_offset":[2,3]}"#;
    for version in 0..2 {
        let (lines, lost) = lines_and_losses(version, deltas());
        let line = |text: &str, told: &str| {
            format!(
                r#"completion {{"completion":"{text}","stopReason":"","logprobs":{{"tokens":{told}}}"#
            )
        };
        assert_eq!(
            lines[1..4],
            [
                line(r"ha\u00f6", first_told),
                line(r"ha\u00f6k", both_told),
                line(r"ha\u00f6k", both_told)
            ]
        );
        assert_eq!(lost, "");
    }
    let lines = lines(8, deltas());
    let line = |text: &str, told: &str| {
        format!(r#"completion {{"deltaText":"{text}","logprobs":{{"tokens":{told}}}"#)
    };
    assert_eq!(
        lines[1..3],
        [line(r"\u00f6", first_told), line("k", second_told)]
    );
    assert!(!lines[3].contains("logprobs"), "{}", lines[3]);
}

#[test]
fn a_document_has_the_tokens_of_all_of_its_text() {
    let answer = Answer {
        parts: vec![PartKind::Text("ök".into()).into()],
        logprobs: tokens().into(),
        ..Answer::default()
    };
    let mut losses = Losses::default();
    assert_eq!(
        of_version(1).document(&answer, &mut losses),
        r#"{"completion":"ök","stopReason":"","logprobs":{"tokens":["ö","k"],"token_logprobs":[-0.5,-0.25],"top_logprobs":[{"ö":-0.5,"o":-1.5},{}],"text_offset":[0,1]}}"#
    );
    assert!(losses.is_empty());
}

#[test]
fn tokens_that_are_kept_count_as_held_and_bytes_that_no_text_shows_are_lost() {
    let (mut writer, mut losses) = (of_version(0), Losses::default());
    let before = writer.held_bytes();
    let piece = TextPiece {
        text: "".into(),
        logprobs: vec![TokenLogprob {
            chosen: likely("\\xc3", -0.5, b"\xc3"),
            alternatives: Vec::new(),
        }],
    };
    writer.write(Delta::Text(piece), &mut Vec::new(), &mut losses);
    assert!(writer.held_bytes() > before);
    assert_eq!(losses.names(), ["logprobs.bytes"]);
}

#[test]
fn what_a_version_has_no_place_for_is_lost_by_its_name() {
    let deltas = || {
        let mut deltas = all();
        deltas.insert(1, Delta::RedactedThinking("secret".into()));
        deltas.insert(2, Delta::Signature("".into()));
        deltas.push(Delta::ToolCall {
            index: 0,
            id: "a".into(),
            name: "look".into(),
        });
        deltas.push(Delta::ToolArguments {
            index: 0,
            text: "{}".into(),
        });
        deltas
    };
    for version in 0..2 {
        let (_, lost) = lines_and_losses(version, deltas());
        assert_eq!(
            lost,
            "redacted_thinking, thinking, signature, usage, tool_calls"
        );
    }
    let (_, lost) = lines_and_losses(2, deltas());
    assert_eq!(lost, "redacted_thinking, signature");
    let cached = TokenUsage {
        cached_tokens: 1,
        ..USAGE
    };
    let (_, lost) = lines_and_losses(8, vec![Delta::Usage(cached)]);
    assert_eq!(lost, "usage.details");
}

#[test]
fn a_document_has_no_place_for_anything_but_text() {
    let thought = |signature: Option<&'static str>| PartKind::Thinking {
        text: "hm".into(),
        signature: signature.map(Into::into),
    };
    let call = PartKind::ToolCall {
        id: "a".into(),
        name: "look".into(),
        arguments: "{}".into(),
    };
    let parts = [
        thought(None),
        thought(Some("proof")),
        PartKind::RedactedThinking("x".into()),
        PartKind::Refusal("no".into()),
        call,
    ];
    let answer = Answer {
        parts: parts.map(Into::into).into(),
        usage: Some(USAGE),
        ..Answer::default()
    };
    let mut losses = Losses::default();
    of_version(8).document(&answer, &mut losses);
    assert_eq!(
        losses.names(),
        [
            "thinking",
            "signature",
            "redacted_thinking",
            "tool_calls",
            "usage"
        ]
    );
}
