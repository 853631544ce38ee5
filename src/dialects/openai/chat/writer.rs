//! Writes an answer as chunks, or as a document.

mod chunk;

use std::{borrow::Cow, mem, slice};

use bytes::Bytes;

use chunk::{Choice, Chunk, Piece};

use super::{
    document,
    wire::{Detail, Function, Logprobs, ToolCall, Usage, finish_word},
};
use crate::{
    completion::{Answer, CompletionRequest, Delta, FinishReason, TextPiece, TokenUsage},
    dialects::{AnswerContext, AnswerWriter},
    raw_json::RawObject,
    translation::Losses,
    upstream::sse_decoder::SseEvent,
};

/// Writes one answer.
#[derive(Debug)]
pub(super) struct ChatWriter {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) created: u64,
    /// Whether the client knows `tool_calls`, and not only its elder `function_call`.
    pub(super) knows_tools: bool,
    wants_usage: bool,
    usage: Option<TokenUsage>,
    thoughts: Thoughts,
    /// The call that has begun and has no arguments yet.
    silent_call: Option<usize>,
}

impl ChatWriter {
    /// Begins an answer.
    pub(super) fn new(request: &CompletionRequest, about: AnswerContext<'_>) -> Self {
        Self {
            id: format!("chatcmpl-{}", about.id),
            model: about.model.to_owned(),
            created: about.created,
            knows_tools: !speaks_of_functions(request),
            wants_usage: request.wants_usage,
            usage: None,
            thoughts: Thoughts::default(),
            silent_call: None,
        }
    }

    fn event(&self, choices: &[Choice<'_>], usage: Option<TokenUsage>) -> SseEvent {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            // OpenAI tells null in each chunk before the one that has it.
            usage: self.wants_usage.then(|| usage.map(Usage::from)),
        };
        let data = serde_json::to_string(&chunk).expect("strings and numbers always serialise");
        unnamed(data)
    }

    fn piece(&self, delta: Piece<'_>) -> SseEvent {
        self.choice(Choice {
            delta,
            ..Choice::default()
        })
    }

    fn text(&self, piece: &TextPiece<'_>) -> SseEvent {
        let delta = Piece {
            content: Some(&piece.text),
            ..Piece::default()
        };
        self.choice(Choice {
            delta,
            logprobs: Logprobs::of(&piece.logprobs),
            ..Choice::default()
        })
    }

    fn detail(&self, detail: Detail<'_>) -> SseEvent {
        self.piece(Piece {
            reasoning_details: Some([detail]),
            ..Piece::default()
        })
    }

    fn finish(&self, reason: &FinishReason<'_>) -> SseEvent {
        let word = finish_word(reason, self.knows_tools);
        self.choice(Choice {
            finish_reason: Some(word),
            ..Choice::default()
        })
    }

    fn choice(&self, choice: Choice<'_>) -> SseEvent {
        self.event(slice::from_ref(&choice), None)
    }

    fn call(&self, index: usize, begins: Option<(&str, &str)>, arguments: &str) -> SseEvent {
        let function = Function {
            name: begins.map(|(_, name)| name),
            arguments,
        };
        let mut piece = Piece::default();
        if index == 0 && !self.knows_tools {
            piece.function_call = Some(function);
        } else {
            piece.tool_calls = Some([ToolCall {
                index: Some(index),
                id: begins.map(|(id, _)| id),
                r#type: begins.map(|_| "function"),
                function,
            }]);
        }
        self.piece(piece)
    }

    /// Ends what was open before this delta.
    fn end_before(&mut self, delta: &Delta<'_>, events: &mut Vec<SseEvent>) {
        let (ends_thought, ends_call) = match delta {
            // Tokens that show nothing yet may be the thought's own.
            Delta::Text(piece) if piece.text.is_empty() => (false, false),
            Delta::Text(_) | Delta::Refusal(_) | Delta::ToolCall { .. } => (true, true),
            Delta::RedactedThinking(_) => (true, true),
            Delta::Thinking(_) => (false, true),
            // An answer that was cut may have been cut inside a call.
            Delta::Finish(reason) => (true, *reason == FinishReason::ToolCalls),
            _ => (false, false),
        };
        if ends_thought {
            self.thoughts.end();
        }
        // Clients parse the arguments of a whole call, so one without any has an empty object.
        if ends_call && let Some(index) = self.silent_call.take() {
            events.push(self.call(index, None, "{}"));
        }
    }
}

impl AnswerWriter for ChatWriter {
    fn write(&mut self, delta: Delta<'_>, events: &mut Vec<SseEvent>, _: &mut Losses) {
        if says_nothing(&delta) {
            return;
        }
        self.end_before(&delta, events);
        events.push(match delta {
            Delta::Start { id, model, created } => {
                self.id = id.map_or_else(|| mem::take(&mut self.id), Cow::into_owned);
                self.model = model.map_or_else(|| mem::take(&mut self.model), Cow::into_owned);
                self.created = created.unwrap_or(self.created);
                // The npm SDK throws unless the first chunk tells the role.
                self.piece(Piece {
                    role: Some("assistant"),
                    content: Some(""),
                    ..Piece::default()
                })
            }
            Delta::Text(piece) => self.text(&piece),
            Delta::Refusal(text) => self.piece(Piece {
                refusal: Some(&text),
                ..Piece::default()
            }),
            Delta::Thinking(text) => {
                let detail = Detail::thought(self.thoughts.more(), &text, None);
                // Told twice, as OpenRouter does: the details alone say where one thought ends and
                // the next begins, and those who do not know them read the text beside.
                self.piece(Piece {
                    reasoning_content: Some(&text),
                    reasoning_details: Some([detail]),
                    ..Piece::default()
                })
            }
            Delta::Signature(signature) => {
                let detail = Detail::thought(self.thoughts.more(), "", Some(&signature));
                self.thoughts.end();
                self.detail(detail)
            }
            Delta::RedactedThinking(data) => {
                let detail = Detail::redacted(self.thoughts.more(), &data);
                self.thoughts.end();
                self.detail(detail)
            }
            Delta::ToolCall { index, id, name } => {
                self.silent_call = Some(index);
                self.call(index, Some((&id, &name)), "")
            }
            Delta::ToolArguments { index, text } => {
                self.silent_call = self.silent_call.filter(|silent| *silent != index);
                self.call(index, None, &text)
            }
            Delta::Finish(reason) => self.finish(&reason),
            Delta::Usage(usage) => {
                self.usage = Some(usage);
                return;
            }
            // Whoever reads the deltas counts it.
            Delta::Lost(_) => return,
        });
    }

    fn end(&mut self, events: &mut Vec<SseEvent>) {
        if let Some(usage) = self.usage.filter(|_| self.wants_usage) {
            events.push(self.event(&[], Some(usage)));
        }
        events.push(unnamed("[DONE]".to_owned()));
    }

    fn document(&mut self, answer: &Answer<'_>, losses: &mut Losses) -> Bytes {
        document::write(self, answer, losses)
    }
}

/// Whether it is a piece of a text and holds none.
fn says_nothing(delta: &Delta<'_>) -> bool {
    match delta {
        Delta::Text(piece) => piece.is_empty(),
        Delta::Refusal(text)
        | Delta::Thinking(text)
        | Delta::Signature(text)
        | Delta::ToolArguments { text, .. } => text.is_empty(),
        _ => false,
    }
}

/// Counts thoughts, each of which has an `index` of its own.
#[derive(Debug, Default)]
pub(super) struct Thoughts {
    index: usize,
    is_open: bool,
}

impl Thoughts {
    /// The place of the thought that is told.
    pub(super) fn more(&mut self) -> usize {
        self.is_open = true;
        self.index
    }

    /// It is over, if there was one.
    pub(super) fn end(&mut self) {
        self.index += usize::from(self.is_open);
        self.is_open = false;
    }
}

/// Whether the request has `functions` and no `tools`: such clients read `function_call` alone.
fn speaks_of_functions(request: &CompletionRequest) -> bool {
    let object = std::str::from_utf8(&request.body).ok();
    let object = object.and_then(|text| RawObject::parse(text).ok());
    object.is_some_and(|object| {
        let has = |name| object.get(name).is_some_and(|value| value.get() != "null");
        has("functions") && !has("tools")
    })
}

fn unnamed(data: String) -> SseEvent {
    SseEvent {
        event: None,
        id: None,
        data: data.into(),
    }
}

#[cfg(test)]
mod tests;
