//! `/.api/llm/chat/completions`: OpenAI's chat completions, under Sourcegraph's names of models.

use bytes::Bytes;

use crate::{
    completion::{CompletionRequest, WireFormat},
    dialects::{Customs, Dialect, DialectTranslator, Edited, openai::ChatCompletions},
    error::{ErrorReport, RequestError},
    settings::FilterRules,
    upstream::sse_decoder::SseEvent,
};

/// What the OpenAI SDKs speak there.
#[derive(Debug)]
pub struct LlmChatCompletions;

impl Dialect for LlmChatCompletions {
    fn format(&self) -> WireFormat {
        ChatCompletions.format()
    }

    fn parse_completion(&self, body: Bytes) -> Result<CompletionRequest, RequestError> {
        ChatCompletions.parse_completion(body)
    }

    fn error_document(&self, report: &ErrorReport) -> Bytes {
        ChatCompletions.error_document(report)
    }

    fn error_events(&self, report: &ErrorReport) -> Vec<SseEvent> {
        ChatCompletions.error_events(report)
    }

    fn is_error_event(&self, event: &SseEvent) -> bool {
        ChatCompletions.is_error_event(event)
    }

    fn customs(&self) -> Customs {
        Customs {
            qualified_models: true,
            ..ChatCompletions.customs()
        }
    }

    fn without_parts(&self, text: &str, rules: &FilterRules) -> Edited {
        ChatCompletions.without_parts(text, rules)
    }

    fn translator(&self) -> Option<&'static dyn DialectTranslator> {
        ChatCompletions.translator()
    }
}
