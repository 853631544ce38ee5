//! `/v1/chat/completions`.

mod conversation;
mod document;
mod parts;
mod request;
#[cfg(test)]
mod round_trip;
mod wire;
mod writer;

use bytes::Bytes;

use super::error;
use crate::{
    completion::{CompletionRequest, Conversation, WireFormat},
    dialects::{AnswerContext, AnswerWriter, Customs, Dialect, DialectTranslator, Edited},
    error::{ErrorReport, RequestError},
    settings::FilterRules,
    translation::Losses,
    upstream::sse_decoder::SseEvent,
};

pub(super) use parts::without;
pub use request::parse_request;

/// What the OpenAI SDKs speak at `/v1/chat/completions`.
#[derive(Debug)]
pub struct ChatCompletions;

impl Dialect for ChatCompletions {
    fn format(&self) -> WireFormat {
        WireFormat::ChatCompletions
    }

    fn parse_completion(&self, body: Bytes) -> Result<CompletionRequest, RequestError> {
        parse_request(body)
    }

    fn error_document(&self, report: &ErrorReport) -> Bytes {
        error::document(report)
    }

    fn error_events(&self, report: &ErrorReport) -> Vec<SseEvent> {
        vec![error::event(report)]
    }

    fn is_error_event(&self, event: &SseEvent) -> bool {
        error::is_told_in(&event.data)
    }

    fn customs(&self) -> Customs {
        Customs::OF_SDKS
    }

    fn without_parts(&self, text: &str, rules: &FilterRules) -> Edited {
        parts::without(text, rules)
    }

    fn translator(&self) -> Option<&'static dyn DialectTranslator> {
        Some(&Self)
    }
}

impl DialectTranslator for ChatCompletions {
    fn read_request<'a>(
        &self,
        body: &'a str,
        losses: &mut Losses,
    ) -> Result<Conversation<'a>, RequestError> {
        conversation::read(body, losses)
    }

    fn answer_writer(
        &self,
        request: &CompletionRequest,
        about: AnswerContext<'_>,
    ) -> Box<dyn AnswerWriter> {
        Box::new(writer::ChatWriter::new(request, about))
    }
}
