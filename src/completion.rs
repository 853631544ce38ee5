//! Our own words between what a client speaks and what a provider speaks.

mod answer;
mod conversation;
mod format;

use std::{fmt, ops::Range};

use bytes::Bytes;
use serde_json::Value;

use crate::{error::UpstreamReport, upstream::sse_decoder::SseEvent};

pub use answer::{Answer, Delta, FinishReason, Likely, TextPiece, TokenLogprob};
pub use conversation::{
    AnswerShape, Conversation, Effort, Part, PartKind, Reasoning, Role, Source, TURNS, Tool,
    ToolChoice, Turn,
};
pub use format::WireFormat;

/// A client's request for a completion, as far as Herald acts on it.
///
/// The body is kept as it came: where both sides speak one dialect it goes upstream byte for byte,
/// but for the edits that a provider's module names.
#[derive(Clone)]
pub struct CompletionRequest {
    /// The model the client asked for; the name in the settings, not the provider's.
    pub model: String,
    /// Whether it wants events or one JSON document.
    pub stream: bool,
    /// Whether it asked for token usage at the end of the stream.
    pub wants_usage: bool,
    /// How many alternatives it asked for (`n`), at least 1: each must finish before the answer is
    /// complete.
    pub choices: u32,
    /// Most tokens that it allows for one alternative, if it says and can be read: for an estimate, not
    /// for a refusal.
    pub max_tokens: Option<u64>,
    /// The body, checked to be one JSON object in UTF-8.
    pub body: Bytes,
    /// Where the fields stand in it that a provider may need to edit.
    pub places: FieldPlaces,
}

/// Tells of the body only how long it is: it holds a prompt.
impl fmt::Debug for CompletionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletionRequest")
            .field("model", &self.model)
            .field("stream", &self.stream)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Byte ranges of a request's body, found while it was read the one time.
#[derive(Clone, Debug)]
pub struct FieldPlaces {
    /// Just behind the opening brace, where a first member may be inserted.
    pub first_member: usize,
    /// The value of `model`, quotes included.
    pub model: Range<usize>,
    /// The value of `stream_options`, if it is there.
    pub stream_options: Option<Range<usize>>,
}

/// What one event of a provider means to the flow. The event itself stays beside, untouched.
#[derive(Clone, Debug)]
pub struct CompletionEvent {
    /// The event as the provider sent it.
    pub raw: SseEvent,
    /// What it means.
    pub kind: EventKind,
    /// Tokens spent, if it tells them.
    pub usage: Option<TokenUsage>,
}

/// What an event means for commit and for the end of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Nothing that a reader would see: a ping, a role alone, `choices: []`. Does not commit.
    Preamble,
    /// Content: text, reasoning, a refusal, a piece of a tool call, or the reason for finishing.
    Content,
    /// Token usage alone, after the content.
    Usage,
    /// The provider failed and says so.
    Error(Box<ProviderError>),
    /// The provider's end marker.
    End,
}

/// Tokens that one completion took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// Tokens of the prompt, cached ones included.
    pub prompt_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub completion_tokens: u64,
    /// Tokens of the prompt that were read from a cache.
    pub cached_tokens: u64,
    /// Tokens of the prompt that were written to a cache; Anthropic tells them.
    pub cache_write_tokens: u64,
    /// Tokens of the answer that went into reasoning.
    pub reasoning_tokens: u64,
}

/// A provider's own account of an error, cleaned and bounded (see
/// [`clean_text`](crate::metadata::clean_text)): safe to show to a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderError {
    /// The HTTP status that the error names, by number or by its type.
    pub status: Option<u16>,
    /// For people.
    pub message: String,
    /// The provider's class of error (OpenAI `type`).
    pub kind: Option<String>,
    /// The provider's code: a string or, with some, a number.
    pub code: Option<Value>,
    /// The request's field at fault.
    pub param: Option<String>,
    /// What the next Herald of a chain said of the provider behind it, whose error this is.
    pub origin: Option<Box<UpstreamReport>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialects::openai::parse_request, metadata::Opening, response::document_body::DocumentBody,
    };

    #[test]
    fn no_debug_form_tells_a_prompt_or_a_completion() {
        const SAID: &str = "what was said";
        let body = Bytes::from(format!(r#"{{"model":"m","messages":"{SAID}"}}"#));
        let event = SseEvent {
            event: None,
            id: None,
            data: SAID.into(),
        };
        let forms = [
            format!("{:?}", parse_request(body.clone()).unwrap()),
            format!("{event:?}"),
            format!("{:?}", Opening::Document(body.clone())),
            format!("{:?}", DocumentBody::new(body)),
        ];
        for form in forms {
            assert!(!form.contains(SAID), "{form}");
        }
    }
}
