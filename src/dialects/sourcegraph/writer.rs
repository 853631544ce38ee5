//! Writes an answer as the events of a version, or as a document.

mod cumulative;
mod increments;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::{
    logprobs::Logprobs,
    wire::{Document, stop_reason},
};
use crate::{
    completion::{Answer, Delta, PartKind},
    dialects::AnswerWriter,
    translation::Losses,
};

/// The writer that a version has: 0 and 1 repeat the whole text in each event.
pub(super) fn of_version(version: u8) -> Box<dyn AnswerWriter> {
    if version < 2 {
        Box::new(cumulative::Cumulative::default())
    } else {
        Box::new(increments::Increments::default())
    }
}

/// The text, which is nearly all that a document of this API has, and why it ends.
fn document(answer: &Answer<'_>, losses: &mut Losses) -> Bytes {
    let mut completion = String::new();
    for part in &answer.parts {
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => completion.push_str(text),
            other => losses.add(other.word()),
        }
        if let PartKind::Thinking {
            signature: Some(_), ..
        } = &part.kind
        {
            losses.add("signature");
        }
    }
    if answer.usage.is_some() {
        losses.add("usage");
    }
    let document = Document {
        completion,
        stop_reason: answer.finish.as_ref().map_or("", stop_reason),
        logprobs: Logprobs::of(&answer.logprobs, 0, losses),
    };
    let text = serde_json::to_vec(&document).expect("strings and numbers always serialise");
    Bytes::from(text)
}

/// Notes a delta for which a version has no place. What an answer says of itself (its id, its model, its
/// time) is no part of it.
fn lose(delta: &Delta<'_>, losses: &mut Losses) {
    losses.add(match delta {
        Delta::Thinking(text) | Delta::Signature(text) if text.is_empty() => return,
        Delta::Thinking(_) => "thinking",
        Delta::Signature(_) => "signature",
        Delta::RedactedThinking(_) => "redacted_thinking",
        Delta::ToolCall { .. } => "tool_calls",
        Delta::Usage(_) => "usage",
        // Of a call that is lost already, or nothing at all.
        Delta::ToolArguments { .. } | Delta::Start { .. } | Delta::Lost(_) => return,
        // These have a place in each version.
        Delta::Text(_) | Delta::Refusal(_) | Delta::Finish(_) => return,
    });
}
