//! What the model said before, as a message.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    super::thought::ANTHROPIC,
    messages::content,
    wire::{Called, Message, ReasoningDetail, ReasoningEntry, ToolCall},
};
use crate::{
    completion::{Part, PartKind},
    providers::openai::ChatQuirks,
    raw_json::RawObject,
    translation::Losses,
};

/// The message of one turn; `None` where nothing but thoughts was said, which the server takes not
/// back. Texts, thoughts and calls each have a place of their own, so their order among each other is
/// not told.
pub(super) fn message<'a>(
    parts: Vec<Part<'a>>,
    quirks: &ChatQuirks,
    losses: &mut Losses,
) -> Option<Message<'a>> {
    let is_empty = parts.is_empty();
    let (mut texts, mut thoughts, mut tool_calls) = (Vec::new(), Thoughts::default(), Vec::new());
    let mut refusal: Option<Cow<'a, str>> = None;
    for part in parts {
        if part.cache_control.is_some() && !matches!(part.kind, PartKind::Text(_)) {
            losses.add("cache_control");
        }
        match part.kind {
            PartKind::Text(_) => texts.push(part),
            PartKind::Refusal(more) => *refusal.get_or_insert_default() += more,
            PartKind::Thinking { .. } | PartKind::RedactedThinking(_) if !quirks.thoughts => {
                losses.add("thinking");
            }
            PartKind::Thinking { text, signature } => thoughts.add(text, signature),
            PartKind::RedactedThinking(data) => thoughts.add_redacted(data),
            PartKind::ToolCall {
                id,
                name,
                arguments,
            } => tool_calls.push(ToolCall {
                id,
                kind: "function",
                function: Called {
                    name,
                    // Servers parse it, and nothing at all is no JSON.
                    arguments: if arguments.is_empty() {
                        "{}".into()
                    } else {
                        arguments
                    },
                },
            }),
            PartKind::Image { .. } => losses.add("assistant.image"),
            PartKind::File { .. } => losses.add("assistant.file"),
            PartKind::ToolResult { .. } => losses.add("messages.content"),
        }
    }
    let has_others = refusal.is_some() || !tool_calls.is_empty();
    if texts.is_empty() && !has_others && thoughts.is_empty() && !is_empty {
        return None;
    }
    let has_content = !texts.is_empty() || !has_others;
    let (reasoning_content, reasoning_details) = thoughts.told();
    Some(Message {
        role: "assistant",
        content: has_content.then(|| content(texts, quirks, losses)),
        refusal,
        reasoning_content,
        reasoning_details,
        tool_calls,
        tool_call_id: None,
    })
}

/// The thoughts of one turn, as both DeepSeek and OpenRouter take them.
#[derive(Default)]
struct Thoughts<'a> {
    text: Cow<'a, str>,
    details: Vec<ReasoningDetail<'a>>,
    /// Whether the details say more than the text.
    has_proofs: bool,
}

impl<'a> Thoughts<'a> {
    fn is_empty(&self) -> bool {
        self.details.is_empty()
    }

    fn add(&mut self, text: Cow<'a, str>, signature: Option<Cow<'a, str>>) {
        self.has_proofs |= signature.is_some();
        self.text += text.clone();
        self.details.push(ReasoningDetail::Entry(ReasoningEntry {
            kind: "reasoning.text",
            text: Some(text),
            format: signature.as_ref().map(|_| ANTHROPIC),
            signature,
            data: None,
            index: self.details.len(),
        }));
    }

    fn add_redacted(&mut self, data: Cow<'a, str>) {
        self.has_proofs = true;
        self.details.push(match whole_entry(&data) {
            Some(entry) => ReasoningDetail::Raw(entry),
            None => ReasoningDetail::Entry(ReasoningEntry {
                kind: "reasoning.encrypted",
                text: None,
                signature: None,
                data: Some(data),
                format: Some(ANTHROPIC),
                index: self.details.len(),
            }),
        });
    }

    fn told(self) -> (Option<Cow<'a, str>>, Vec<ReasoningDetail<'a>>) {
        let text = (!self.text.is_empty()).then_some(self.text);
        let details = if self.has_proofs {
            self.details
        } else {
            Vec::new()
        };
        (text, details)
    }
}

/// An entry that was carried whole, because its format is not Anthropic's.
fn whole_entry(data: &str) -> Option<Box<RawValue>> {
    let kind = RawObject::parse(data).ok()?.get("type")?;
    let is_entry = kind.get() == "\"reasoning.encrypted\"";
    is_entry.then(|| RawValue::from_string(data.to_owned()).ok())?
}
