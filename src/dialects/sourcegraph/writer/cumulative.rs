//! Versions 0 and 1: each event repeats all of the text.

use bytes::Bytes;

use super::{document, lose};
use crate::{
    completion::{Answer, Delta},
    dialects::{
        AnswerWriter,
        sourcegraph::{
            ascii,
            logprobs::{self, Accumulated, Logprobs},
            wire::{done, event, stop_reason},
        },
    },
    translation::Losses,
    upstream::sse_decoder::SseEvent,
};

const BEGINNING: &str = r#"{"completion":""#;

/// Writes one answer. What was written is kept as it stands on the wire and only added to, so that an
/// event costs one copy of its own bytes and nothing is escaped twice.
#[derive(Debug)]
pub(super) struct Cumulative {
    json: String,
    /// How many characters that is.
    chars: usize,
    logprobs: Accumulated,
    /// Empty until the provider tells.
    stop_reason: String,
}

impl Default for Cumulative {
    fn default() -> Self {
        Self {
            json: BEGINNING.to_owned(),
            chars: 0,
            logprobs: Accumulated::default(),
            stop_reason: String::new(),
        }
    }
}

impl Cumulative {
    fn event(&self) -> SseEvent {
        let mut data = String::with_capacity(self.held_bytes() + self.stop_reason.len() + 128);
        data.push_str(&self.json);
        data.push_str(r#"","stopReason":""#);
        ascii::push(&mut data, &self.stop_reason);
        data.push('"');
        self.logprobs.push_onto(&mut data);
        data.push('}');
        event("completion", data)
    }

    fn say(&mut self, text: &str, events: &mut Vec<SseEvent>) {
        ascii::push(&mut self.json, text);
        events.push(self.event());
    }
}

impl AnswerWriter for Cumulative {
    fn write(&mut self, delta: Delta<'_>, events: &mut Vec<SseEvent>, losses: &mut Losses) {
        match delta {
            Delta::Text(piece) if !piece.is_empty() => {
                if let Some(more) = Logprobs::of(&piece.logprobs, self.chars, losses) {
                    self.logprobs.extend(&more);
                }
                self.chars += logprobs::chars(&piece);
                self.say(&piece.text, events);
            }
            Delta::Refusal(text) if !text.is_empty() => {
                self.chars += text.chars().count();
                self.say(&text, events);
            }
            Delta::Finish(reason) => stop_reason(&reason).clone_into(&mut self.stop_reason),
            // These versions have no place for anything else.
            other => lose(&other, losses),
        }
    }

    fn end(&mut self, events: &mut Vec<SseEvent>) {
        events.extend([self.event(), done()]);
    }

    fn document(&mut self, answer: &Answer<'_>, losses: &mut Losses) -> Bytes {
        document(answer, losses)
    }

    fn held_bytes(&self) -> usize {
        self.json.len() + self.logprobs.held_bytes()
    }
}
