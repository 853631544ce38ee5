//! `/v1/messages/count_tokens`.

use bytes::Bytes;

use super::{error, request};
use crate::{
    completion::{CompletionRequest, WireFormat},
    dialects::{Customs, Dialect, DialectTranslator, Edited},
    error::{ErrorReport, RequestError},
    settings::FilterRules,
    upstream::sse_decoder::SseEvent,
};

/// What the Anthropic SDKs speak at `/v1/messages/count_tokens`. Only a provider can count as it
/// counts, so there is nothing to translate.
#[derive(Debug)]
pub struct CountTokens;

impl Dialect for CountTokens {
    fn format(&self) -> WireFormat {
        WireFormat::CountTokens
    }

    fn parse_completion(&self, body: Bytes) -> Result<CompletionRequest, RequestError> {
        request::of_count(body)
    }

    fn error_document(&self, report: &ErrorReport) -> Bytes {
        Bytes::from(error::text(report))
    }

    fn error_events(&self, report: &ErrorReport) -> Vec<SseEvent> {
        vec![error::event(report)]
    }

    fn is_error_event(&self, event: &SseEvent) -> bool {
        error::is_told_by(event)
    }

    fn customs(&self) -> Customs {
        Customs {
            metadata_event: false,
            ..Customs::OF_SDKS
        }
    }

    /// The count is all that was asked for: no rule drops it.
    fn without_parts(&self, _: &str, _: &FilterRules) -> Edited {
        Edited::Same
    }

    fn translator(&self) -> Option<&'static dyn DialectTranslator> {
        None
    }
}
