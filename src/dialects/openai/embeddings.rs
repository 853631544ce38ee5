//! `/v1/embeddings`: one document, never a stream.

use bytes::Bytes;

use super::error;
use crate::{
    completion::{CompletionRequest, FieldPlaces, WireFormat},
    dialects::{
        Customs, Dialect, DialectTranslator, Edited,
        members::{members, model},
    },
    error::{ErrorReport, RequestError},
    settings::FilterRules,
    upstream::sse_decoder::SseEvent,
};

/// What the OpenAI SDKs speak at `/v1/embeddings`.
#[derive(Debug)]
pub struct Embeddings;

impl Dialect for Embeddings {
    fn format(&self) -> WireFormat {
        WireFormat::Embeddings
    }

    fn parse_completion(&self, body: Bytes) -> Result<CompletionRequest, RequestError> {
        let object = members(&body)?;
        let (model, model_place) = model(&object)?;
        let places = FieldPlaces {
            first_member: object.start(),
            model: model_place,
            stream_options: None,
        };
        Ok(CompletionRequest {
            model,
            stream: false,
            wants_usage: true,
            choices: 1,
            // An embedding has no tokens of an answer.
            max_tokens: Some(0),
            places,
            body,
        })
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
        Customs {
            metadata_event: false,
            ..Customs::OF_SDKS
        }
    }

    /// Nothing is cut: embeddings hold neither reasoning nor log probabilities, and SDKs require their
    /// usage.
    fn without_parts(&self, _: &str, _: &FilterRules) -> Edited {
        Edited::Same
    }

    fn translator(&self) -> Option<&'static dyn DialectTranslator> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_model_is_read_and_nothing_streams() {
        let body = Bytes::from_static(br#"{"input":"a","model":"m","stream":true}"#);
        let request = Embeddings.parse_completion(body).unwrap();
        assert_eq!((request.model.as_str(), request.stream), ("m", false));
        assert_eq!(&request.body[request.places.model.clone()], b"\"m\"");
        let error = Embeddings.parse_completion(Bytes::from_static(b"{}"));
        assert_eq!(error.unwrap_err(), RequestError::ModelMissing);
    }
}
