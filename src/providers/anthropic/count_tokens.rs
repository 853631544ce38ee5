//! The count of what a message's prompt would take, as Anthropic serves it.

use std::borrow::Cow;

use bytes::Bytes;

use super::messages::{document, event::MessageReader};
use crate::{
    completion::{CompletionRequest, TokenUsage, WireFormat},
    providers::{Api, ApiTranslator, BadDocument, CallBody, EventReader, splice},
    raw_json::RawObject,
    settings::VerifiedTarget,
};

/// `POST /messages/count_tokens` (API reference, "Count tokens in a Message", read November 2026).
#[derive(Debug)]
pub(super) struct CountTokens;

impl Api for CountTokens {
    fn format(&self) -> WireFormat {
        WireFormat::CountTokens
    }

    fn path(&self, _: &VerifiedTarget) -> Cow<'static, str> {
        Cow::Borrowed("/messages/count_tokens")
    }

    fn pass_body(&self, request: &CompletionRequest, call: CallBody<'_>) -> Vec<Bytes> {
        splice::splice(request, call.model, None)
    }

    /// A count is never streamed; a stream in its place would have to be that of a message.
    fn event_reader(&self, _: &CompletionRequest) -> Box<dyn EventReader> {
        Box::new(MessageReader::default())
    }

    fn check_document<'d>(&self, document: &'d [u8]) -> Result<RawObject<'d>, BadDocument> {
        document::check(document)
    }

    /// Counting takes no tokens: those that it tells of were not spent.
    fn document_usage(&self, _: &RawObject<'_>) -> Option<TokenUsage> {
        None
    }

    fn translator(&self) -> Option<&'static dyn ApiTranslator> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_a_document_of_which_nothing_was_spent() {
        let count = br#"{"input_tokens":2095}"#;
        let document = CountTokens.check_document(count).unwrap();
        assert_eq!(CountTokens.document_usage(&document), None);
        let error = br#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#;
        assert!(matches!(
            CountTokens.check_document(error),
            Err(BadDocument::Error(error)) if error.status == Some(529)
        ));
    }
}
