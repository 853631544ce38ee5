//! Providers: what an upstream speaks, and which are defined.

pub mod anthropic;
mod error_body;
pub mod herald;
pub mod openai;
pub mod replay;
pub mod sourcegraph;
mod splice;

use std::{borrow::Cow, fmt, sync::Arc};

use actix_web::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use bytes::Bytes;
use secrecy::ExposeSecret;

use crate::{
    completion::{
        Answer, CompletionEvent, CompletionRequest, Conversation, Delta, ProviderError, TokenUsage,
        WireFormat,
    },
    error::RequestError,
    metadata::chain,
    raw_json::RawObject,
    settings::{AnthropicSettings, ProviderKind, VerifiedProvider, VerifiedTarget},
    translation::Losses,
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
    /// The API by which it serves what is asked: its own of that format, or one into which the request
    /// is translated. `None`: it cannot serve it.
    fn api(&self, asked: WireFormat, target: &VerifiedTarget) -> Option<&'static dyn Api>;

    /// Where an API of it is asked for a model, below the provider's `base_url`.
    fn path(&self, api: &dyn Api, target: &VerifiedTarget) -> Cow<'static, str> {
        api.path(target)
    }

    /// What a call's body names the model.
    fn model_name<'a>(&self, target: &'a VerifiedTarget) -> &'a str {
        &target.upstream_model
    }

    /// How it is told the key, where the settings do not say.
    fn credentials(&self) -> CredentialStyle;

    /// Headers that a call needs, where neither the client nor the settings have sent their own.
    fn default_headers(&self) -> &'static [(HeaderName, HeaderValue)];

    /// Whether it obeys `x-timeout-ms`, and so can be told how long an answer may take.
    fn takes_timeout(&self) -> bool {
        false
    }

    /// Puts right what its heads have in a form that no client reads. Each value keeps its name and its
    /// place among those of the name.
    fn mend_headers(&self, headers: &mut HeaderMap) {
        let _ = headers;
    }

    /// Reads the body of an answer that is an error, whatever its content type; cleaned and bounded.
    fn read_error(&self, body: &[u8]) -> ProviderError;

    /// Adds to an error in a stream what only this provider tells in the event's data.
    fn complete_error(&self, error: ProviderError, data: &str) -> ProviderError {
        let _ = data;
        error
    }
}

/// One of the things that may be asked of a provider.
pub trait Api: Send + Sync + fmt::Debug {
    /// What its requests and answers are written in.
    fn format(&self) -> WireFormat;

    /// Where it is asked, below the provider's `base_url`, with a query where it needs one.
    fn path(&self, target: &VerifiedTarget) -> Cow<'static, str>;

    /// The body of a call for a client who speaks this very format, in pieces that are sent one after
    /// the other.
    fn pass_body(&self, request: &CompletionRequest, call: CallBody<'_>) -> Vec<Bytes>;

    /// Reads the events of one answer.
    fn event_reader(&self, request: &CompletionRequest) -> Box<dyn EventReader>;

    /// Reads a whole document that came under a success, and judges it.
    ///
    /// # Errors
    /// It is not whole, is none, or tells of an error.
    fn check_document<'d>(&self, document: &'d [u8]) -> Result<RawObject<'d>, BadDocument>;

    /// The tokens that a whole answer says that it took, if it does.
    fn document_usage(&self, document: &RawObject<'_>) -> Option<TokenUsage>;

    /// How it is told in our words; `None`: it serves only clients who speak its own format.
    fn translator(&self) -> Option<&'static dyn ApiTranslator>;
}

/// How an API's requests and answers are told in our words.
pub trait ApiTranslator: Send + Sync + fmt::Debug {
    /// Writes a call's body; what the API has no place for is noted as lost.
    ///
    /// # Errors
    /// The client's field that cannot be left out without changing what was asked.
    fn write_request(
        &self,
        conversation: Conversation<'_>,
        call: CallBody<'_>,
        losses: &mut Losses,
    ) -> Result<Bytes, RequestError>;

    /// Tells the events of one answer in our words.
    fn delta_reader(&self) -> Box<dyn DeltaReader>;

    /// Tells a whole answer in our words, one that [`Api::check_document`] has let pass.
    ///
    /// # Errors
    /// It is no answer of this API.
    fn read_document<'a>(
        &self,
        document: &'a str,
        losses: &mut Losses,
    ) -> Result<Answer<'a>, BadDocument>;
}

/// Tells the events of one answer in our words, one after the other. Errors and end markers are not
/// given to it: the [`EventReader`] has told them apart.
pub trait DeltaReader: fmt::Debug {
    /// Adds what an event says; most say one thing, some nothing, some several.
    ///
    /// # Errors
    /// The event is nothing that this API knows, or contradicts an earlier one.
    fn read<'a>(&mut self, raw: &'a SseEvent, deltas: &mut Vec<Delta<'a>>) -> Result<(), BadEvent>;
}

/// In which header a provider is told the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialStyle {
    /// `authorization: Bearer …`
    Bearer,
    /// `x-api-key: …`
    XApiKey,
    /// `api-key: …`
    ApiKey,
}

/// What a provider of this kind speaks: the one line that a new kind adds here. Recordings are
/// answers in OpenAI's protocol.
#[must_use]
pub fn protocol(kind: &ProviderKind) -> &'static dyn Provider {
    match kind {
        ProviderKind::OpenAi | ProviderKind::Replay { .. } => &openai::OpenAi,
        ProviderKind::Anthropic => &anthropic::Anthropic,
        ProviderKind::Herald => &herald::Herald,
        ProviderKind::Sourcegraph { .. } => &sourcegraph::Sourcegraph,
    }
}

/// What of a call's body differs from what the client sent.
#[derive(Clone, Copy, Debug)]
pub struct CallBody<'a> {
    /// The model by the provider's name.
    pub model: &'a str,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether to ask for token usage at the end of a stream (`usage_request`).
    pub ask_for_usage: bool,
    /// What the provider takes of a request that is written anew for it.
    pub terms: Terms,
}

/// What a provider takes of requests that are told in our words and written anew for it; each API looks
/// at its own part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// A server of chat completions.
    pub chat: openai::ChatQuirks,
    /// A server of Anthropic's messages.
    pub messages: AnthropicSettings,
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

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// What providers see where neither the settings nor the client's allowed headers say otherwise.
const OWN_USER_AGENT: &str = concat!("herald/", env!("CARGO_PKG_VERSION"));

/// The headers of a call: the client's that may travel, the provider's own from the settings, its
/// key, what its API needs, and what Herald itself asks for.
#[must_use]
pub fn outgoing_headers(
    provider: &VerifiedProvider,
    downstream: &HeaderMap,
    stream: bool,
) -> Vec<(HeaderName, HeaderValue)> {
    let protocol = protocol(&provider.kind);
    let mut headers = provider.request_headers.select(downstream);
    for (name, value) in &provider.headers {
        headers.retain(|(chosen, _)| chosen != name);
        headers.push((name.clone(), value.clone()));
    }
    if let Some(key) = &provider.api_key {
        let key = key.expose_secret();
        let (name, value) = match provider.credentials {
            CredentialStyle::Bearer => (
                AUTHORIZATION,
                HeaderValue::from_str(&format!("Bearer {key}")),
            ),
            CredentialStyle::XApiKey => (X_API_KEY, HeaderValue::from_str(key)),
            CredentialStyle::ApiKey => (API_KEY, HeaderValue::from_str(key)),
        };
        let mut value = value.expect("verification takes only keys that a header can hold");
        value.set_sensitive(true);
        headers.push((name, value));
    }
    for (name, value) in protocol.default_headers() {
        if !headers.iter().any(|(chosen, _)| chosen == name) {
            headers.push((name.clone(), value.clone()));
        }
    }
    let accepted = if stream {
        "text/event-stream, application/json"
    } else {
        "application/json"
    };
    headers.push((ACCEPT, HeaderValue::from_static(accepted)));
    if provider.kind.is_herald() {
        let hops = chain::hops(downstream).saturating_add(1);
        let name = HeaderName::from_static(chain::X_HERALD_HOPS);
        headers.push((name, HeaderValue::from(hops)));
    }
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

impl BadDocument {
    /// From what the JSON parser says.
    fn of_syntax(error: &serde_json::Error) -> Self {
        if error.is_eof() {
            Self::CutShort
        } else {
            Self::NoDocument
        }
    }
}
