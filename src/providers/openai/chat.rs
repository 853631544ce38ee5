//! Chat completions, as a provider serves them.

mod document;
mod event;
mod request;

use std::borrow::Cow;

use bytes::Bytes;

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

    fn path(&self, _: &VerifiedModel) -> Cow<'static, str> {
        Cow::Borrowed("/chat/completions")
    }

    fn pass_body(&self, request: &CompletionRequest, call: CallBody<'_>) -> Vec<Bytes> {
        request::edited(request, call)
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

    fn translator(&self) -> Option<&'static dyn ApiTranslator> {
        None
    }
}
