//! A stream that a client of the other format is told, and that is taken for a provider's once more.

use herald::{
    completion::EventKind,
    dialects::{Dialect, anthropic::Messages, openai::ChatCompletions},
    upstream::sse_decoder::SseEvent,
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::{name, object, word};
use crate::{ABOUT, passage};

/// The events of a provider's stream as a client of the other format is told them.
fn told(dialect: &'static dyn Dialect, provider: &str, events: &[SseEvent]) -> Vec<SseEvent> {
    let body = json!({
        "model": "m", "stream": true, "max_tokens": 9, "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": "hi" }],
    });
    let (request, passage) = passage(dialect, body.to_string().into(), provider).unwrap();
    let mut reader = passage.api.event_reader(&request);
    let mut translation = passage.translation.unwrap();
    let mut told = Vec::new();
    for event in events {
        match reader.read(event.clone()).unwrap().kind {
            EventKind::End => told.extend(translation.end()),
            _ => told.extend(translation.event(event).unwrap()),
        }
    }
    assert!(translation.lost().is_empty(), "{}", translation.lost());
    told
}

/// The events by name and as JSON; `[DONE]` is null.
fn read(events: &[SseEvent]) -> Vec<(Option<&str>, Value)> {
    let data = |event: &SseEvent| serde_json::from_str(&event.data).unwrap_or_default();
    let read = events
        .iter()
        .map(|event| (event.event.as_deref(), data(event)));
    read.collect()
}

/// A part of an answer, of which each comes in two pieces.
#[derive(Clone, Debug)]
enum Said {
    Thought([String; 2], String),
    Redacted(String),
    Text([String; 2]),
    Call(String, [String; 2]),
}

#[derive(Clone, Debug)]
struct Answered {
    said: Vec<Said>,
    /// The words of both formats for one reason.
    reason: (&'static str, &'static str),
    /// Tokens: read anew, read from a cache, written to a cache, written, and thought of these.
    usage: [u32; 5],
}

fn answers() -> impl Strategy<Value = Answered> {
    let pieces = || (word(), word()).prop_map(|(one, two)| [one, two]);
    let call = (name(), object()).prop_map(|(name, arguments)| {
        let text = arguments.to_string();
        let (one, two) = text.split_at(1);
        Said::Call(name, [one.to_owned(), two.to_owned()])
    });
    let said = prop_oneof![
        (pieces(), word()).prop_map(|(text, proof)| Said::Thought(text, proof)),
        word().prop_map(Said::Redacted),
        pieces().prop_map(Said::Text),
        call,
    ];
    let numbers = prop::array::uniform5(1..1000_u32);
    (vec(said, 1..6), select(vec![0, 1, 2]), numbers).prop_map(|(mut said, reason, mut usage)| {
        // Chat completions know of no end between two texts.
        said.dedup_by(|one, two| matches!((one, two), (Said::Text(_), Said::Text(_))));
        let has_calls = said.iter().any(|said| matches!(said, Said::Call(..)));
        let reason = match reason {
            0 => ("max_tokens", "length"),
            1 if !has_calls => ("refusal", "content_filter"),
            _ if has_calls => ("tool_use", "tool_calls"),
            _ => ("end_turn", "stop"),
        };
        usage[3] += usage[4];
        Answered {
            said,
            reason,
            usage,
        }
    })
}

impl Answered {
    fn messages(&self) -> Vec<SseEvent> {
        let message = json!({
            "id": "answer_1", "type": "message", "role": "assistant", "model": "claude", "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": { "input_tokens": 0,
                "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 0 },
        });
        let mut events = vec![json!({ "type": "message_start", "message": message })];
        for (index, said) in self.said.iter().enumerate() {
            let id = format!("call_{index}");
            let block = match said {
                Said::Thought(..) => json!({ "type": "thinking", "thinking": "", "signature": "" }),
                Said::Redacted(data) => json!({ "type": "redacted_thinking", "data": data }),
                Said::Text(_) => json!({ "type": "text", "text": "" }),
                Said::Call(name, _) => {
                    json!({ "type": "tool_use", "id": id, "name": name, "input": {} })
                }
            };
            events.push(
                json!({ "type": "content_block_start", "index": index, "content_block": block }),
            );
            let mut add = |delta| {
                events
                    .push(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
            };
            match said {
                Said::Thought(pieces, proof) => {
                    for text in pieces {
                        add(json!({ "type": "thinking_delta", "thinking": text }));
                    }
                    add(json!({ "type": "signature_delta", "signature": proof }));
                }
                Said::Redacted(_) => {}
                Said::Text(pieces) => {
                    for text in pieces {
                        add(json!({ "type": "text_delta", "text": text }));
                    }
                }
                Said::Call(_, pieces) => {
                    for text in pieces {
                        add(json!({ "type": "input_json_delta", "partial_json": text }));
                    }
                }
            }
            events.push(json!({ "type": "content_block_stop", "index": index }));
        }
        let [anew, read, written, output, thought] = self.usage;
        let usage = json!({ "input_tokens": anew, "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written, "output_tokens": output,
            "output_tokens_details": { "thinking_tokens": thought } });
        let delta = json!({ "stop_reason": self.reason.0, "stop_sequence": null });
        events.push(json!({ "type": "message_delta", "delta": delta, "usage": usage }));
        events.push(json!({ "type": "message_stop" }));
        let event = |data: Value| SseEvent {
            event: data["type"].as_str().map(Into::into),
            id: None,
            data: data.to_string().into(),
        };
        events.into_iter().map(event).collect()
    }

    fn chat(&self) -> Vec<SseEvent> {
        let chunk = |choices: Value, usage: Value| {
            json!({ "id": "answer_1", "object": "chat.completion.chunk", "created": ABOUT.created,
                "model": "gpt", "choices": choices, "usage": usage })
        };
        let piece = |delta: Value| {
            let choice = json!({ "index": 0, "delta": delta, "finish_reason": null });
            chunk(json!([choice]), Value::Null)
        };
        let mut chunks = vec![piece(json!({ "role": "assistant", "content": "" }))];
        let (mut thoughts, mut calls) = (0, 0);
        let format = "anthropic-claude-v1";
        for said in &self.said {
            match said {
                Said::Thought(pieces, proof) => {
                    chunks.extend(pieces.iter().map(|text| {
                        let detail =
                            json!({ "type": "reasoning.text", "text": text, "index": thoughts });
                        piece(json!({ "reasoning_content": text, "reasoning_details": [detail] }))
                    }));
                    let detail = json!({ "type": "reasoning.text", "signature": proof,
                        "format": format, "index": thoughts });
                    chunks.push(piece(json!({ "reasoning_details": [detail] })));
                    thoughts += 1;
                }
                Said::Redacted(data) => {
                    let detail = json!({ "type": "reasoning.encrypted", "data": data,
                        "format": format, "index": thoughts });
                    chunks.push(piece(json!({ "reasoning_details": [detail] })));
                    thoughts += 1;
                }
                Said::Text(pieces) => {
                    chunks.extend(pieces.iter().map(|text| piece(json!({ "content": text }))));
                }
                Said::Call(name, pieces) => {
                    let call = json!({ "index": calls, "id": format!("call_{calls}"),
                        "type": "function", "function": { "name": name, "arguments": "" } });
                    chunks.push(piece(json!({ "tool_calls": [call] })));
                    chunks.extend(pieces.iter().map(|text| {
                        let call = json!({ "index": calls, "function": { "arguments": text } });
                        piece(json!({ "tool_calls": [call] }))
                    }));
                    calls += 1;
                }
            }
        }
        let choice = json!({ "index": 0, "delta": {}, "finish_reason": self.reason.1 });
        chunks.push(chunk(json!([choice]), Value::Null));
        let [anew, read, written, output, thought] = self.usage;
        let prompt = anew + read + written;
        let usage = json!({ "prompt_tokens": prompt, "completion_tokens": output,
            "total_tokens": prompt + output,
            "prompt_tokens_details": { "cached_tokens": read, "cache_write_tokens": written },
            "completion_tokens_details": { "reasoning_tokens": thought } });
        chunks.push(chunk(json!([]), usage));
        let data = chunks.iter().map(Value::to_string);
        let event = |data: String| SseEvent {
            event: None,
            id: None,
            data: data.into(),
        };
        data.chain(["[DONE]".to_owned()]).map(event).collect()
    }
}

proptest! {
    #[test]
    fn a_stream_of_messages_is_the_same_after_a_way_through_chat_completions(answered in answers()) {
        let stream = answered.messages();
        let there = told(&ChatCompletions, "anthropic", &stream);
        let back = told(&Messages, "openai", &there);
        prop_assert_eq!(read(&back), read(&stream));
    }

    #[test]
    fn a_stream_of_chat_completions_is_the_same_after_a_way_through_messages(answered in answers()) {
        let stream = answered.chat();
        let there = told(&Messages, "openai", &stream);
        let back = told(&ChatCompletions, "anthropic", &there);
        prop_assert_eq!(read(&back), read(&stream));
    }
}
