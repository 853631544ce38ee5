//! A whole message.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::wire::{Block, Message, StopReason, Usage};
use crate::{
    completion::{Answer, PartKind},
    translation::Losses,
};

/// Writes a message; `id` and `model` stand in where the answer has none.
pub(super) fn write(answer: &Answer<'_>, id: &str, model: &str, losses: &mut Losses) -> Bytes {
    if !answer.logprobs.is_empty() {
        losses.add("logprobs");
    }
    let kinds = || answer.parts.iter().map(|part| &part.kind);
    let mut stop = answer
        .finish
        .as_ref()
        .map(StopReason::of)
        .unwrap_or_default();
    stop.settle(
        kinds().any(|kind| matches!(kind, PartKind::ToolCall { .. })),
        kinds().any(|kind| matches!(kind, PartKind::Refusal(_))),
    );
    let usage = Usage::of(&answer.usage.unwrap_or_default());
    let message = Message::new(
        answer.id.as_deref().unwrap_or(id),
        answer.model.as_deref().unwrap_or(model),
        usage,
    );
    let blocks = kinds().filter_map(|kind| block(kind, losses));
    let message = message.ended(blocks.collect(), &stop);
    let text = serde_json::to_vec(&message).expect("texts and numbers always serialise");
    Bytes::from(text)
}

/// The block of a part; none for an empty text, and for what no model has said yet.
fn block<'a>(part: &'a PartKind<'_>, losses: &mut Losses) -> Option<Block<'a>> {
    Some(match part {
        PartKind::Text(text) | PartKind::Refusal(text) if text.is_empty() => return None,
        PartKind::Text(text) | PartKind::Refusal(text) => Block::text(text),
        PartKind::Thinking { text, signature } => {
            Block::thinking(text, signature.as_deref().unwrap_or_default())
        }
        PartKind::RedactedThinking(data) => Block::RedactedThinking { data },
        PartKind::ToolCall {
            id,
            name,
            arguments,
        } => Block::ToolUse {
            id,
            name,
            input: input(arguments),
        },
        PartKind::Image { .. } | PartKind::File { .. } | PartKind::ToolResult { .. } => {
            losses.add(part.word());
            return None;
        }
    })
}

/// Arguments as the object that Anthropic's clients expect.
fn input(arguments: &str) -> Cow<'_, RawValue> {
    let text = if arguments.trim().is_empty() {
        "{}"
    } else {
        arguments
    };
    match serde_json::from_str::<&RawValue>(text) {
        Ok(object) if object.get().starts_with('{') => Cow::Borrowed(object),
        _ => Cow::Owned(wrapped(arguments)),
    }
}

/// Arguments that are no object, in the form in which Anthropic asks for invalid ones to be told
/// ("Fine-grained tool streaming", read November 2026).
fn wrapped(arguments: &str) -> Box<RawValue> {
    #[derive(Serialize)]
    struct Invalid<'a> {
        #[serde(rename = "INVALID_JSON")]
        text: &'a str,
    }
    to_raw_value(&Invalid { text: arguments }).expect("a text always serialises")
}
