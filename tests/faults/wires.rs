//! What providers write: the same things in each format.

use herald::testkit::{Script, chat, messages};
use serde_json::json;

/// The first target's text, in each of its answers that has any.
pub(crate) const OF_A: &str = "of-a";
/// The text of the one behind it.
pub(crate) const OF_B: &str = "of-b";
/// The words of each error.
pub(crate) const WHY: &str = "the very reason";

/// A format of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Chat,
    Completions,
    Responses,
    Messages,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Stream,
    Document,
}

impl Way {
    pub(crate) const ALL: [Self; 2] = [Self::Stream, Self::Document];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Document => "JSON",
        }
    }
}

impl Wire {
    pub(crate) const ALL: [Self; 4] = [
        Self::Chat,
        Self::Completions,
        Self::Responses,
        Self::Messages,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::Messages => "messages",
        }
    }

    /// The settings of a provider that speaks it.
    pub(crate) fn settings(self) -> &'static str {
        match self {
            Self::Chat | Self::Completions => "kind = \"openai\"",
            Self::Responses => "kind = \"openai\"\nresponses = true",
            Self::Messages => "kind = \"anthropic\"",
        }
    }

    /// A whole good answer.
    pub(crate) fn answer(self, way: Way, text: &str) -> Script {
        match way {
            Way::Stream => self.stream(Script::sse(), text),
            Way::Document => Script::json(200, self.document(text)),
        }
    }

    /// A whole stream behind what a script has already.
    pub(crate) fn stream(self, script: Script, text: &str) -> Script {
        self.marker(self.reason(self.text(self.begin(script), text)))
            .finish()
    }

    /// What opens a stream before any content, where the format has it.
    pub(crate) fn begin(self, script: Script) -> Script {
        match self {
            Self::Chat => script.event(chat::role()),
            Self::Completions => script,
            Self::Responses => script.typed_event(
                json!({ "type": "response.created", "response": response("in_progress", "") })
                    .to_string(),
            ),
            Self::Messages => script
                .typed_event(messages::start(3))
                .typed_event(messages::text_block(0)),
        }
    }

    /// A piece of content.
    pub(crate) fn text(self, script: Script, text: &str) -> Script {
        script.body(self.text_event(text))
    }

    /// The same, as it is written.
    pub(crate) fn text_event(self, text: &str) -> String {
        let typed = |name: &str, data: String| format!("event: {name}\ndata: {data}\n\n");
        match self {
            Self::Chat => format!("data: {}\n\n", chat::text(text)),
            Self::Completions => format!("data: {}\n\n", completion(text, None)),
            Self::Responses => {
                let name = "response.output_text.delta";
                typed(name, json!({ "type": name, "delta": text }).to_string())
            }
            Self::Messages => typed("content_block_delta", messages::text(0, text)),
        }
    }

    /// Why the text ends, which is not yet the end of the stream.
    pub(crate) fn reason(self, script: Script) -> Script {
        match self {
            Self::Chat => script.event(chat::finish("stop")),
            Self::Completions => script.event(completion("", Some("stop"))),
            Self::Responses => script.typed_event(
                json!({ "type": "response.output_text.done", "text": "" }).to_string(),
            ),
            Self::Messages => script
                .typed_event(messages::block_end(0))
                .typed_event(messages::finish("end_turn", 2)),
        }
    }

    /// The end marker.
    pub(crate) fn marker(self, script: Script) -> Script {
        match self {
            Self::Chat | Self::Completions => script.done(),
            Self::Responses => script.typed_event(
                json!({ "type": "response.completed", "response": response("completed", "") })
                    .to_string(),
            ),
            Self::Messages => script.typed_event(messages::end()),
        }
    }

    /// A whole document.
    pub(crate) fn document(self, text: &str) -> String {
        match self {
            Self::Chat => chat::completion(text),
            Self::Completions => completion(text, Some("stop")),
            Self::Responses => response("completed", text).to_string(),
            Self::Messages => messages::message(text),
        }
    }

    /// The half of a document, with its text in it.
    pub(crate) fn half_document(self) -> String {
        let whole = self.document(OF_A);
        let half = whole.find(OF_A).unwrap() + OF_A.len();
        whole[..half].to_owned()
    }

    /// An error as the body of a refusal.
    pub(crate) fn refusal(self) -> String {
        match self {
            Self::Messages => messages::error(WHY, "api_error"),
            _ => chat::error(WHY, "server_error"),
        }
    }

    /// An error in the place of an answer.
    pub(crate) fn error_document(self) -> String {
        match self {
            Self::Responses => {
                let error = json!({ "code": "server_error", "message": WHY });
                json!({ "id": "resp_1", "status": "failed", "error": error }).to_string()
            }
            _ => self.refusal(),
        }
    }

    /// An error as an event.
    pub(crate) fn error_event(self, script: Script) -> Script {
        match self {
            Self::Responses => script.typed_event(
                json!({ "type": "error", "code": "server_error", "message": WHY, "param": null })
                    .to_string(),
            ),
            Self::Messages => script.typed_event(self.refusal()),
            _ => script.event(self.refusal()),
        }
    }
}

fn completion(text: &str, reason: Option<&str>) -> String {
    json!({
        "id": "cmpl-1",
        "object": "text_completion",
        "model": "scripted-model",
        "choices": [{ "index": 0, "text": text, "logprobs": null, "finish_reason": reason }],
    })
    .to_string()
}

fn response(status: &str, text: &str) -> serde_json::Value {
    let content = json!([{ "type": "output_text", "text": text }]);
    json!({
        "id": "resp_1",
        "object": "response",
        "status": status,
        "output": [{ "type": "message", "role": "assistant", "content": content }],
    })
}
