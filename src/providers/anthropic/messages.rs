//! Messages, as Anthropic serves them.

mod document;
mod event;

use std::borrow::Cow;

use bytes::Bytes;

use crate::{
    completion::{CompletionRequest, TokenUsage, WireFormat},
    providers::{Api, ApiTranslator, BadDocument, CallBody, EventReader, splice},
    settings::VerifiedModel,
};

/// `POST /messages`.
#[derive(Debug)]
pub(super) struct Messages;

impl Api for Messages {
    fn format(&self) -> WireFormat {
        WireFormat::Messages
    }

    fn path(&self, _: &VerifiedModel) -> Cow<'static, str> {
        Cow::Borrowed("/messages")
    }

    fn pass_body(&self, request: &CompletionRequest, call: CallBody<'_>) -> Vec<Bytes> {
        splice::splice(request, call.model, None)
    }

    fn event_reader(&self, _: &CompletionRequest) -> Box<dyn EventReader> {
        Box::new(event::MessageReader::default())
    }

    fn check_document(&self, document: &[u8]) -> Result<(), BadDocument> {
        document::check(document)
    }

    fn document_usage(&self, document: &[u8]) -> Option<TokenUsage> {
        document::usage(document)
    }

    fn translator(&self) -> Option<&'static dyn ApiTranslator> {
        None
    }
}
