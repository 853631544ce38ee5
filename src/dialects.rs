//! Dialects: what clients speak.

pub mod openai;

use std::fmt;

use bytes::Bytes;

use crate::{
    completion::CompletionRequest,
    error::{ErrorReport, RequestError},
    settings::FilterRules,
    upstream::sse_decoder::SseEvent,
};

/// What the flow asks of a dialect. It knows JSON, and nothing of actors or sockets.
pub trait Dialect: Send + Sync + fmt::Debug {
    /// Reads a request for a completion.
    ///
    /// # Errors
    /// It is none, or a field that Herald acts on is missing or of another type.
    fn parse_completion(&self, body: Bytes) -> Result<CompletionRequest, RequestError>;

    /// The JSON body of an error answer: an error's door before the head is sent.
    fn error_document(&self, report: &ErrorReport) -> Bytes;

    /// The event that tells of a failure: an error's door after the head. It never claims success.
    fn error_event(&self, report: &ErrorReport) -> SseEvent;

    /// Whether clients of this dialect take the event for an error as it stands.
    fn is_error_event(&self, event: &SseEvent) -> bool;

    /// Whether a stream may begin with the event `metadata`, if its client asks for it. Where clients
    /// cannot take an event of an unknown name there is none, whatever they ask for.
    fn has_metadata_event(&self) -> bool;

    /// An event's data, or a whole document, without the parts that the rules drop.
    fn without_parts(&self, text: &str, rules: &FilterRules) -> Edited;
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
