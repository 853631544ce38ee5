//! What a provider says, written in each of the formats that it can be asked in.

use serde_json::{Value, json};

use super::{format::Format, heard::Finish};
use crate::random::Random;

/// One good answer, in no format yet.
#[derive(Clone, Debug)]
pub(super) struct Speech {
    pub(super) pieces: Vec<String>,
    pub(super) finish: Finish,
    pub(super) usage: Option<(u64, u64)>,
}

impl Speech {
    /// `number` makes its words like no other answer's A long one fills all buffers, now and then.
    pub(super) fn draw(random: &mut Random, number: usize, is_long: bool) -> Self {
        let (count, longest) = match random.below(100) {
            0..30 if is_long => (450, 1_500),
            0..4 => (300, 1_500),
            4..8 => (2, 6_000),
            8..14 => (0, 0),
            _ => (1 + random.below(9), 24),
        };
        let piece = |index: usize| {
            let length = if longest == 0 {
                0
            } else {
                1 + index * 7919 % longest
            };
            format!(
                "said-{number}.{index} é\u{2028}😀\"\\{} ",
                "x".repeat(length)
            )
        };
        Self {
            pieces: (0..count).map(piece).collect(),
            finish: random.one_of(&[Finish::Stop, Finish::Stop, Finish::Length]),
            usage: random
                .percent(70)
                .then(|| (3 + number as u64, 1 + random.below(50) as u64)),
        }
    }

    /// Its events, the end marker last.
    pub(super) fn events(&self, format: Format) -> Vec<String> {
        match format {
            Format::Chat => self.chat(),
            Format::Completions => self.completions(),
            Format::Responses => self.responses(),
            Format::Messages => self.messages(),
            Format::CodyWhole | Format::CodyPieces => unreachable!("no provider speaks it"),
        }
    }

    fn chat(&self) -> Vec<String> {
        let chunk = |choices: Value, usage: Value| {
            data(&json!({
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
                "model": "m", "x_unknown": [1.0, null], "choices": choices, "usage": usage,
            }))
        };
        let choice = |delta: Value, finish: Option<&str>| json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
        let role = choice(json!({ "role": "assistant", "content": "" }), None);
        let mut events = vec![chunk(role, Value::Null)];
        for piece in &self.pieces {
            events.push(chunk(
                choice(json!({ "content": piece }), None),
                Value::Null,
            ));
        }
        events.push(chunk(
            choice(json!({}), Some(self.reason("stop", "length"))),
            Value::Null,
        ));
        if let Some((prompt, answer)) = self.usage {
            events.push(chunk(json!([]), counted(prompt, answer)));
        }
        events.push("data: [DONE]\n\n".to_owned());
        events
    }

    fn completions(&self) -> Vec<String> {
        let chunk = |text: &str, finish: Option<&str>| {
            data(&json!({
                "id": "cmpl-1", "object": "text_completion", "created": 1_700_000_000, "model": "m",
                "choices": [{ "index": 0, "text": text, "logprobs": null, "finish_reason": finish }],
            }))
        };
        let mut events: Vec<_> = self.pieces.iter().map(|piece| chunk(piece, None)).collect();
        events.push(chunk("", Some(self.reason("stop", "length"))));
        if let Some((prompt, answer)) = self.usage {
            let usage = counted(prompt, answer);
            events.push(data(
                &json!({ "id": "cmpl-1", "choices": [], "usage": usage }),
            ));
        }
        events.push("data: [DONE]\n\n".to_owned());
        events
    }

    fn responses(&self) -> Vec<String> {
        let mut number = 0;
        let mut event = |kind: &str, members: Value| {
            let mut event = json!({ "type": kind, "sequence_number": number });
            number += 1;
            for (name, value) in members.as_object().into_iter().flatten() {
                event[name] = value.clone();
            }
            format!("event: {kind}\n{}", data(&event))
        };
        let item = json!({ "id": "msg_1", "type": "message", "role": "assistant", "content": [] });
        let begun = json!({ "id": "resp_1", "status": "in_progress", "output": [] });
        let mut events = vec![
            event("response.created", json!({ "response": begun })),
            event(
                "response.output_item.added",
                json!({ "output_index": 0, "item": item }),
            ),
        ];
        for piece in &self.pieces {
            let members = json!({ "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": piece });
            events.push(event("response.output_text.delta", members));
        }
        let (kind, response) = match self.finish {
            Finish::Length => ("response.incomplete", "incomplete"),
            _ => ("response.completed", "completed"),
        };
        let mut response = self.response(response);
        response["output"] = json!([]);
        events.push(event(kind, json!({ "response": response })));
        events
    }

    fn messages(&self) -> Vec<String> {
        let event = |value: Value| {
            let kind = value["type"].as_str().unwrap_or_default().to_owned();
            format!("event: {kind}\n{}", data(&value))
        };
        let (prompt, answer) = self.usage.unwrap_or((0, 0));
        let message = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
            "stop_reason": null, "usage": { "input_tokens": prompt, "output_tokens": 1 },
        });
        let block = json!({ "type": "text", "text": "" });
        let mut events = vec![
            event(json!({ "type": "message_start", "message": message })),
            event(json!({ "type": "content_block_start", "index": 0, "content_block": block })),
            event(json!({ "type": "ping" })),
        ];
        for piece in &self.pieces {
            let delta = json!({ "type": "text_delta", "text": piece });
            events.push(event(
                json!({ "type": "content_block_delta", "index": 0, "delta": delta }),
            ));
        }
        let reason = self.reason("end_turn", "max_tokens");
        events.extend([
            event(json!({ "type": "content_block_stop", "index": 0 })),
            event(json!({
                "type": "message_delta",
                "delta": { "stop_reason": reason, "stop_sequence": null },
                "usage": { "output_tokens": answer },
            })),
            event(json!({ "type": "message_stop" })),
        ]);
        events
    }

    /// The same as a whole.
    pub(super) fn document(&self, format: Format) -> String {
        let text = self.pieces.concat();
        let (prompt, answer) = self.usage.unwrap_or((1, 1));
        let document = match format {
            Format::Chat => json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "m",
                "choices": [{
                    "index": 0, "message": { "role": "assistant", "content": text },
                    "finish_reason": self.reason("stop", "length"),
                }],
                "usage": counted(prompt, answer), "x_unknown": { "a": 1.50 },
            }),
            Format::Completions => json!({
                "id": "cmpl-1", "object": "text_completion", "created": 1_700_000_000, "model": "m",
                "choices": [{ "index": 0, "text": text, "finish_reason": self.reason("stop", "length") }],
                "usage": counted(prompt, answer),
            }),
            Format::Responses => {
                let status = self.reason("completed", "incomplete");
                self.response(status)
            }
            Format::Messages => json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
                "content": [{ "type": "text", "text": text }],
                "stop_reason": self.reason("end_turn", "max_tokens"), "stop_sequence": null,
                "usage": { "input_tokens": prompt, "output_tokens": answer },
            }),
            Format::CodyWhole | Format::CodyPieces => unreachable!("no provider speaks it"),
        };
        document.to_string()
    }

    fn response(&self, status: &str) -> Value {
        let (prompt, answer) = self.usage.unwrap_or((1, 1));
        let text = self.pieces.concat();
        let content = json!([{ "type": "output_text", "text": text, "annotations": [] }]);
        json!({
            "id": "resp_1", "object": "response", "status": status, "model": "m", "error": null,
            "output": [{ "id": "msg_1", "type": "message", "role": "assistant", "content": content }],
            "usage": { "input_tokens": prompt, "output_tokens": answer, "total_tokens": prompt + answer },
        })
    }

    fn reason<'a>(&self, stop: &'a str, length: &'a str) -> &'a str {
        if self.finish == Finish::Length {
            length
        } else {
            stop
        }
    }
}

/// The words of an error that is a whole answer.
pub(super) fn error_document(format: Format, kind: &str) -> String {
    let format = if format == Format::Responses {
        Format::Chat
    } else {
        format
    };
    error(format, kind).to_string()
}

/// Those of one in a stream.
fn error(format: Format, kind: &str) -> Value {
    let message = "the provider has no more to say";
    match format {
        Format::Messages => {
            json!({ "type": "error", "error": { "type": kind, "message": message } })
        }
        Format::Responses => {
            json!({ "type": "error", "code": kind, "message": message, "param": null })
        }
        _ => json!({ "error": { "message": message, "type": kind, "param": null, "code": null } }),
    }
}

pub(super) fn error_event(format: Format, kind: &str) -> String {
    let name = match format {
        Format::Messages | Format::Responses => "event: error\n",
        _ => "",
    };
    format!("{name}{}", data(&error(format, kind)))
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn counted(prompt: u64, answer: u64) -> Value {
    json!({ "prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer })
}
