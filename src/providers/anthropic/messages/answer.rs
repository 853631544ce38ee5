//! Tells a whole message in our words.

pub(super) mod block;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::block::Block;
use super::{delta::finish_reason, usage::Counts};
use crate::{
    completion::{Answer, Part, PartKind},
    providers::BadDocument,
    translation::Losses,
};

/// Tells a document; what has no word here is noted as lost.
pub(super) fn read<'a>(document: &'a str, losses: &mut Losses) -> Result<Answer<'a>, BadDocument> {
    let message: Message<'a> =
        serde_json::from_str(document).map_err(|_| BadDocument::NoDocument)?;
    for (name, value) in [
        ("container", message.container),
        ("context_management", message.context_management),
        ("stop_details", message.stop_details),
    ] {
        if value.is_some() {
            losses.add(name);
        }
    }
    let mut parts = Vec::with_capacity(message.content.len());
    for block in message.content {
        let block = Block::read(block).ok_or(BadDocument::NoDocument)?;
        if block.has_citations() {
            losses.add("citations");
        }
        match part(block) {
            Ok(Some(part)) => parts.push(Part::from(part)),
            Ok(None) => {}
            Err(lost) => losses.add(lost),
        }
    }
    Ok(Answer {
        id: message.id.map(|id| id.0),
        model: message.model.map(|model| model.0),
        created: None,
        parts,
        finish: message
            .stop_reason
            .map(|reason| finish_reason(reason.0, message.stop_sequence.map(|text| text.0))),
        usage: message
            .usage
            .and_then(|usage| Counts::default().join(usage)),
        // Anthropic tells none.
        logprobs: Vec::new(),
    })
}

/// What a block says: nothing where it is empty, and the name of what has no word here.
fn part(block: Block<'_>) -> Result<Option<PartKind<'_>>, &'static str> {
    Ok(match block {
        Block::Text { text, .. } => (!text.is_empty()).then_some(PartKind::Text(text)),
        Block::Thinking { text, signature } => {
            let signature = Some(signature).filter(|signature| !signature.is_empty());
            let is_empty = text.is_empty() && signature.is_none();
            (!is_empty).then_some(PartKind::Thinking { text, signature })
        }
        Block::RedactedThinking(data) => Some(PartKind::RedactedThinking(data)),
        Block::ToolUse { id, name, input } => Some(PartKind::ToolCall {
            id,
            name,
            arguments: Cow::Borrowed(input.map_or("{}", RawValue::get)),
        }),
        Block::Unknown(name) => return Err(name),
    })
}

/// A string that is borrowed where it holds no escape, also inside an `Option`.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    content: Vec<&'a RawValue>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    stop_sequence: Option<Text<'a>>,
    #[serde(borrow)]
    stop_details: Option<&'a RawValue>,
    #[serde(borrow)]
    container: Option<&'a RawValue>,
    #[serde(borrow)]
    context_management: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests;
