//! What an answer says: text, reason for its end, usage, errors; read by a parser of a few lines for
//! each format, and by the same whether a provider said it or a client heard it.

use serde_json::Value;

use super::{
    format::Format,
    wire::{Answer, Event, events},
};

/// What was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) text: String,
    pub(super) finish: Option<Finish>,
    /// Tokens of the prompt, and of the answer.
    pub(super) usage: Option<(u64, u64)>,
    /// How much of the body it took to hear that all was said.
    pub(super) ended: Option<usize>,
    /// Whether the end of the body was what said so.
    pub(super) ended_by_bytes: bool,
    pub(super) error: Option<Told>,
    /// How much of the body it took to hear each piece of content: text, or a reason for the end.
    pub(super) content: Vec<usize>,
    /// Those of text.
    pub(super) texts: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    Stop,
    Length,
    Unknown,
}

/// An error in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// How much of the body it took to hear it.
    pub(super) end: usize,
    /// Herald's own code for it, where it stands there.
    pub(super) code: Option<String>,
}

/// What a stream says, and its events, those without data left out.
pub(super) fn stream(format: Format, answer: &Answer) -> (Heard, Vec<Event>) {
    let mut events = events(&answer.body);
    events.retain(|event| !event.data.is_empty());
    let mut heard = Heard::default();
    for event in &events {
        if heard.ended.is_none() && heard.error.is_none() {
            heard.hear(format, event);
        }
    }
    // Where every choice has finished, the body's proper end is one too.
    let may_end_so = matches!(format, Format::Chat | Format::Completions);
    let has_finished = heard.finish.is_some() && heard.error.is_none() && heard.ended.is_none();
    if may_end_so && has_finished && answer.whole_at.is_some() {
        heard.ended = Some(answer.body.len());
        heard.ended_by_bytes = true;
    }
    (heard, events)
}

impl Heard {
    fn hear(&mut self, format: Format, event: &Event) {
        let value: Value = serde_json::from_str(&event.data).unwrap_or_default();
        if event.name.as_deref() == Some("error") || is_error(&value) {
            let code = value["upstream"]["code"].as_str().map(str::to_owned);
            let end = event.end;
            self.error = Some(Told { end, code });
            return;
        }
        let (text, finish) = (self.text.len(), self.finish);
        match format {
            Format::Chat | Format::Completions => {
                if event.data.trim() == "[DONE]" {
                    self.ended = Some(event.end);
                    return;
                }
                let choice = &value["choices"][0];
                let piece = if format == Format::Chat {
                    &choice["delta"]["content"]
                } else {
                    &choice["text"]
                };
                self.add(piece);
                self.finish(&choice["finish_reason"]);
                self.count(&value["usage"], "prompt_tokens", "completion_tokens");
            }
            Format::Responses => {
                let response = &value["response"];
                match value["type"].as_str().unwrap_or_default() {
                    "response.output_text.delta" => self.add(&value["delta"]),
                    "response.completed" => {
                        (self.ended, self.finish) = (Some(event.end), Some(Finish::Stop));
                    }
                    "response.incomplete" => {
                        (self.ended, self.finish) = (Some(event.end), Some(Finish::Length));
                    }
                    _ => {}
                }
                self.count(&response["usage"], "input_tokens", "output_tokens");
            }
            Format::Messages => match value["type"].as_str().unwrap_or_default() {
                "message_start" => {
                    let usage = &value["message"]["usage"];
                    self.count(usage, "input_tokens", "output_tokens");
                }
                "content_block_delta" => self.add(&value["delta"]["text"]),
                "message_delta" => {
                    self.finish(&value["delta"]["stop_reason"]);
                    let before = self.usage.map_or(0, |(prompt, _)| prompt);
                    let usage = &value["usage"];
                    let prompt = usage["input_tokens"].as_u64().unwrap_or(before);
                    if let Some(answer) = usage["output_tokens"].as_u64() {
                        self.usage = Some((prompt, answer));
                    }
                }
                "message_stop" => self.ended = Some(event.end),
                _ => {}
            },
            Format::CodyWhole | Format::CodyPieces => {
                if event.name.as_deref() == Some("done") {
                    self.ended = Some(event.end);
                    return;
                }
                if let Some(whole) = value["completion"].as_str() {
                    // Each repeats the last and goes on from there.
                    if !whole.starts_with(&self.text) {
                        self.text.push_str("(contradicts itself)");
                    }
                    self.text = whole.to_owned();
                }
                self.add(&value["deltaText"]);
                self.finish(&value["stopReason"]);
                self.count(&value["usage"], "prompt_tokens", "completion_tokens");
            }
        }
        let has_come = self.text.len() > text || self.finish != finish;
        if has_come {
            self.content.push(event.end);
        }
        if self.text.len() > text {
            self.texts.push(event.end);
        }
    }

    fn add(&mut self, piece: &Value) {
        self.text.push_str(piece.as_str().unwrap_or_default());
    }

    fn finish(&mut self, reason: &Value) {
        self.finish = match reason.as_str() {
            None | Some("") => return,
            Some("stop" | "end_turn") => Some(Finish::Stop),
            Some("length" | "max_tokens") => Some(Finish::Length),
            Some(_) => Some(Finish::Unknown),
        };
    }

    fn count(&mut self, usage: &Value, prompt: &str, answer: &str) {
        if let (Some(prompt), Some(answer)) = (usage[prompt].as_u64(), usage[answer].as_u64()) {
            self.usage = Some((prompt, answer));
        }
    }
}

fn is_error(value: &Value) -> bool {
    let is_told = |error: &Value| !error.is_null() && *error != Value::Bool(false);
    value.get("error").is_some_and(is_told)
        || matches!(value["type"].as_str(), Some("error" | "response.failed"))
}

/// What a document says; `None` where it is none.
pub(super) fn document(format: Format, body: &[u8]) -> Option<Heard> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let value = value.is_object().then_some(value)?;
    let mut heard = Heard::default();
    if is_error(&value) {
        let code = value["upstream"]["code"].as_str().map(str::to_owned);
        let end = body.len();
        heard.error = Some(Told { end, code });
        return Some(heard);
    }
    match format {
        Format::Chat | Format::Completions => {
            let choice = &value["choices"][0];
            heard.add(&choice["message"]["content"]);
            heard.add(&choice["text"]);
            heard.finish(&choice["finish_reason"]);
            heard.count(&value["usage"], "prompt_tokens", "completion_tokens");
        }
        Format::Responses => {
            for item in value["output"].as_array().into_iter().flatten() {
                for part in item["content"].as_array().into_iter().flatten() {
                    heard.add(&part["text"]);
                }
            }
            heard.finish = match value["status"].as_str() {
                Some("completed") => Some(Finish::Stop),
                Some("incomplete") => Some(Finish::Length),
                _ => None,
            };
            heard.count(&value["usage"], "input_tokens", "output_tokens");
        }
        Format::Messages => {
            for block in value["content"].as_array().into_iter().flatten() {
                heard.add(&block["text"]);
            }
            heard.finish(&value["stop_reason"]);
            heard.count(&value["usage"], "input_tokens", "output_tokens");
        }
        Format::CodyWhole | Format::CodyPieces => {
            heard.add(&value["completion"]);
            heard.finish(&value["stopReason"]);
        }
    }
    heard.ended = Some(body.len());
    (heard.content, heard.texts) = (vec![body.len()], vec![body.len()]);
    Some(heard)
}
