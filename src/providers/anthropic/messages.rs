//! Messages, as Anthropic serves them (API reference, "Messages", read November 2026).

mod answer;
mod delta;
pub(super) mod document;
pub(super) mod event;
mod request;
mod usage;

use std::borrow::Cow;

use bytes::Bytes;

use crate::{
    completion::{Answer, CompletionRequest, Conversation, TokenUsage, WireFormat},
    error::RequestError,
    providers::{Api, ApiTranslator, BadDocument, CallBody, DeltaReader, EventReader, splice},
    raw_json::RawObject,
    settings::VerifiedTarget,
    translation::Losses,
};

/// `POST /messages`.
#[derive(Debug)]
pub(super) struct Messages;

impl Api for Messages {
    fn format(&self) -> WireFormat {
        WireFormat::Messages
    }

    fn path(&self, _: &VerifiedTarget) -> Cow<'static, str> {
        Cow::Borrowed("/messages")
    }

    fn pass_body(&self, request: &CompletionRequest, call: CallBody<'_>) -> Vec<Bytes> {
        splice::splice(request, call.model, None)
    }

    fn event_reader(&self, _: &CompletionRequest) -> Box<dyn EventReader> {
        Box::new(event::MessageReader::default())
    }

    fn check_document<'d>(&self, document: &'d [u8]) -> Result<RawObject<'d>, BadDocument> {
        document::check(document)
    }

    fn document_usage(&self, document: &RawObject<'_>) -> Option<TokenUsage> {
        document::usage(document)
    }

    fn translator(&self) -> Option<&'static dyn ApiTranslator> {
        Some(&Self)
    }
}

impl ApiTranslator for Messages {
    fn write_request(
        &self,
        conversation: Conversation<'_>,
        call: CallBody<'_>,
        losses: &mut Losses,
    ) -> Result<Bytes, RequestError> {
        request::write(conversation, call, losses)
    }

    fn delta_reader(&self) -> Box<dyn DeltaReader> {
        Box::new(delta::MessageDeltas::default())
    }

    fn read_document<'a>(
        &self,
        document: &'a str,
        losses: &mut Losses,
    ) -> Result<Answer<'a>, BadDocument> {
        answer::read(document, losses)
    }
}
