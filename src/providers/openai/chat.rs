//! Chat completions, as a provider serves them.

pub(super) mod document;
pub(super) mod event;
pub(super) mod request;

use std::borrow::Cow;

use bytes::Bytes;

use super::paths;
use crate::{
    completion::{CompletionRequest, TokenUsage, WireFormat},
    providers::{Api, ApiTranslator, BadDocument, CallBody, EventReader},
    settings::VerifiedModel,
};

/// `POST /chat/completions`.
#[derive(Debug)]
pub(super) struct ChatCompletions;

impl Api for ChatCompletions {
    fn format(&self) -> WireFormat {
        WireFormat::ChatCompletions
    }

    fn path(&self, model: &VerifiedModel) -> Cow<'static, str> {
        paths::path("/chat/completions", model)
    }

    fn pass_body(&self, request: &CompletionRequest, call: CallBody<'_>) -> Vec<Bytes> {
        request::edited(request, call)
    }

    fn event_reader(&self, request: &CompletionRequest) -> Box<dyn EventReader> {
        Box::new(event::ChatReader::new(request.choices))
    }

    fn check_document(&self, document: &[u8]) -> Result<(), BadDocument> {
        document::check(document, "choices")
    }

    fn document_usage(&self, document: &[u8]) -> Option<TokenUsage> {
        event::document_usage(document)
    }

    fn translator(&self) -> Option<&'static dyn ApiTranslator> {
        None
    }
}
