//! What is written in either dialect, and how its answers are read.

use serde_json::{Map, Value, json};

use super::{answer::Answer, chat, messages};
use crate::upstream::sse_decoder::SseEvent;

/// The dialect that the client speaks, and the provider as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's chat completions.
    Chat,
    /// Anthropic's messages.
    Messages,
}

/// Requests.
impl Dialect {
    /// `chat` or `messages`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Messages => "messages",
        }
    }

    /// Where it is asked, below the base URL.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Messages => "/messages",
        }
    }

    /// A request with this prompt.
    pub(super) fn request(self, model: &str, prompt: &str, stream: bool) -> Map<String, Value> {
        let request = json!({
            "model": model,
            "max_tokens": 1000,
            "stream": stream,
            "messages": [{ "role": "user", "content": prompt }],
        });
        let Value::Object(members) = request else {
            unreachable!("it was written as an object");
        };
        members
    }

    /// The headers of a client, with this key.
    pub(super) fn headers(self, key: &str) -> Vec<(&'static str, String)> {
        match self {
            Self::Chat => vec![("authorization", format!("Bearer {key}"))],
            Self::Messages => vec![
                ("x-api-key", key.to_owned()),
                ("anthropic-version", "2023-06-01".to_owned()),
            ],
        }
    }
}

/// What the provider writes.
impl Dialect {
    /// An event with this data, as bytes.
    pub(super) fn event(self, data: &str) -> String {
        match self {
            Self::Chat => format!("data: {data}\n\n"),
            Self::Messages => format!("event: {}\ndata: {data}\n\n", kind_of(data)),
        }
    }

    /// The events before the first text.
    pub(super) fn opening(self) -> String {
        match self {
            Self::Chat => self.event(&chat::role()),
            Self::Messages => [messages::start(3), messages::text_block(0)]
                .map(|data| self.event(&data))
                .concat(),
        }
    }

    /// The data of an event with a piece of the text.
    pub(super) fn text_data(self, text: &str) -> String {
        match self {
            Self::Chat => chat::text(text),
            Self::Messages => messages::text(0, text),
        }
    }

    /// An event with a piece of the text.
    pub(super) fn text(self, text: &str) -> String {
        self.event(&self.text_data(text))
    }

    /// The events after the last text: why it ended, and the end marker.
    pub(super) fn ending(self) -> String {
        match self {
            Self::Chat => self.event(&chat::finish("stop")) + &self.event("[DONE]"),
            Self::Messages => [
                messages::block_end(0),
                messages::finish("end_turn", 2),
                messages::end(),
            ]
            .map(|data| self.event(&data))
            .concat(),
        }
    }

    /// A whole stream with this text.
    pub(super) fn whole(self, text: &str) -> String {
        self.opening() + &self.text(text) + &self.ending()
    }

    /// A whole document with this text.
    pub(super) fn document(self, text: &str) -> String {
        match self {
            Self::Chat => chat::completion(text),
            Self::Messages => messages::message(text),
        }
    }

    /// An error: a document, or an event's data.
    pub(super) fn error(self, message: &str, kind: &str) -> String {
        match self {
            Self::Chat => chat::error(message, kind),
            Self::Messages => messages::error(message, kind),
        }
    }
}

/// What the client makes of an answer.
impl Dialect {
    /// What the client calls the end marker.
    pub(super) fn end_marker(self) -> &'static str {
        match self {
            Self::Chat => "[DONE]",
            Self::Messages => "message_stop",
        }
    }

    /// How many end markers there are.
    pub(super) fn end_markers(self, answer: &Answer) -> usize {
        let is_end = |event: &&SseEvent| match self {
            Self::Chat => event.data.trim() == "[DONE]",
            Self::Messages => kind_of(&event.data) == "message_stop",
        };
        answer.events().iter().filter(is_end).count()
    }

    /// Whether an event says why the text ended, as if it had come to its end.
    pub(super) fn has_finish(self, answer: &Answer) -> bool {
        data_of(answer).iter().any(|data| match self {
            Self::Chat => data["choices"][0]["finish_reason"].is_string(),
            Self::Messages => data["delta"]["stop_reason"].is_string(),
        })
    }

    /// The text of a stream or of a document.
    pub(super) fn text_of(self, answer: &Answer) -> String {
        if !answer.is_stream() {
            let document = answer.json().unwrap_or_default();
            let text = match self {
                Self::Chat => &document["choices"][0]["message"]["content"],
                Self::Messages => &document["content"][0]["text"],
            };
            return text.as_str().unwrap_or_default().to_owned();
        }
        let data = data_of(answer);
        let texts = data.iter().filter_map(|data| match self {
            Self::Chat => data["choices"][0]["delta"]["content"].as_str(),
            Self::Messages => data["delta"]["text"].as_str(),
        });
        texts.collect()
    }

    /// The first event that the dialect's SDKs take for an error.
    pub(super) fn error_event(self, answer: &Answer) -> Option<String> {
        let events = answer.events();
        let mut data = events.iter().map(|event| &event.data);
        let error = data.find(|data| {
            let data: Value = serde_json::from_str(data).unwrap_or_default();
            match self {
                Self::Chat => !matches!(&data["error"], Value::Null | Value::Bool(false)),
                Self::Messages => data["type"] == "error" && data["error"].is_object(),
            }
        });
        error.map(|data| data.to_string())
    }
}

fn data_of(answer: &Answer) -> Vec<Value> {
    let events = answer.events();
    let parsed = events
        .iter()
        .map(|event| serde_json::from_str(&event.data).ok());
    parsed.flatten().collect()
}

/// The `type` of an event's data.
fn kind_of(data: &str) -> String {
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    data["type"].as_str().unwrap_or_default().to_owned()
}
