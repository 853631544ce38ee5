//! Embeddings: one document, never a stream.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    chat::{document, event, usage},
    paths,
};
use crate::{
    completion::{CompletionRequest, TokenUsage, WireFormat},
    providers::{Api, ApiTranslator, BadDocument, CallBody, EventReader, splice},
    raw_json::RawObject,
    settings::VerifiedTarget,
};

/// `POST /embeddings`.
#[derive(Debug)]
pub(super) struct Embeddings;

impl Api for Embeddings {
    fn format(&self) -> WireFormat {
        WireFormat::Embeddings
    }

    fn path(&self, target: &VerifiedTarget) -> Cow<'static, str> {
        paths::path("/embeddings", target)
    }

    fn pass_body(&self, request: &CompletionRequest, call: CallBody<'_>) -> Vec<Bytes> {
        splice::splice(request, call.model, None)
    }

    fn event_reader(&self, request: &CompletionRequest) -> Box<dyn EventReader> {
        Box::new(event::ChatReader::new(request.choices))
    }

    fn check_document<'d>(&self, document: &'d [u8]) -> Result<RawObject<'d>, BadDocument> {
        document::check(document, "data")
    }

    fn document_usage(&self, document: &RawObject<'_>) -> Option<TokenUsage> {
        usage::of_document(document)
    }

    fn translator(&self) -> Option<&'static dyn ApiTranslator> {
        None
    }
}
