//! The OpenAI dialect: the shapes of `/v1/chat/completions` and `/v1/models`.

pub(crate) mod api;
mod error;
mod models;
mod parts;
mod request;

use bytes::Bytes;

use super::{Dialect, Edited};
use crate::{
    completion::CompletionRequest,
    error::{ErrorReport, RequestError},
    settings::FilterRules,
    upstream::sse_decoder::SseEvent,
};

pub(crate) use error::Body as ErrorBody;
pub(crate) use models::{Model, ModelList};
pub use request::parse_request;

/// What the OpenAI SDKs speak.
#[derive(Debug)]
pub struct OpenAiDialect;

impl Dialect for OpenAiDialect {
    fn parse_completion(&self, body: Bytes) -> Result<CompletionRequest, RequestError> {
        parse_request(body)
    }

    fn error_document(&self, report: &ErrorReport) -> Bytes {
        Bytes::from(error::text(report))
    }

    fn error_event(&self, report: &ErrorReport) -> SseEvent {
        // The SDKs raise on any data with a truthy `error`, whatever the name of the event.
        SseEvent {
            event: None,
            id: None,
            data: error::text(report).into(),
        }
    }

    fn is_error_event(&self, event: &SseEvent) -> bool {
        error::is_told_in(&event.data)
    }

    fn has_metadata_event(&self) -> bool {
        true
    }

    fn without_parts(&self, text: &str, rules: &FilterRules) -> Edited {
        parts::without(text, rules)
    }
}
