//! OpenAI and everything compatible.

mod document;
mod error;
mod event;
mod request;

use bytes::Bytes;

use super::{BadDocument, CallBody, EventReader, Provider};
use crate::completion::{CompletionRequest, ProviderError, TokenUsage};

/// A provider that speaks the OpenAI API.
#[derive(Debug)]
pub struct OpenAi;

impl Provider for OpenAi {
    fn path(&self) -> &'static str {
        "/chat/completions"
    }

    fn request_body(&self, request: &CompletionRequest, call: CallBody<'_>) -> Vec<Bytes> {
        request::splice(request, call)
    }

    fn event_reader(&self, request: &CompletionRequest) -> Box<dyn EventReader> {
        Box::new(event::ChatReader::new(request.choices))
    }

    fn check_document(&self, document: &[u8]) -> Result<(), BadDocument> {
        document::check(document)
    }

    fn document_usage(&self, document: &[u8]) -> Option<TokenUsage> {
        event::document_usage(document)
    }

    fn read_error(&self, body: &[u8]) -> ProviderError {
        error::from_body(body)
    }
}
