//! A whole completion in our words.

use std::borrow::Cow;

use super::{
    deltas::ChatDeltas,
    wire::{Choice, Completion},
};
use crate::{
    completion::{Answer, Delta, Part, PartKind},
    providers::BadDocument,
    translation::Losses,
};

/// Reads a completion as a stream of one chunk, so that both are read alike.
pub(super) fn read<'a>(document: &'a str, losses: &mut Losses) -> Result<Answer<'a>, BadDocument> {
    let mut completion: Completion<'a> =
        serde_json::from_str(document).map_err(|_| BadDocument::NoDocument)?;
    for choice in completion.choices.iter_mut().flatten() {
        choice.delta = choice.message.take();
    }
    // A choice that says nothing and ends for no reason is no answer to anything.
    let says = |choice: &Choice<'_>| {
        choice.delta.is_some() || choice.text.is_some() || choice.finish_reason.is_some()
    };
    if !completion.choices.iter().flatten().any(says) {
        return Err(BadDocument::NoDocument);
    }
    let mut deltas = Vec::new();
    ChatDeltas::default()
        .read_chunk(completion, &mut deltas)
        .map_err(|_| BadDocument::NoDocument)?;
    let mut answer = Answer::default();
    // The places of the calls among the parts: a search for each piece of arguments could take minutes.
    let mut calls = Vec::new();
    for delta in deltas {
        add(delta, &mut answer, &mut calls, losses);
    }
    Ok(answer)
}

fn add<'a>(delta: Delta<'a>, answer: &mut Answer<'a>, calls: &mut Vec<usize>, losses: &mut Losses) {
    let parts = &mut answer.parts;
    match delta {
        Delta::Start { id, model, created } => {
            (answer.id, answer.model, answer.created) = (id, model, created);
        }
        Delta::Text(more) => {
            answer.logprobs.extend(more.logprobs);
            match last(parts) {
                _ if more.text.is_empty() => {}
                Some(PartKind::Text(text)) => *text += more.text,
                _ => parts.push(PartKind::Text(more.text).into()),
            }
        }
        Delta::Refusal(more) => match last(parts) {
            Some(PartKind::Refusal(text)) => *text += more,
            _ => parts.push(PartKind::Refusal(more).into()),
        },
        Delta::Thinking(more) => match last(parts) {
            Some(PartKind::Thinking {
                text,
                signature: None,
            }) => *text += more,
            _ => parts.push(thought(more, None)),
        },
        Delta::Signature(proof) => match last(parts) {
            Some(PartKind::Thinking {
                signature: signature @ None,
                ..
            }) => *signature = Some(proof),
            _ => parts.push(thought(Cow::Borrowed(""), Some(proof))),
        },
        Delta::RedactedThinking(data) => parts.push(PartKind::RedactedThinking(data).into()),
        Delta::ToolCall { id, name, .. } => {
            calls.push(parts.len());
            let call = PartKind::ToolCall {
                id,
                name,
                arguments: Cow::Borrowed(""),
            };
            parts.push(call.into());
        }
        Delta::ToolArguments { index, text } => {
            let call = calls.get(index).and_then(|place| parts.get_mut(*place));
            if let Some(PartKind::ToolCall { arguments, .. }) = call.map(|call| &mut call.kind) {
                *arguments += text;
            }
        }
        Delta::Usage(usage) => answer.usage = Some(usage),
        Delta::Finish(reason) => answer.finish = Some(reason),
        Delta::Lost(name) => losses.add(name),
    }
}

fn last<'p, 'a>(parts: &'p mut [Part<'a>]) -> Option<&'p mut PartKind<'a>> {
    parts.last_mut().map(|part| &mut part.kind)
}

fn thought<'a>(text: Cow<'a, str>, signature: Option<Cow<'a, str>>) -> Part<'a> {
    PartKind::Thinking { text, signature }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::completion::{FinishReason, TokenUsage};

    fn answer(document: &str) -> (Answer<'_>, Losses) {
        let mut losses = Losses::default();
        let answer = read(document, &mut losses).unwrap();
        (answer, losses)
    }

    /// Each part in few words.
    fn told(answer: &Answer<'_>) -> Vec<String> {
        let tell = |part: &Part<'_>| match &part.kind {
            PartKind::Text(text) => format!("text {text}"),
            PartKind::Refusal(text) => format!("refusal {text}"),
            PartKind::Thinking { text, signature } => format!("thought {text} {signature:?}"),
            PartKind::RedactedThinking(data) => format!("redacted {data}"),
            PartKind::ToolCall {
                id,
                name,
                arguments,
            } => format!("call {id} {name} {arguments}"),
            _ => "of a request".to_owned(),
        };
        answer.parts.iter().map(tell).collect()
    }

    #[test]
    fn a_completion_is_read_with_all_that_it_says() {
        let (answer, losses) = answer(
            r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt","choices":[{"index":0,
            "message":{"role":"assistant","content":"Hi","refusal":null,"annotations":[],"reasoning_content":"hm",
            "tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
            {"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],
            "usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}"#,
        );
        assert_eq!(answer.id.as_deref(), Some("chatcmpl-1"));
        assert_eq!(answer.model.as_deref(), Some("gpt"));
        assert_eq!(answer.created, Some(1_700_000_000));
        assert_eq!(
            told(&answer),
            [
                "thought hm None",
                "text Hi",
                r#"call c1 f {"a":1}"#,
                "call c2 g {}"
            ]
        );
        assert_eq!(answer.finish, Some(FinishReason::ToolCalls));
        assert_eq!(
            answer.usage,
            Some(TokenUsage {
                prompt_tokens: 3,
                completion_tokens: 5,
                ..TokenUsage::default()
            })
        );
        assert!(losses.is_empty());
    }

    #[test]
    fn signed_and_encrypted_thoughts_keep_their_order_and_proof() {
        let (answer, _) = answer(
            r#"{"choices":[{"message":{"content":"Hi","reasoning":"ab","reasoning_details":[
            {"type":"reasoning.text","text":"a","signature":"s1","format":"anthropic-claude-v1","index":0},
            {"type":"reasoning.encrypted","data":"x","format":"anthropic-claude-v1","index":1},
            {"type":"reasoning.text","text":"b","signature":"s2"}]}}]}"#,
        );
        assert_eq!(
            told(&answer),
            [
                r#"thought a Some("s1")"#,
                "redacted x",
                r#"thought b Some("s2")"#,
                "text Hi"
            ]
        );
    }

    #[test]
    fn what_an_answer_has_no_word_for_is_told_as_lost() {
        let (answer, losses) = answer(
            r#"{"choices":[{"index":0,"message":{"content":"Hi","annotations":[{"type":"url_citation"}],"audio":{"id":"a"}},
            "logprobs":5,"finish_reason":"stop"},{"index":1,"message":{"content":"Ho"}}],"citations":["u"]}"#,
        );
        assert_eq!(told(&answer), ["text Hi"]);
        assert_eq!(
            losses.names(),
            ["citations", "audio", "annotations", "logprobs", "choices"]
        );
    }

    #[test]
    fn the_tokens_of_an_answer_stand_beside_its_parts_and_make_none() {
        for (content, parts) in [("\"Hi\"", &["text Hi"][..]), ("\"\"", &[]), ("null", &[])] {
            let document = format!(
                r#"{{"choices":[{{"message":{{"content":{content}}},"logprobs":{{"content":[{{"token":"Hi","logprob":-0.25}}]}}}}]}}"#
            );
            let (answer, losses) = answer(&document);
            assert_eq!(told(&answer), parts);
            assert_eq!(answer.logprobs[0].chosen.token, "Hi");
            assert!(losses.is_empty());
        }
    }

    #[test]
    fn what_is_no_completion_is_refused() {
        for document in [
            "{}",
            r#"{"choices":[]}"#,
            r#"{"choices":null}"#,
            r#"{"choices":"none"}"#,
            r#"{"choices":[{"message":{"content":5}}]}"#,
            "null",
        ] {
            assert!(
                matches!(
                    read(document, &mut Losses::default()),
                    Err(BadDocument::NoDocument)
                ),
                "{document}"
            );
        }
    }
}
