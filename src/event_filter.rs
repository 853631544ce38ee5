//! What of a provider's answer a model's settings keep from clients.

use bytes::Bytes;
use bytestring::ByteString;

use crate::{
    completion::{CompletionEvent, EventKind},
    dialects::{Dialect, Edited},
    settings::FilterRules,
    upstream::sse_decoder::SseEvent,
};

/// Drops events, or parts of them, after they were read and before they are held or sent.
///
/// What it keeps untouched keeps its bytes. It never drops an end marker or an error.
#[derive(Debug)]
pub struct EventFilter {
    dialect: &'static dyn Dialect,
    rules: FilterRules,
    hides_usage_event: bool,
}

impl EventFilter {
    /// `hides_usage_event`: Herald asked the provider for usage and the client did not, so the event
    /// that tells only usage goes no further.
    #[must_use]
    pub fn new(
        dialect: &'static dyn Dialect,
        rules: &FilterRules,
        hides_usage_event: bool,
    ) -> Self {
        Self {
            dialect,
            rules: rules.clone(),
            hides_usage_event,
        }
    }

    fn cuts_parts(&self) -> bool {
        self.rules.usage || self.rules.reasoning || self.rules.logprobs
    }

    /// The event as the client gets it, if it does.
    #[must_use]
    pub fn apply(&self, event: CompletionEvent) -> Option<SseEvent> {
        let CompletionEvent { raw, kind, .. } = event;
        if kind == EventKind::Usage && (self.hides_usage_event || self.rules.usage) {
            return None;
        }
        let name = raw.event.as_deref().unwrap_or("message");
        if self.rules.drop_events.iter().any(|dropped| dropped == name) {
            return None;
        }
        self.without_parts(raw).ok()
    }

    /// An end marker as the client gets it: never dropped, but in some dialects it repeats the answer.
    #[must_use]
    pub fn apply_to_end(&self, marker: SseEvent) -> SseEvent {
        self.without_parts(marker).unwrap_or_else(|marker| marker)
    }

    /// The event without the parts that the rules drop, or as it was if nothing of it would be left.
    fn without_parts(&self, raw: SseEvent) -> Result<SseEvent, SseEvent> {
        if !self.cuts_parts() {
            return Ok(raw);
        }
        match self.dialect.without_parts(&raw.data, &self.rules) {
            Edited::Same => Ok(raw),
            Edited::Changed(data) => Ok(SseEvent {
                data: ByteString::from(data),
                ..raw
            }),
            Edited::Nothing => Err(raw),
        }
    }

    /// A whole document without the parts that the rules drop.
    #[must_use]
    pub fn apply_document(&self, document: Bytes) -> Bytes {
        if !self.cuts_parts() {
            return document;
        }
        let Ok(text) = std::str::from_utf8(&document) else {
            return document;
        };
        match self.dialect.without_parts(text, &self.rules) {
            Edited::Changed(rest) => Bytes::from(rest),
            Edited::Same | Edited::Nothing => document,
        }
    }
}
