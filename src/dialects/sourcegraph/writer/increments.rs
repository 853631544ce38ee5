//! Versions 2 and up: each event tells what has come since the last one.

use bytes::Bytes;

use super::{document, lose};
use crate::{
    completion::{Answer, Delta, FinishReason, TextPiece, TokenUsage},
    dialects::{
        AnswerWriter,
        sourcegraph::{
            ascii,
            logprobs::{self, Logprobs},
            wire::{Call, Function, Increment, Usage, done, event, stop_reason},
        },
    },
    translation::Losses,
    upstream::sse_decoder::SseEvent,
};

/// Writes one answer. Of the answer it keeps only how its calls are named and how long its text is.
#[derive(Debug, Default)]
pub(super) struct Increments {
    calls: Vec<Named>,
    /// How many characters of text were told.
    chars: usize,
    /// The call that has begun and has no arguments yet.
    silent: Option<usize>,
    stop_reason: Option<String>,
    usage: Option<TokenUsage>,
}

#[derive(Debug)]
struct Named {
    id: String,
    name: String,
}

impl Increments {
    fn say(&mut self, piece: &TextPiece<'_>, events: &mut Vec<SseEvent>, losses: &mut Losses) {
        events.push(tell(&Increment {
            text: Some(&piece.text),
            logprobs: Logprobs::of(&piece.logprobs, self.chars, losses),
            ..Increment::default()
        }));
        self.chars += logprobs::chars(piece);
    }

    fn call(&self, index: usize, arguments: &str) -> Option<SseEvent> {
        let Named { id, name } = self.calls.get(index)?;
        let function = Function { name, arguments };
        let call = Call {
            id,
            r#type: "function",
            function,
        };
        Some(tell(&Increment {
            calls: Some([call]),
            ..Increment::default()
        }))
    }

    /// Cody parses the arguments of a whole call, so one without any has an empty object.
    fn end_silent_call(&mut self, events: &mut Vec<SseEvent>) {
        let silent = self.silent.take();
        events.extend(silent.and_then(|index| self.call(index, "{}")));
    }
}

impl AnswerWriter for Increments {
    fn write(&mut self, delta: Delta<'_>, events: &mut Vec<SseEvent>, losses: &mut Losses) {
        match delta {
            Delta::Text(piece) if !piece.is_empty() => self.say(&piece, events, losses),
            Delta::Refusal(text) if !text.is_empty() => {
                self.say(&(&*text).into(), events, losses);
            }
            Delta::Thinking(text) if !text.is_empty() => events.push(tell(&Increment {
                thinking: Some(&text),
                ..Increment::default()
            })),
            Delta::ToolCall { index, id, name } => {
                self.end_silent_call(events);
                // Calls are counted without a gap.
                self.calls.truncate(index);
                self.calls.push(Named {
                    id: id.into_owned(),
                    name: name.into_owned(),
                });
                self.silent = Some(index);
                events.extend(self.call(index, ""));
            }
            Delta::ToolArguments { index, text } if !text.is_empty() => {
                self.silent = self.silent.filter(|silent| *silent != index);
                events.extend(self.call(index, &text));
            }
            Delta::Finish(reason) => {
                // An answer that was cut may have been cut inside a call.
                if reason == FinishReason::ToolCalls {
                    self.end_silent_call(events);
                }
                self.stop_reason = Some(stop_reason(&reason).to_owned());
            }
            Delta::Usage(usage) => {
                // Nor have the shares that a cache and thoughts have of it.
                if usage.cached_tokens | usage.cache_write_tokens | usage.reasoning_tokens != 0 {
                    losses.add("usage.details");
                }
                self.usage = Some(usage);
            }
            // Proofs of thoughts, and thoughts that nobody can read, have no place here; what says
            // nothing needs none.
            other @ (Delta::Signature(_) | Delta::RedactedThinking(_)) => lose(&other, losses),
            _ => {}
        }
    }

    fn end(&mut self, events: &mut Vec<SseEvent>) {
        events.push(tell(&Increment {
            text: Some(""),
            stop_reason: self.stop_reason.as_deref(),
            usage: self.usage.map(Usage::from),
            ..Increment::default()
        }));
        events.push(done());
    }

    fn document(&mut self, answer: &Answer<'_>, losses: &mut Losses) -> Bytes {
        document(answer, losses)
    }

    fn held_bytes(&self) -> usize {
        let calls = self.calls.iter();
        calls.map(|call| call.id.len() + call.name.len()).sum()
    }
}

fn tell(increment: &Increment<'_>) -> SseEvent {
    event("completion", ascii::to_string(increment))
}
