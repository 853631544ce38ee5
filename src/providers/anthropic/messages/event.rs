//! What the events of a message stream mean.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    completion::{CompletionEvent, EventKind, TokenUsage},
    providers::{BadEvent, EventReader, error_body},
    upstream::sse_decoder::SseEvent,
};

/// Reads the events of one message.
#[derive(Debug, Default)]
pub(super) struct MessageReader {
    usage: Counts,
    ended: bool,
}

impl EventReader for MessageReader {
    fn read(&mut self, raw: SseEvent) -> Result<CompletionEvent, BadEvent> {
        let (kind, usage) = self.meaning(&raw)?;
        Ok(CompletionEvent { raw, kind, usage })
    }

    fn is_complete(&self) -> bool {
        self.ended
    }
}

impl MessageReader {
    fn meaning(&mut self, raw: &SseEvent) -> Result<(EventKind, Option<TokenUsage>), BadEvent> {
        let event: Event<'_> = serde_json::from_str(&raw.data).map_err(|_| BadEvent)?;
        let kind = match event.kind.as_ref() {
            "content_block_start" | "content_block_delta" => EventKind::Content,
            "message_stop" => {
                self.ended = true;
                EventKind::End
            }
            "error" => EventKind::Error(Box::new(error_body::from_body(raw.data.as_bytes()))),
            _ => EventKind::Preamble,
        };
        let told = event
            .usage
            .or(event.message.and_then(|message| message.usage));
        let usage = told.and_then(|told| self.usage.join(told));
        Ok((kind, usage))
    }
}

/// The usage that a whole message tells.
pub(super) fn usage(usage: &RawValue) -> Option<TokenUsage> {
    Counts::default().join(usage)
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

/// Token counts as they stand now: later events repeat some of them.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Counts {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
}

impl Counts {
    fn join(&mut self, told: &RawValue) -> Option<TokenUsage> {
        let told: Self = serde_json::from_str(told.get()).ok()?;
        self.input_tokens = told.input_tokens.or(self.input_tokens);
        self.output_tokens = told.output_tokens.or(self.output_tokens);
        self.cache_read_input_tokens = told
            .cache_read_input_tokens
            .or(self.cache_read_input_tokens);
        self.cache_creation_input_tokens = told
            .cache_creation_input_tokens
            .or(self.cache_creation_input_tokens);
        let cached_tokens = self.cache_read_input_tokens.unwrap_or(0);
        let cache_write_tokens = self.cache_creation_input_tokens.unwrap_or(0);
        Some(TokenUsage {
            prompt_tokens: self.input_tokens.unwrap_or(0) + cached_tokens + cache_write_tokens,
            completion_tokens: self.output_tokens.unwrap_or(0),
            cached_tokens,
            cache_write_tokens,
            reasoning_tokens: 0,
        })
    }
}
