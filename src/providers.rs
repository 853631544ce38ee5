//! Providers: what an upstream speaks, and which are defined.

pub mod openai;
pub mod replay;

use std::{fmt, sync::Arc};

use actix_web::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use bytes::Bytes;
use secrecy::ExposeSecret;

use crate::{
    completion::{CompletionEvent, CompletionRequest, ProviderError, TokenUsage},
    settings::{ProviderKind, VerifiedProvider},
    upstream::sse_decoder::SseEvent,
};

/// Name of a provider as the settings define it (`[[providers]] id`).
///
/// Lower-case letters, digits, `-`, `_` and `.`, 1 to 64 of them; settings verification holds it to
/// that, because it also stands as the authority in the URI that awc is given (see
/// [`crate::upstream::connector`]).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(Arc<str>);

impl ProviderId {
    /// Takes a name that settings verification has accepted.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What a provider's module must know; all else about a call is the same for every provider.
pub trait Provider: Send + Sync + fmt::Debug {
    /// Where completions are asked for, below the provider's `base_url`.
    fn path(&self) -> &'static str;

    /// The body of the call, in pieces that are sent one after the other.
    fn request_body(&self, request: &CompletionRequest, call: CallBody<'_>) -> Vec<Bytes>;

    /// Reads the events of one answer.
    fn event_reader(&self, request: &CompletionRequest) -> Box<dyn EventReader>;

    /// Judges a whole document that came under a success.
    ///
    /// # Errors
    /// It is not whole, is none, or tells of an error.
    fn check_document(&self, document: &[u8]) -> Result<(), BadDocument>;

    /// The tokens that a whole answer says that it took, if it does.
    fn document_usage(&self, document: &[u8]) -> Option<TokenUsage>;

    /// Reads the body of an answer that is an error, whatever its content type; cleaned and bounded.
    fn read_error(&self, body: &[u8]) -> ProviderError;
}

/// What a provider of this kind speaks: the one line that a new kind adds here. Recordings are
/// answers in OpenAI's protocol.
#[must_use]
pub fn protocol(kind: &ProviderKind) -> &'static dyn Provider {
    match kind {
        ProviderKind::OpenAi | ProviderKind::Replay { .. } => &openai::OpenAi,
    }
}

/// What of a call's body differs from what the client sent.
#[derive(Clone, Copy, Debug)]
pub struct CallBody<'a> {
    /// The model by the provider's name.
    pub model: &'a str,
    /// Whether to ask for token usage at the end of a stream (`usage_request`).
    pub ask_for_usage: bool,
}

/// Reads the events of one answer in turn and remembers what they said about its end.
pub trait EventReader: fmt::Debug {
    /// Says what an event means.
    ///
    /// # Errors
    /// The event is nothing that this provider's protocol knows.
    fn read(&mut self, raw: SseEvent) -> Result<CompletionEvent, BadEvent>;

    /// Whether the answer was whole if its bytes ended now, without an end marker.
    fn is_complete(&self) -> bool;
}

/// An event that the provider's protocol does not know; its text is not kept, it may be a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event holds no JSON object")]
pub struct BadEvent;

/// What providers see where neither the settings nor the client's allowed headers say otherwise.
const OWN_USER_AGENT: &str = concat!("herald/", env!("CARGO_PKG_VERSION"));

/// The headers of a call: the client's that may travel, the provider's own from the settings, its
/// key, and what Herald itself asks for.
#[must_use]
pub fn outgoing_headers(
    provider: &VerifiedProvider,
    downstream: &HeaderMap,
    stream: bool,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = provider.request_headers.select(downstream);
    for (name, value) in &provider.headers {
        headers.retain(|(chosen, _)| chosen != name);
        headers.push((name.clone(), value.clone()));
    }
    if let Some(key) = &provider.api_key {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
            .expect("verification takes only keys that a header can hold");
        value.set_sensitive(true);
        headers.push((AUTHORIZATION, value));
    }
    let accepted = if stream {
        "text/event-stream, application/json"
    } else {
        "application/json"
    };
    headers.push((ACCEPT, HeaderValue::from_static(accepted)));
    headers.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
    if !headers.iter().any(|(name, _)| name == USER_AGENT) {
        headers.push((USER_AGENT, HeaderValue::from_static(OWN_USER_AGENT)));
    }
    headers
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadDocument {
    /// It ends inside a value.
    CutShort,
    /// It is no JSON object.
    NoDocument,
    /// It tells of an error and holds no answer.
    Error(ProviderError),
}
