//! What the events of a chat completion stream say.

mod calls;
mod content;
mod logprobs;
mod nesting;
mod thoughts;

use serde_json::value::RawValue;

use super::{
    finish, usage,
    wire::{CallPiece, Choice, Completion, Said, carries, text},
};
use crate::{
    completion::Delta,
    providers::{BadEvent, DeltaReader},
    upstream::sse_decoder::SseEvent,
};
use calls::Calls;

/// Reads the chunks of one answer. It reads a whole completion as well, as one chunk.
#[derive(Debug, Default)]
pub(super) struct ChatDeltas {
    has_started: bool,
    has_finished: bool,
    calls: Calls,
}

impl DeltaReader for ChatDeltas {
    fn read<'a>(&mut self, raw: &'a SseEvent, deltas: &mut Vec<Delta<'a>>) -> Result<(), BadEvent> {
        match serde_json::from_str(&raw.data) {
            Ok(chunk) => self.read_chunk(chunk, deltas),
            // An event with a name of its own is an extension and may hold anything.
            Err(_) if raw.event.is_some() => {
                deltas.push(Delta::Lost("event"));
                Ok(())
            }
            Err(_) => Err(BadEvent),
        }
    }
}

impl ChatDeltas {
    /// Adds what a chunk says.
    ///
    /// # Errors
    /// It says something that cannot be, alone or after what was said before.
    pub(super) fn read_chunk<'a>(
        &mut self,
        chunk: Completion<'a>,
        deltas: &mut Vec<Delta<'a>>,
    ) -> Result<(), BadEvent> {
        let usage = usage::told(chunk.usage, chunk.x_groq);
        let Some(choices) = chunk.choices.or(usage.map(|_| Vec::new())) else {
            deltas.push(Delta::Lost("event"));
            return Ok(());
        };
        if choices.is_empty() && usage.is_none() {
            // Azure's first chunk tells of its filters, and neither id nor model are in it.
            return Ok(());
        }
        if !self.has_started {
            self.has_started = true;
            let id = text(chunk.id);
            self.calls.name_after(id.as_deref().unwrap_or_default());
            deltas.push(Delta::Start {
                id,
                model: text(chunk.model),
                created: chunk.created.and_then(seconds),
            });
        }
        if carries(chunk.citations) {
            deltas.push(Delta::Lost("citations"));
        }
        for choice in choices {
            self.read_choice(choice, deltas)?;
        }
        deltas.extend(usage.map(Delta::Usage));
        Ok(())
    }

    fn read_choice<'a>(
        &mut self,
        choice: Choice<'a>,
        deltas: &mut Vec<Delta<'a>>,
    ) -> Result<(), BadEvent> {
        if choice.index.is_some_and(|index| index > 0) {
            deltas.push(Delta::Lost("choices"));
            return Ok(());
        }
        if choice.message.is_some() {
            // MiniMax repeats all of an answer in a last chunk.
            deltas.push(Delta::Lost("message"));
        }
        let before = deltas.len();
        if let Some(said) = choice.delta {
            self.read_said(said, deltas)?;
        } else if let Some(more) = text(choice.text) {
            deltas.push(Delta::Text(more.into()));
        }
        let is_lost = |delta: &Delta<'_>| matches!(delta, Delta::Lost(_));
        if self.has_finished && !deltas[before..].iter().all(is_lost) {
            return Err(BadEvent);
        }
        if let Some(told) = choice.logprobs.filter(|told| carries(Some(told))) {
            if self.has_finished {
                deltas.push(Delta::Lost("logprobs"));
            } else {
                logprobs::read(told, before, deltas);
            }
        }
        // vLLM and OpenRouter were seen to tell it twice.
        if let Some(word) = text(choice.finish_reason).filter(|_| !self.has_finished) {
            self.has_finished = true;
            let stopped_by = text(choice.stop_reason).or_else(|| text(choice.matched_stop));
            let has_calls = !self.calls.is_empty();
            deltas.push(Delta::Finish(finish::read(word, stopped_by, has_calls)));
        }
        Ok(())
    }

    fn read_said<'a>(
        &mut self,
        said: Said<'a>,
        deltas: &mut Vec<Delta<'a>>,
    ) -> Result<(), BadEvent> {
        thoughts::read(&said, deltas);
        if let Some(content) = said.content {
            content::read(content, deltas)?;
        }
        deltas.extend(text(said.refusal).map(Delta::Refusal));
        for piece in said.tool_calls.unwrap_or_default() {
            self.calls.read(piece, deltas)?;
        }
        if let Some(function) = said.function_call {
            self.calls.read(CallPiece::the_only(function), deltas)?;
        }
        for (value, name) in [
            (said.audio, "audio"),
            (said.annotations, "annotations"),
            (said.images, "images"),
        ] {
            if carries(value) {
                deltas.push(Delta::Lost(name));
            }
        }
        Ok(())
    }
}

/// Seconds since 1970; some servers write them with a fraction.
fn seconds(created: &RawValue) -> Option<u64> {
    let seconds: f64 = serde_json::from_str(created.get()).ok()?;
    // A cast of what is out of range gives the nearest bound, so nothing else can come of it.
    (seconds >= 1.0).then_some(seconds as u64)
}

#[cfg(test)]
mod tests;
