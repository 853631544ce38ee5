//! `/v1/responses`.

mod conversation;
mod document;
mod echo;
mod parts;
mod thought;
mod wire;
mod writer;

use bytes::Bytes;

use super::error;
use crate::{
    completion::{CompletionRequest, Conversation, FieldPlaces, WireFormat},
    dialects::{
        AnswerContext, AnswerWriter, Customs, Dialect, DialectTranslator, Edited,
        members::{member, members, model},
    },
    error::{ErrorReport, RequestError},
    settings::FilterRules,
    translation::Losses,
    upstream::sse_decoder::SseEvent,
};

/// What the OpenAI SDKs speak at `/v1/responses`.
#[derive(Debug)]
pub struct Responses;

impl Dialect for Responses {
    fn format(&self) -> WireFormat {
        WireFormat::Responses
    }

    fn parse_completion(&self, body: Bytes) -> Result<CompletionRequest, RequestError> {
        let object = members(&body)?;
        let (model, model_place) = model(&object)?;
        let stream = member::<bool>(&object, "stream", "true or false")?.unwrap_or(false);
        let most = object.get("max_output_tokens");
        let places = FieldPlaces {
            first_member: object.start(),
            model: model_place,
            stream_options: None,
        };
        Ok(CompletionRequest {
            model,
            stream,
            // The last event of its streams always tells usage.
            wants_usage: true,
            choices: 1,
            max_tokens: most.and_then(|most| serde_json::from_str(most.get()).ok()),
            places,
            body,
        })
    }

    fn error_document(&self, report: &ErrorReport) -> Bytes {
        error::document(report)
    }

    fn error_events(&self, report: &ErrorReport) -> Vec<SseEvent> {
        vec![error::named_event(report)]
    }

    fn is_error_event(&self, event: &SseEvent) -> bool {
        error::is_told_in(&event.data) || parts::is_failure(&event.data)
    }

    fn customs(&self) -> Customs {
        Customs::OF_SDKS
    }

    fn without_parts(&self, text: &str, rules: &FilterRules) -> Edited {
        parts::without(text, rules)
    }

    fn translator(&self) -> Option<&'static dyn DialectTranslator> {
        Some(&Responses)
    }
}

impl DialectTranslator for Responses {
    fn read_request<'a>(
        &self,
        body: &'a str,
        losses: &mut Losses,
    ) -> Result<Conversation<'a>, RequestError> {
        conversation::read(body, losses)
    }

    fn turns_field(&self) -> &'static str {
        "input"
    }

    fn answer_writer(
        &self,
        request: &CompletionRequest,
        about: AnswerContext<'_>,
    ) -> Box<dyn AnswerWriter> {
        Box::new(writer::Writer::new(request, about))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_that_herald_acts_on_are_read() {
        let body = Bytes::from_static(
            br#"{"input":"hi","max_output_tokens":9,"model":"m","stream":true,"store":false}"#,
        );
        let request = Responses.parse_completion(body).unwrap();
        assert_eq!((request.model.as_str(), request.stream), ("m", true));
        assert_eq!(request.max_tokens, Some(9));
        for (body, param) in [
            (r#"{"model":"m","stream":1}"#, "stream"),
            (r#"{"model":1}"#, "model"),
        ] {
            let error = Responses.parse_completion(Bytes::from(body)).unwrap_err();
            assert_eq!(error.param(), Some(param));
        }
    }
}
