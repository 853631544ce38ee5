//! How clients ask in each dialect, and what they make of an answer.

use serde_json::{Value, json};

use crate::{
    client::{End, Reply},
    strict,
    wires::{Way, Wire},
};

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Chat,
    Completions,
    Responses,
    Messages,
    /// Sourcegraph's, in a version of its API.
    Sourcegraph(u8),
}

/// An answer's body as its client took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) ending: Ending,
    /// The code in the error, where the dialect has a place for one.
    pub(crate) code: Option<String>,
    /// All of it.
    pub(crate) text: String,
}

/// How an answer ended for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As a good one does: by the dialect's end marker, or as a document that is whole.
    Whole,
    /// As a stream that has neither an end marker nor an error: nothing says that it was not cut short, but
    /// its own reason to end.
    Unmarked,
    /// By an error event, and without an end marker. (Sourcegraph's `done` follows its `error` as well, and
    /// is no success then.)
    ErrorEvent,
    /// It is an error and nothing else.
    Refusal,
}

impl Dialect {
    /// All that are tried; of Sourcegraph's the newest and the oldest version.
    pub(crate) const ALL: [Self; 6] = [
        Self::Chat,
        Self::Completions,
        Self::Responses,
        Self::Messages,
        Self::Sourcegraph(8),
        Self::Sourcegraph(0),
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::Chat => "chat".to_owned(),
            Self::Completions => "completions".to_owned(),
            Self::Responses => "responses".to_owned(),
            Self::Messages => "messages".to_owned(),
            Self::Sourcegraph(version) => format!("sourcegraph {version}"),
        }
    }

    /// The format of its provider: its own, where any provider has it.
    pub(crate) fn wire(self) -> Wire {
        match self {
            Self::Chat | Self::Sourcegraph(_) => Wire::Chat,
            Self::Completions => Wire::Completions,
            Self::Responses => Wire::Responses,
            Self::Messages => Wire::Messages,
        }
    }

    /// Whether its errors name a code; Sourcegraph's are words alone.
    pub(crate) fn tells_codes(self) -> bool {
        !matches!(self, Self::Sourcegraph(_))
    }

    pub(crate) fn path(self) -> String {
        match self {
            Self::Chat => "/v1/chat/completions".to_owned(),
            Self::Completions => "/v1/completions".to_owned(),
            Self::Responses => "/v1/responses".to_owned(),
            Self::Messages => "/v1/messages".to_owned(),
            Self::Sourcegraph(version) => {
                // The oldest has no number.
                let version = match version {
                    0 => String::new(),
                    _ => format!("api-version={version}&"),
                };
                let client = "client-name=vscode&client-version=1.60.0";
                format!("/.api/completions/stream?{version}{client}")
            }
        }
    }

    pub(crate) fn request(self, model: &str, way: Way) -> Value {
        let mut request = json!({ "model": model, "stream": way == Way::Stream });
        let messages = || json!([{ "role": "user", "content": "Hi" }]);
        let (member, value) = match self {
            Self::Chat => ("messages", messages()),
            Self::Completions => ("prompt", "Hi".into()),
            Self::Responses => ("input", "Hi".into()),
            Self::Messages => {
                request["max_tokens"] = 64.into();
                ("messages", messages())
            }
            Self::Sourcegraph(_) => {
                request["maxTokensToSample"] = 64.into();
                ("messages", json!([{ "speaker": "human", "text": "Hi" }]))
            }
        };
        request[member] = value;
        request
    }

    /// Reads an answer to its end, which its framing must have.
    pub(crate) async fn read(self, reply: &mut Reply, way: Way) -> Body {
        if reply.status != 200 {
            return self.read_refusal(reply).await;
        }
        match (way, self) {
            (Way::Document, _) => Body {
                ending: Ending::Whole,
                code: None,
                text: reply.json().await.to_string(),
            },
            (Way::Stream, Self::Sourcegraph(_)) => {
                let lawful = strict::read(reply).await;
                let ending = match lawful.error() {
                    Some(_) => Ending::ErrorEvent,
                    None => Ending::Whole,
                };
                let (code, text) = (None, lawful.chunks.concat());
                Body { ending, code, text }
            }
            (Way::Stream, _) => self.read_stream(reply).await,
        }
    }

    async fn read_refusal(self, reply: &mut Reply) -> Body {
        let text = reply.text().await;
        let code = match self.tells_codes() {
            true => {
                let error: Value = serde_json::from_str(&text).unwrap();
                assert!(error["error"]["message"].is_string(), "{error}");
                code(&error)
            }
            false => None,
        };
        Body {
            ending: Ending::Refusal,
            code,
            text,
        }
    }

    async fn read_stream(self, reply: &mut Reply) -> Body {
        let (chunks, end) = reply.rest().await;
        let text = chunks.concat();
        assert_eq!(end, End::Whole, "{text}");
        let events: Vec<&str> = text.split_terminator("\n\n").map(data).collect();
        let (last, before) = events.split_last().expect("a stream has events");
        let is_error = |event: &str| error(event).is_some();
        // Whatever says how it ended says so once, and last.
        let is_early = |event: &&&str| self.is_marker(event) || is_error(event);
        assert_eq!(before.iter().find(is_early), None, "{text}");
        let ending = match () {
            () if self.is_marker(last) => Ending::Whole,
            () if is_error(last) => Ending::ErrorEvent,
            () => Ending::Unmarked,
        };
        let code = error(last).and_then(|error| code(&error));
        Body { ending, code, text }
    }

    fn is_marker(self, event: &str) -> bool {
        let kind = || serde_json::from_str::<Value>(event).map(|event| event["type"].clone());
        match self {
            Self::Responses => kind().is_ok_and(|kind| kind == "response.completed"),
            Self::Messages => kind().is_ok_and(|kind| kind == "message_stop"),
            _ => event == "[DONE]",
        }
    }
}

/// The data of an event, with or without a name before it.
fn data(event: &str) -> &str {
    let mut lines = event.lines();
    let data = lines.find_map(|line| line.strip_prefix("data: "));
    data.unwrap_or_else(|| panic!("an event without data: {event:?}"))
}

/// An event that is an error.
fn error(event: &str) -> Option<Value> {
    let event: Value = serde_json::from_str(event).ok()?;
    (event["error"].is_object() || event["type"] == "error").then_some(event)
}

/// Herald's code, which stands beside the provider's own words.
fn code(error: &Value) -> Option<String> {
    Some(error["upstream"]["code"].as_str()?.to_owned())
}
