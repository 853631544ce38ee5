mod calls;

use proptest::prelude::*;

use super::*;
use crate::completion::{Likely, TextPiece, TokenLogprob};

/// What the chunks say, each delta in few words, the start left out.
fn try_said(chunks: &[&str]) -> Result<Vec<String>, BadEvent> {
    let mut reader = ChatDeltas::default();
    let mut said = Vec::new();
    for chunk in chunks {
        let event = SseEvent {
            event: None,
            id: None,
            data: (*chunk).into(),
        };
        let mut deltas = Vec::new();
        reader.read(&event, &mut deltas)?;
        said.extend(deltas.iter().filter_map(told));
    }
    Ok(said)
}

fn told(delta: &Delta<'_>) -> Option<String> {
    Some(match delta {
        Delta::Start { .. } => return None,
        Delta::Text(piece) => {
            let mut line = format!("text {}", piece.text);
            for TokenLogprob {
                chosen,
                alternatives,
            } in &piece.logprobs
            {
                let others: Vec<_> = alternatives.iter().map(likely).collect();
                line += &format!(" [{} {}]", likely(chosen), others.join("/"));
            }
            line
        }
        Delta::Refusal(text) => format!("refusal {text}"),
        Delta::Thinking(text) => format!("thought {text}"),
        Delta::Signature(proof) => format!("signature {proof}"),
        Delta::RedactedThinking(data) => format!("redacted {data}"),
        Delta::ToolCall { index, id, name } => format!("call {index} {id} {name}"),
        Delta::ToolArguments { index, text } => format!("arguments {index} {text}"),
        Delta::Usage(usage) => {
            format!("usage {} {}", usage.prompt_tokens, usage.completion_tokens)
        }
        Delta::Finish(reason) => format!("finish {reason:?}"),
        Delta::Lost(name) => format!("lost {name}"),
    })
}

fn likely(likely: &Likely<'_>) -> String {
    let bytes = likely.bytes.as_ref().map_or(0, Vec::len);
    format!("{} {} {bytes}", likely.token, likely.logprob)
}

fn said(chunks: &[&str]) -> Vec<String> {
    try_said(chunks).unwrap()
}

/// A chunk of one delta.
fn chunk(delta: &str) -> String {
    format!(r#"{{"id":"chatcmpl-1","choices":[{{"index":0,"delta":{delta}}}]}}"#)
}

fn said_of(deltas: &[&str]) -> Vec<String> {
    let chunks: Vec<String> = deltas.iter().copied().map(chunk).collect();
    said(&chunks.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn an_answer_starts_once_with_the_first_chunk_that_knows_what_answers() {
    let events = [
        r#"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}"#,
        r#"{"choices":[{"delta":{"content":"","role":"assistant"},"index":0}],"created":1700000000.5,"id":"chatcmpl-1","model":"gpt"}"#,
        r#"{"choices":[{"delta":{"content":"H"},"index":0}],"created":1700000001,"id":"chatcmpl-1","model":"gpt"}"#,
    ]
    .map(|data| SseEvent {
        event: None,
        id: None,
        data: data.into(),
    });
    let (mut reader, mut deltas) = (ChatDeltas::default(), Vec::new());
    for event in &events {
        reader.read(event, &mut deltas).unwrap();
    }
    assert_eq!(
        deltas,
        [
            Delta::Start {
                id: Some("chatcmpl-1".into()),
                model: Some("gpt".into()),
                created: Some(1_700_000_000),
            },
            Delta::Text("H".into()),
        ]
    );
}

#[test]
fn what_a_provider_does_not_tell_of_itself_is_none() {
    let event = SseEvent {
        event: None,
        id: None,
        data: r#"{"id":7,"created":"now","choices":[{"delta":{}}]}"#.into(),
    };
    let mut deltas = Vec::new();
    ChatDeltas::default().read(&event, &mut deltas).unwrap();
    assert_eq!(
        deltas,
        [Delta::Start {
            id: None,
            model: None,
            created: None
        }]
    );
}

#[test]
fn a_content_is_a_text_or_a_list_of_typed_parts() {
    for (delta, expected) in [
        (r#"{"content":"H"}"#, vec!["text H"]),
        (r#"{"content":""}"#, vec![]),
        (r#"{"content":null}"#, vec![]),
        (
            r#"{"content":[{"type":"text","text":"H"},{"type":"text","text":""}]}"#,
            vec!["text H"],
        ),
        (
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"h"},{"type":"text","text":"m"}],"closed":true},{"type":"text","text":"H"}]}"#,
            vec!["thought h", "thought m", "text H"],
        ),
        (
            r#"{"content":[{"type":"thinking","thinking":"hm"}]}"#,
            vec!["thought hm"],
        ),
        (
            r#"{"content":[{"type":"reference","reference_ids":[1]}]}"#,
            vec!["lost content"],
        ),
        (r#"{"refusal":"no"}"#, vec!["refusal no"]),
        (
            "{\"content\":\"a\u{2028}b\\u2028c\"}",
            vec!["text a\u{2028}b\u{2028}c"],
        ),
    ] {
        assert_eq!(said_of(&[delta]), expected, "{delta}");
    }
}

#[test]
fn thoughts_are_told_once_by_whichever_member_has_them() {
    for (delta, expected) in [
        (r#"{"reasoning_content":"hm"}"#, vec!["thought hm"]),
        (
            r#"{"reasoning":"hm","content":"H"}"#,
            vec!["thought hm", "text H"],
        ),
        (
            r#"{"reasoning":"hm","reasoning_content":"hm"}"#,
            vec!["thought hm"],
        ),
        (
            r#"{"reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","index":0,"format":null}]}"#,
            vec!["thought hm"],
        ),
        (
            r#"{"reasoning":"hm","reasoning_details":[{"type":"reasoning.summary","summary":"hm"}]}"#,
            vec!["thought hm"],
        ),
        (
            r#"{"reasoning":null,"reasoning_details":[{"type":"reasoning.text","signature":"s","format":"anthropic-claude-v1"}]}"#,
            vec!["signature s"],
        ),
        (
            r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"x","format":"anthropic-claude-v1"}]}"#,
            vec!["redacted x"],
        ),
        (r#"{"reasoning":"","reasoning_details":[]}"#, vec![]),
        (
            r#"{"reasoning_details":[{"type":"reasoning.smell"}]}"#,
            vec!["lost reasoning_details"],
        ),
    ] {
        assert_eq!(said_of(&[delta]), expected, "{delta}");
    }
}

#[test]
fn a_thought_encrypted_by_another_than_anthropic_is_kept_whole() {
    let entry = r#"{"type":"reasoning.encrypted","data":"x","id":"tool_f_1","format":"google-gemini-v1","index":0}"#;
    let delta = format!(r#"{{"reasoning_details":[{entry}]}}"#);
    assert_eq!(said_of(&[&delta]), [format!("redacted {entry}")]);
}

#[test]
fn usage_is_told_wherever_it_stands_and_after_what_it_counts() {
    let usage = r#""usage":{"prompt_tokens":3,"completion_tokens":5}"#;
    for (chunk, expected) in [
        (format!(r#"{{"choices":[],{usage}}}"#), vec!["usage 3 5"]),
        (format!("{{{usage}}}"), vec!["usage 3 5"]),
        (
            format!(
                r#"{{"choices":[{{"delta":{{"content":"H"}},"finish_reason":"stop"}}],{usage}}}"#
            ),
            vec!["text H", "finish Stop", "usage 3 5"],
        ),
        (
            format!(
                r#"{{"choices":[{{"delta":{{}},"finish_reason":"stop"}}],"x_groq":{{{usage}}}}}"#
            ),
            vec!["finish Stop", "usage 3 5"],
        ),
    ] {
        assert_eq!(said(&[&chunk]), expected, "{chunk}");
    }
    let each = format!(r#"{{"choices":[{{"delta":{{"content":"H"}}}}],{usage}}}"#);
    assert_eq!(
        said(&[&each, &each]),
        ["text H", "usage 3 5", "text H", "usage 3 5"]
    );
}

#[test]
fn an_answer_finishes_once_and_says_nothing_after_it() {
    let finish = r#"{"choices":[{"delta":{"content":""},"finish_reason":"length"}]}"#;
    assert_eq!(said(&[finish, finish]), ["finish Length"]);
    let unfinished = r#"{"choices":[{"delta":{"content":"H"},"finish_reason":""}]}"#;
    assert_eq!(said(&[unfinished]), ["text H"]);
    assert_eq!(try_said(&[finish, unfinished]), Err(BadEvent));
    let sources = r#"{"choices":[{"delta":{"annotations":[{"type":"url_citation"}]}}]}"#;
    assert_eq!(
        said(&[finish, sources]),
        ["finish Length", "lost annotations"]
    );
}

#[test]
fn a_stop_is_told_with_its_text_and_with_the_call_it_waits_for() {
    for (chunk, expected) in [
        (
            r####"{"choices":[{"delta":{},"finish_reason":"stop","stop_reason":"###"}]}"####,
            vec![r####"finish StopSequence(Some("###"))"####],
        ),
        (
            r####"{"choices":[{"delta":{},"finish_reason":"stop","matched_stop":"###"}]}"####,
            vec![r####"finish StopSequence(Some("###"))"####],
        ),
        (
            r#"{"choices":[{"delta":{},"finish_reason":"stop","stop_reason":128009}]}"#,
            vec!["finish Stop"],
        ),
        (
            r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f"}}]},"finish_reason":"stop"}]}"#,
            vec!["call 0 a f", "finish ToolCalls"],
        ),
    ] {
        assert_eq!(said(&[chunk]), expected, "{chunk}");
    }
}

#[test]
fn what_has_no_word_here_is_lost_by_name_and_what_is_empty_is_not() {
    for (chunk, expected) in [
        (
            r#"{"choices":[{"delta":{"audio":{"id":"a"},"images":[{}],"annotations":[{}]},"logprobs":{"content":[]}}]}"#,
            vec!["lost audio", "lost annotations", "lost images"],
        ),
        (
            r#"{"choices":[{"delta":{"audio":null,"images":[],"annotations":[]},"logprobs":null}],"citations":[]}"#,
            vec![],
        ),
        (
            r#"{"choices":[{"index":1,"delta":{"content":"H"}}],"citations":["u"]}"#,
            vec!["lost citations", "lost choices"],
        ),
        (
            r#"{"choices":[{"message":{"content":"all again"}}]}"#,
            vec!["lost message"],
        ),
        (r#"{"object":"unknown.kind"}"#, vec!["lost event"]),
    ] {
        assert_eq!(said(&[chunk]), expected, "{chunk}");
    }
}

#[test]
fn log_probabilities_come_with_the_text_whose_tokens_they_are() {
    const TOKENS: &str = r#"{"content":[{"token":"H","logprob":-0.5,"bytes":[72],"top_logprobs":[{"token":"H","logprob":-0.5,"bytes":[72]},{"token":"J","logprob":-1.25}]},{"token":"i","logprob":-9999.0,"bytes":null,"top_logprobs":[]}],"refusal":null}"#;
    let told = "[H -0.5 1 H -0.5 1/J -1.25 0] [i -9999 0 ]";
    for (delta, logprobs, expected) in [
        (
            r#"{"content":"Hi"}"#,
            TOKENS,
            vec![format!("text Hi {told}")],
        ),
        // Tokens that show nothing yet.
        (r#"{"content":""}"#, TOKENS, vec![format!("text  {told}")]),
        ("{}", TOKENS, vec![format!("text  {told}")]),
        (
            r#"{"reasoning_content":"hm","content":"Hi"}"#,
            TOKENS,
            vec!["thought hm".to_owned(), format!("text Hi {told}")],
        ),
        (
            r#"{"reasoning_content":"hm"}"#,
            TOKENS,
            vec!["thought hm".to_owned(), "lost logprobs".to_owned()],
        ),
        (
            r#"{"refusal":"No"}"#,
            r#"{"content":null,"refusal":[{"token":"No","logprob":-1}]}"#,
            vec!["refusal No".to_owned(), "lost logprobs.refusal".to_owned()],
        ),
        // The lists of the elder API.
        (
            r#"{"content":"Hi"}"#,
            r#"{"tokens":["Hi"],"token_logprobs":[-1],"content":5}"#,
            vec!["text Hi".to_owned(), "lost logprobs".to_owned()],
        ),
        (
            r#"{"content":"Hi"}"#,
            r#"{"content":[]}"#,
            vec!["text Hi".to_owned()],
        ),
    ] {
        let chunk = format!(r#"{{"choices":[{{"delta":{delta},"logprobs":{logprobs}}}]}}"#);
        assert_eq!(said(&[&chunk]), expected, "{chunk}");
    }
    let late = format!(r#"{{"choices":[{{"delta":{{}},"logprobs":{TOKENS}}}]}}"#);
    let finish = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    assert_eq!(said(&[finish, &late]), ["finish Stop", "lost logprobs"]);
}

#[test]
fn only_an_event_with_a_name_of_its_own_may_hold_anything() {
    let named = SseEvent {
        event: Some("x-trace".into()),
        id: None,
        data: "free text".into(),
    };
    let mut deltas = Vec::new();
    ChatDeltas::default().read(&named, &mut deltas).unwrap();
    assert_eq!(deltas, [Delta::Lost("event")]);
    for data in ["free text", r#"{"choices":"none"}"#, ""] {
        assert_eq!(try_said(&[data]), Err(BadEvent), "{data}");
    }
    let spaced = format!(" {} \t", chunk(r#"{"content":"H"}"#));
    assert_eq!(said(&[&spaced]), ["text H"]);
}

/// Members of a delta as servers write them and as they should not, to be put together at random.
const MEMBERS: &[&str] = &[
    r#""content":"H""#,
    r#""content":[{"type":"text","text":"H"}]"#,
    r#""content":7"#,
    r#""reasoning":"hm""#,
    r#""reasoning_details":[{"type":"reasoning.text","signature":"s"},5]"#,
    r#""tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]"#,
    r#""tool_calls":[{"index":0,"function":{"arguments":"}"}}]"#,
    r#""tool_calls":[{"id":"b","function":{"name":"f","arguments":{}}},{"function":{"name":"g"}}]"#,
    r#""tool_calls":[{"index":3,"id":"c","function":{"name":"h"}}]"#,
    r#""tool_calls":null,"refusal":"no""#,
    r#""function_call":{"name":"f","arguments":"{}"}"#,
    "",
];

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(data in ".{0,200}") {
        let _ = try_said(&[&data]);
        let _ = try_said(&[&chunk(&data)]);
    }

    #[test]
    fn calls_begin_in_order_before_their_arguments_and_nothing_follows_a_finish(
        picks in proptest::collection::vec((0..MEMBERS.len(), 0..12u8), 0..24)
    ) {
        let events: Vec<SseEvent> = picks
            .iter()
            .map(|(member, finish)| {
                let finish = if *finish == 0 { r#""stop""# } else { "null" };
                let member = MEMBERS[*member];
                SseEvent {
                    event: None,
                    id: None,
                    data: format!(
                        r#"{{"choices":[{{"delta":{{{member}}},"finish_reason":{finish}}}]}}"#
                    )
                    .into(),
                }
            })
            .collect();
        let (mut reader, mut deltas) = (ChatDeltas::default(), Vec::new());
        for event in &events {
            if reader.read(event, &mut deltas).is_err() {
                // What came with it is not passed on either.
                return Ok(());
            }
        }
        let (mut begun, mut has_finished) = (0, false);
        for (place, delta) in deltas.iter().enumerate() {
            prop_assert_eq!(matches!(delta, Delta::Start { .. }), place == 0);
            prop_assert!(!has_finished || matches!(delta, Delta::Usage(_) | Delta::Lost(_)));
            match delta {
                Delta::ToolCall { index, id, name } => {
                    prop_assert_eq!(*index, begun);
                    prop_assert!(!id.is_empty() && !name.is_empty());
                    begun += 1;
                }
                Delta::ToolArguments { index, text } => {
                    prop_assert!(*index < begun && !text.is_empty());
                }
                Delta::Text(TextPiece { text, .. }) | Delta::Thinking(text) => {
                    prop_assert!(!text.is_empty());
                }
                Delta::Finish(_) => has_finished = true,
                _ => {}
            }
        }
    }
}
