//! Responses, as a provider serves them. Nothing is translated into them: whoever has them has chat
//! completions too.

mod event;

use std::borrow::Cow;

use bytes::Bytes;

use super::paths;
use crate::{
    completion::{CompletionRequest, TokenUsage, WireFormat},
    providers::{Api, ApiTranslator, BadDocument, CallBody, EventReader, splice},
    raw_json::RawObject,
    settings::VerifiedTarget,
};

/// `POST /responses`.
#[derive(Debug)]
pub(super) struct Responses;

impl Api for Responses {
    fn format(&self) -> WireFormat {
        WireFormat::Responses
    }

    fn path(&self, target: &VerifiedTarget) -> Cow<'static, str> {
        paths::path("/responses", target)
    }

    fn pass_body(&self, request: &CompletionRequest, call: CallBody<'_>) -> Vec<Bytes> {
        splice::splice(request, call.model, None)
    }

    fn event_reader(&self, _: &CompletionRequest) -> Box<dyn EventReader> {
        Box::new(event::ResponseReader::default())
    }

    fn check_document<'d>(&self, document: &'d [u8]) -> Result<RawObject<'d>, BadDocument> {
        event::check_document(document)
    }

    fn document_usage(&self, document: &RawObject<'_>) -> Option<TokenUsage> {
        event::document_usage(document)
    }

    fn translator(&self) -> Option<&'static dyn ApiTranslator> {
        None
    }
}
