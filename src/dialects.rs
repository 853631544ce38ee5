//! Dialects: what clients speak.

pub mod anthropic;
mod fields;
mod members;
pub mod openai;
mod prediction;
mod source;
pub mod sourcegraph;

use std::fmt;

use bytes::Bytes;

use crate::{
    completion::{Answer, CompletionRequest, Conversation, Delta, TURNS, WireFormat},
    error::{ErrorReport, RequestError},
    settings::FilterRules,
    translation::Losses,
    upstream::sse_decoder::SseEvent,
};

/// What the flow asks of a dialect: what clients speak at one path. It knows JSON, and nothing of
/// actors or sockets.
pub trait Dialect: Send + Sync + fmt::Debug {
    /// What its requests and answers are written in.
    fn format(&self) -> WireFormat;

    /// Reads a request, as far as Herald acts on it whoever serves it.
    ///
    /// # Errors
    /// It is none, or a field that Herald acts on is missing or of another type.
    fn parse_completion(&self, body: Bytes) -> Result<CompletionRequest, RequestError>;

    /// The JSON body of an error answer: an error's door before the head is sent.
    fn error_document(&self, report: &ErrorReport) -> Bytes;

    /// The events that tell of a failure: an error's door after the head. They never claim success.
    fn error_events(&self, report: &ErrorReport) -> Vec<SseEvent>;

    /// Whether clients of this dialect take the event for an error as it stands.
    fn is_error_event(&self, event: &SseEvent) -> bool;

    /// What its clients can take.
    fn customs(&self) -> Customs;

    /// An event's data, or a whole document, without the parts that the rules drop.
    fn without_parts(&self, text: &str, rules: &FilterRules) -> Edited;

    /// How it is told in our words; `None`: only a provider that serves it as it is can serve it.
    fn translator(&self) -> Option<&'static dyn DialectTranslator>;
}

/// What the clients of a dialect can take, and what they make of it.
#[derive(Clone, Copy, Debug)]
pub struct Customs {
    /// Whether a stream may begin with the event `metadata`, if its client asks for it. Where clients
    /// cannot take an event of an unknown name there is none, whatever they ask for.
    pub metadata_event: bool,
    /// Whether comments may stand in a stream while nothing else comes (`clocks.heartbeat`).
    pub heartbeats: bool,
    /// The content type of an error's answer.
    pub error_type: &'static str,
    /// Whether they take 403 for the end of their sign-in as well as 401, so that what the key may not
    /// use is 400, and a model that is not there too.
    pub signs_out: bool,
    /// Whether they know limits as `x-ratelimit-limit`, `x-ratelimit-remaining` and `retry-after` alone.
    pub plain_limits: bool,
    /// Whether a model's name may have its provider before it: `provider/model`, or
    /// `provider::version::model`.
    pub qualified_models: bool,
}

impl Customs {
    /// Those of the SDKs: they skip what they do not know, and read JSON.
    pub const OF_SDKS: Self = Self {
        metadata_event: true,
        heartbeats: true,
        error_type: "application/json",
        signs_out: false,
        plain_limits: false,
        qualified_models: false,
    };
}

/// How a dialect's requests and answers are told in our words.
pub trait DialectTranslator: Send + Sync + fmt::Debug {
    /// Tells a request in our words; what no provider could be told is noted as lost.
    ///
    /// # Errors
    /// The field that is missing, of another type, or cannot be left out without lying to the client.
    fn read_request<'a>(
        &self,
        body: &'a str,
        losses: &mut Losses,
    ) -> Result<Conversation<'a>, RequestError>;

    /// What its clients call all that was said, where it is refused for a provider's sake.
    fn turns_field(&self) -> &'static str {
        TURNS
    }

    /// Begins an answer to a request.
    fn answer_writer(
        &self,
        request: &CompletionRequest,
        about: AnswerContext<'_>,
    ) -> Box<dyn AnswerWriter>;
}

/// What an answer says of itself where its provider says nothing.
#[derive(Clone, Copy, Debug)]
pub struct AnswerContext<'a> {
    /// The request's id.
    pub id: &'a str,
    /// The model by the provider's name.
    pub model: &'a str,
    /// Seconds since 1970.
    pub created: u64,
}

/// Writes one answer in a dialect. Nothing it holds grows with the answer, but where the dialect's own
/// last event repeats all of it.
pub trait AnswerWriter: fmt::Debug {
    /// Adds the events that a piece of the answer comes to: none, one or several. What of it the dialect
    /// has no place for is noted as lost.
    fn write(&mut self, delta: Delta<'_>, events: &mut Vec<SseEvent>, losses: &mut Losses);

    /// Adds the events that end the answer, the dialect's end marker last. Called once, and only
    /// after the provider's own end.
    fn end(&mut self, events: &mut Vec<SseEvent>);

    /// A whole answer as a document, for a client who asked for no stream; what the dialect has no place
    /// for is noted as lost.
    fn document(&mut self, answer: &Answer<'_>, losses: &mut Losses) -> Bytes;

    /// How many bytes of the answer it holds, for a dialect whose last event repeats all of it: more
    /// than `upstream.max_body_bytes` is too much, as it is of a document.
    fn held_bytes(&self) -> usize {
        0
    }
}

/// What is left of a text after parts of it were dropped.
#[derive(Debug, PartialEq, Eq)]
pub enum Edited {
    /// All of it: nothing was to be dropped.
    Same,
    /// This.
    Changed(String),
    /// Nothing that would tell a client anything.
    Nothing,
}
