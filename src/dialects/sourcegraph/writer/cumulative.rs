//! Versions 0 and 1: each event repeats all of the text.

use bytes::Bytes;

use super::document;
use crate::{
    completion::{Answer, Delta},
    dialects::{
        AnswerWriter,
        sourcegraph::{
            ascii,
            wire::{done, event, stop_reason},
        },
    },
    upstream::sse_decoder::SseEvent,
};

const BEGINNING: &str = r#"{"completion":""#;

/// Writes one answer. What was written is kept as it stands on the wire and only added to, so that an
/// event costs one copy of its own bytes and nothing is escaped twice.
#[derive(Debug)]
pub(super) struct Cumulative {
    json: String,
    /// Empty until the provider tells.
    stop_reason: String,
}

impl Default for Cumulative {
    fn default() -> Self {
        Self {
            json: BEGINNING.to_owned(),
            stop_reason: String::new(),
        }
    }
}

impl Cumulative {
    fn event(&self) -> SseEvent {
        let mut data = String::with_capacity(self.json.len() + self.stop_reason.len() + 32);
        data.push_str(&self.json);
        data.push_str(r#"","stopReason":""#);
        ascii::push(&mut data, &self.stop_reason);
        data.push_str("\"}");
        event("completion", data)
    }
}

impl AnswerWriter for Cumulative {
    fn write(&mut self, delta: Delta<'_>, events: &mut Vec<SseEvent>) {
        match delta {
            Delta::Text(text) | Delta::Refusal(text) if !text.is_empty() => {
                ascii::push(&mut self.json, &text);
                events.push(self.event());
            }
            Delta::Finish(reason) => stop_reason(&reason).clone_into(&mut self.stop_reason),
            // These versions have no place for anything else.
            _ => {}
        }
    }

    fn end(&mut self, events: &mut Vec<SseEvent>) {
        events.extend([self.event(), done()]);
    }

    fn document(&mut self, answer: &Answer<'_>) -> Bytes {
        document(answer)
    }

    fn held_bytes(&self) -> usize {
        self.json.len()
    }
}
