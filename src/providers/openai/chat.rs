//! Chat completions, as a provider serves them.

mod answer;
mod deltas;
pub(super) mod document;
pub(super) mod event;
mod finish;
mod quirks;
pub(super) mod request;
mod thought;
pub(super) mod usage;
mod wire;
mod write_request;

use std::borrow::Cow;

use bytes::Bytes;

use super::paths;
use crate::{
    completion::{Answer, CompletionRequest, Conversation, TokenUsage, WireFormat},
    error::RequestError,
    providers::{Api, ApiTranslator, BadDocument, CallBody, DeltaReader, EventReader},
    raw_json::RawObject,
    settings::VerifiedTarget,
    translation::Losses,
};

pub use quirks::ChatQuirks;

/// `POST /chat/completions`.
#[derive(Debug)]
pub(super) struct ChatCompletions;

impl Api for ChatCompletions {
    fn format(&self) -> WireFormat {
        WireFormat::ChatCompletions
    }

    fn path(&self, target: &VerifiedTarget) -> Cow<'static, str> {
        paths::path("/chat/completions", target)
    }

    fn pass_body(&self, request: &CompletionRequest, call: CallBody<'_>) -> Vec<Bytes> {
        request::edited(request, call)
    }

    fn event_reader(&self, request: &CompletionRequest) -> Box<dyn EventReader> {
        Box::new(event::ChatReader::new(request.choices))
    }

    fn check_document<'d>(&self, document: &'d [u8]) -> Result<RawObject<'d>, BadDocument> {
        document::check(document, "choices")
    }

    fn document_usage(&self, document: &RawObject<'_>) -> Option<TokenUsage> {
        usage::of_document(document)
    }

    fn translator(&self) -> Option<&'static dyn ApiTranslator> {
        Some(&Self)
    }
}

impl ApiTranslator for ChatCompletions {
    fn write_request(
        &self,
        conversation: Conversation<'_>,
        call: CallBody<'_>,
        losses: &mut Losses,
    ) -> Result<Bytes, RequestError> {
        write_request::write(conversation, call, losses)
    }

    fn delta_reader(&self) -> Box<dyn DeltaReader> {
        Box::new(deltas::ChatDeltas::default())
    }

    fn read_document<'a>(
        &self,
        document: &'a str,
        losses: &mut Losses,
    ) -> Result<Answer<'a>, BadDocument> {
        answer::read(document, losses)
    }
}
