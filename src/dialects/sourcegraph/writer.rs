//! Writes an answer as the events of a version, or as a document.

mod cumulative;
mod increments;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::wire::{Document, stop_reason};
use crate::{
    completion::{Answer, PartKind},
    dialects::AnswerWriter,
};

/// The writer that a version has: 0 and 1 repeat the whole text in each event.
pub(super) fn of_version(version: u8) -> Box<dyn AnswerWriter> {
    if version < 2 {
        Box::new(cumulative::Cumulative::default())
    } else {
        Box::new(increments::Increments::default())
    }
}

/// The text, which is all that a document of this API has, and why it ends.
fn document(answer: &Answer<'_>) -> Bytes {
    let texts = answer.parts.iter().filter_map(|part| match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => Some(&**text),
        _ => None,
    });
    let document = Document {
        completion: texts.collect(),
        stop_reason: answer.finish.as_ref().map_or("", stop_reason),
    };
    let text = serde_json::to_vec(&document).expect("strings always serialise");
    Bytes::from(text)
}
