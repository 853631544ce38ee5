//! `/v1/messages`.

use bytes::Bytes;

use super::{answer::MessageWriter, conversation, error, parts, request};
use crate::{
    completion::{CompletionRequest, Conversation, WireFormat},
    dialects::{AnswerContext, AnswerWriter, Customs, Dialect, DialectTranslator, Edited},
    error::{ErrorReport, RequestError},
    settings::FilterRules,
    translation::Losses,
    upstream::sse_decoder::SseEvent,
};

/// What the Anthropic SDKs speak at `/v1/messages`.
#[derive(Debug)]
pub struct Messages;

impl Dialect for Messages {
    fn format(&self) -> WireFormat {
        WireFormat::Messages
    }

    fn parse_completion(&self, body: Bytes) -> Result<CompletionRequest, RequestError> {
        request::of_message(body)
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

    /// None: the SDKs take every event that has a name for one of the message's, and Python's fails on
    /// one that comes before `message_start`.
    fn customs(&self) -> Customs {
        Customs {
            metadata_event: false,
            ..Customs::OF_SDKS
        }
    }

    fn without_parts(&self, text: &str, rules: &FilterRules) -> Edited {
        parts::without(text, rules)
    }

    fn translator(&self) -> Option<&'static dyn DialectTranslator> {
        Some(&Self)
    }
}

impl DialectTranslator for Messages {
    fn read_request<'a>(
        &self,
        body: &'a str,
        losses: &mut Losses,
    ) -> Result<Conversation<'a>, RequestError> {
        conversation::read(body, losses)
    }

    fn answer_writer(
        &self,
        _: &CompletionRequest,
        about: AnswerContext<'_>,
    ) -> Box<dyn AnswerWriter> {
        Box::new(MessageWriter::new(about))
    }
}
