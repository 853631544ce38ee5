//! What the events of a message stream mean (API reference, "Streaming Messages", read November 2026).

mod glance;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::usage::Counts;
use crate::{
    completion::{CompletionEvent, EventKind, TokenUsage},
    providers::{BadEvent, EventReader, error_body},
    raw_json::RawObject,
    upstream::sse_decoder::SseEvent,
};

/// The events that must be JSON objects; one of another name is an extension and may hold anything.
const KNOWN: &[&str] = &[
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
    "ping",
];

/// Reads the events of one message.
#[derive(Debug, Default)]
pub(in crate::providers::anthropic) struct MessageReader {
    counts: Counts,
    has_content: bool,
    ended: bool,
}

impl EventReader for MessageReader {
    fn read(&mut self, raw: SseEvent) -> Result<CompletionEvent, BadEvent> {
        let (kind, usage) = self.meaning(&raw)?;
        Ok(CompletionEvent { raw, kind, usage })
    }

    /// The end of bytes is never an end: `message_stop` alone is.
    fn is_complete(&self) -> bool {
        self.ended
    }
}

impl MessageReader {
    fn meaning(&mut self, raw: &SseEvent) -> Result<(EventKind, Option<TokenUsage>), BadEvent> {
        let (name, data) = (raw.event.as_deref(), raw.data.trim());
        if self.has_content && glance::carries_on(name, data) {
            return Ok((EventKind::Content, None));
        }
        if name == Some("error") {
            return Ok((error(data), None));
        }
        let event: Event<'_> = match serde_json::from_str(data) {
            Ok(event) => event,
            Err(_) if is_foreign(raw) => return Ok((EventKind::Preamble, None)),
            Err(_) => return Err(BadEvent),
        };
        let kind = match event.kind.as_ref() {
            "error" => error(data),
            "message_stop" => {
                self.ended = true;
                EventKind::End
            }
            _ if event.has_content() => {
                self.has_content = true;
                EventKind::Content
            }
            _ => EventKind::Preamble,
        };
        let usage = event.usage().and_then(|told| self.counts.join(told));
        Ok((kind, usage))
    }
}

/// Whether what cannot be read is for a client who knows it, and not a broken event of Anthropic's: an
/// event of a name of its own, or an object that says no type.
pub(super) fn is_foreign(raw: &SseEvent) -> bool {
    let name = raw.event.as_deref();
    let has_no_type = || {
        RawObject::parse(&raw.data).is_ok_and(|object| {
            let kind = object.get("type");
            kind.is_none_or(|kind| !kind.get().starts_with('"'))
        })
    };
    name.is_some_and(|name| !KNOWN.contains(&name)) || has_no_type()
}

fn error(data: &str) -> EventKind {
    EventKind::Error(Box::new(error_body::from_body(data.as_bytes())))
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

impl<'a> Event<'a> {
    /// Whether a reader would see something: text, a thought, the name of a function, a proof, or why
    /// the answer ends. A text or a thought that begins empty shows nothing.
    fn has_content(&self) -> bool {
        let (part, texts): (_, &[&str]) = match self.kind.as_ref() {
            "content_block_start" => (self.content_block, &["text", "thinking"]),
            "content_block_delta" => (self.delta, &["text", "thinking", "partial_json"]),
            "message_delta" => {
                let delta = self
                    .delta
                    .and_then(|delta| RawObject::parse(delta.get()).ok());
                let reason = delta.and_then(|delta| delta.get("stop_reason"));
                return reason.is_some_and(|reason| reason.get() != "null");
            }
            _ => return false,
        };
        let Some(part) = part.and_then(|part| RawObject::parse(part.get()).ok()) else {
            return false;
        };
        let mut told = texts.iter().filter_map(|name| part.get(name)).peekable();
        told.peek().is_none() || told.any(|text| !matches!(text.get(), r#""""# | "null"))
    }

    fn usage(&self) -> Option<&'a RawValue> {
        match self.message {
            Some(message) => RawObject::parse(message.get()).ok()?.get("usage"),
            None => self.usage,
        }
    }
}

#[cfg(test)]
mod tests;
