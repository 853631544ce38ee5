//! What a client is told of an answer and gives back as a message is what was said.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    ChatCompletions,
    conversation::{read, told},
};
use crate::{
    completion::{Answer, Delta, Part, PartKind},
    dialects::{AnswerContext, AnswerWriter, DialectTranslator, openai::parse_request},
    translation::Losses,
};

/// A part of an answer; [`PartKind`] itself has no debug form, so that no log tells a completion.
#[derive(Clone, Debug)]
enum Said {
    Thought(String, Option<String>),
    Redacted(String),
    Text(String),
    Refusal(String),
    Call(String, String, String),
}

impl Said {
    fn part(&self) -> Part<'_> {
        Part::from(match self {
            Self::Thought(text, signature) => PartKind::Thinking {
                text: text.into(),
                signature: signature.as_ref().map(Into::into),
            },
            Self::Redacted(data) => PartKind::RedactedThinking(data.into()),
            Self::Text(text) => PartKind::Text(text.into()),
            Self::Refusal(text) => PartKind::Refusal(text.into()),
            Self::Call(id, name, arguments) => PartKind::ToolCall {
                id: id.into(),
                name: name.into(),
                arguments: arguments.into(),
            },
        })
    }

    /// The pieces in which a stream may bring it.
    fn deltas(&self, calls: &mut usize) -> Vec<Delta<'_>> {
        match self {
            Self::Thought(text, signature) => {
                let text = halves(text).map(|text| Delta::Thinking(text.into()));
                let proof = signature
                    .as_ref()
                    .map(|proof| Delta::Signature(proof.into()));
                text.into_iter().chain(proof).collect()
            }
            Self::Redacted(data) => vec![Delta::RedactedThinking(data.into())],
            Self::Text(text) => halves(text).map(|text| Delta::Text(text.into())).into(),
            Self::Refusal(text) => halves(text).map(|text| Delta::Refusal(text.into())).into(),
            Self::Call(id, name, arguments) => {
                let index = *calls;
                *calls += 1;
                let begins = Delta::ToolCall {
                    index,
                    id: id.into(),
                    name: name.into(),
                };
                let pieces = halves(arguments).map(|text| Delta::ToolArguments {
                    index,
                    text: text.into(),
                });
                [begins].into_iter().chain(pieces).collect()
            }
        }
    }
}

fn halves(text: &str) -> [&str; 2] {
    let middle = text.chars().next().map_or(0, char::len_utf8);
    text.split_at(middle).into()
}

/// Parts in the order in which this API can tell them: thoughts, text, refusal, calls.
fn answers() -> impl Strategy<Value = Vec<Said>> {
    let word = || "[a-zé\"\\\\\n]{1,6}";
    let thought = prop_oneof![
        ("[a-zé ]{0,6}", word()).prop_map(|(text, proof)| Said::Thought(text, Some(proof))),
        word().prop_map(Said::Redacted),
    ];
    let call =
        (word(), word(), word()).prop_map(|(id, name, arguments)| Said::Call(id, name, arguments));
    (
        prop::collection::vec(thought, 0..4),
        // Where a thought without a signature ends, a stream only tells by what comes after it.
        prop::option::of(word().prop_map(|text| Said::Thought(text, None))),
        prop::option::of(word().prop_map(Said::Text)),
        prop::option::of(word().prop_map(Said::Refusal)),
        prop::collection::vec(call, 0..3),
    )
        .prop_map(|(thoughts, unsigned, text, refusal, calls)| {
            let parts = thoughts.into_iter().chain(unsigned).chain(text);
            parts.chain(refusal).chain(calls).collect()
        })
}

fn writer() -> Box<dyn AnswerWriter> {
    let request = parse_request(Bytes::from_static(br#"{"model":"a"}"#)).unwrap();
    let about = AnswerContext {
        id: "r1",
        model: "m",
        created: 7,
    };
    ChatCompletions.answer_writer(&request, about)
}

/// The message that a client has at the end of a stream.
fn streamed(said: &[Said]) -> Value {
    let mut writer = writer();
    let (mut events, mut calls) = (Vec::new(), 0);
    let start = Delta::Start {
        id: None,
        model: None,
        created: None,
    };
    writer.write(start, &mut events, &mut Losses::default());
    for delta in said.iter().flat_map(|said| said.deltas(&mut calls)) {
        writer.write(delta, &mut events, &mut Losses::default());
    }
    let chunks = events
        .iter()
        .map(|event| serde_json::from_str(&event.data).unwrap());
    joined(chunks)
}

/// The message of a document.
fn whole(said: &[Said]) -> Value {
    let answer = Answer {
        parts: said.iter().map(Said::part).collect(),
        ..Answer::default()
    };
    let document: Value =
        serde_json::from_slice(&writer().document(&answer, &mut Losses::default())).unwrap();
    document["choices"][0]["message"].clone()
}

/// The parts of an assistant's message as it is read again.
fn read_again(message: &Value) -> Vec<String> {
    let body = json!({ "model": "a", "messages": [message] }).to_string();
    let mut losses = Losses::default();
    let conversation = read(&body, &mut losses).unwrap();
    assert!(losses.is_empty(), "{losses}");
    conversation.turns[0].parts.iter().map(told).collect()
}

/// The message that a client joins from a stream as the OpenAI SDKs do: texts are put together, and
/// entries of lists by their `index`.
fn joined(chunks: impl Iterator<Item = Value>) -> Value {
    fn join(whole: &mut Value, piece: &Value) {
        match (whole, piece) {
            (Value::Object(whole), Value::Object(piece)) => {
                for (name, value) in piece {
                    match whole.get_mut(name) {
                        Some(_) if name == "index" || name == "type" => {}
                        Some(known) if !known.is_null() => join(known, value),
                        _ if value.is_array() => {
                            let mut list = json!([]);
                            join(&mut list, value);
                            whole.insert(name.clone(), list);
                        }
                        _ => {
                            whole.insert(name.clone(), value.clone());
                        }
                    }
                }
            }
            (Value::Array(whole), Value::Array(pieces)) => {
                for piece in pieces {
                    match whole
                        .iter_mut()
                        .find(|known| known["index"] == piece["index"])
                    {
                        Some(known) => join(known, piece),
                        None => whole.push(piece.clone()),
                    }
                }
            }
            (Value::String(whole), Value::String(piece)) => whole.push_str(piece),
            (whole, piece) => *whole = piece.clone(),
        }
    }
    let mut message = json!({});
    for chunk in chunks {
        join(&mut message, &chunk["choices"][0]["delta"]);
    }
    message
}

proptest! {
    #[test]
    fn an_answer_that_comes_back_as_a_message_has_the_same_parts(said in answers()) {
        let expected: Vec<String> = said.iter().map(|said| told(&said.part())).collect();
        prop_assert_eq!(&read_again(&whole(&said)), &expected);
        prop_assert_eq!(&read_again(&streamed(&said)), &expected);
    }
}
