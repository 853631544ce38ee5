//! The older completions, of a prompt and not of messages. Their chunks and documents are those of
//! chat completions but for the text, which both readers know.

mod prompt;

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    chat::{ChatCompletions, document, event, request, usage},
    paths,
};
use crate::{
    completion::{Answer, CompletionRequest, Conversation, TokenUsage, WireFormat},
    error::RequestError,
    providers::{Api, ApiTranslator, BadDocument, CallBody, DeltaReader, EventReader},
    raw_json::RawObject,
    settings::VerifiedTarget,
    translation::Losses,
};

/// `POST /completions`.
#[derive(Debug)]
pub(super) struct Completions;

impl Api for Completions {
    fn format(&self) -> WireFormat {
        WireFormat::Completions
    }

    fn path(&self, target: &VerifiedTarget) -> Cow<'static, str> {
        paths::path("/completions", target)
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

impl ApiTranslator for Completions {
    fn write_request(
        &self,
        conversation: Conversation<'_>,
        call: CallBody<'_>,
        losses: &mut Losses,
    ) -> Result<Bytes, RequestError> {
        prompt::write(conversation, call, losses)
    }

    fn delta_reader(&self) -> Box<dyn DeltaReader> {
        ChatCompletions.delta_reader()
    }

    fn read_document<'a>(
        &self,
        document: &'a str,
        losses: &mut Losses,
    ) -> Result<Answer<'a>, BadDocument> {
        ChatCompletions.read_document(document, losses)
    }
}
