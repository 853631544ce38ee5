//! The answer that a client would get to a provider's head, put together as the response actor does.

use std::sync::Arc;

use actix_web::http::{
    StatusCode,
    header::{HeaderName, HeaderValue},
};
use bytes::Bytes;
use herald::{
    completion::ProviderError,
    dialects::{Dialect, openai::ChatCompletions},
    error::{ErrorReport, respond::rescue_upstream},
    metadata::{Opening, Timings, UpstreamMetadata, header_policy::KeyHeaderRules},
    providers::ProviderId,
    response::head::ResponseHead,
    settings::{FilterRules, VerifiedProvider, VerifiedTarget},
    telemetry::request_record::RequestRecord,
    translation::Losses,
    upstream::{
        UpstreamError,
        attempt::{is_encoded, is_event_stream},
        http_client::UpstreamHead,
    },
};

use super::known::{Asked, Known};

/// What a client would get.
pub(super) struct ClientAnswer {
    pub(super) status: StatusCode,
    /// Of the headers those that Herald itself writes.
    pub(super) own_headers: Vec<(HeaderName, HeaderValue)>,
    /// Of an error: what the client is told, and the body that tells it.
    pub(super) error: Option<(ErrorReport, Bytes)>,
    /// All headers.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// The answer to this head, if all after it is well, for a key with these rules. `words` are the
/// provider's where it is an error.
pub(super) fn to_head(
    known: &Known,
    provider: Asked<'_>,
    key: Option<&Arc<KeyHeaderRules>>,
    head: &UpstreamHead,
    words: ProviderError,
) -> ClientAnswer {
    // No model is asked about. Neither is the provider's name, by which no two answers would agree.
    let target = Arc::new(VerifiedTarget {
        strict: false,
        model: "<model>".to_owned(),
        provider: Arc::new(VerifiedProvider {
            id: ProviderId::new("<provider>"),
            ..VerifiedProvider::clone(provider)
        }),
        upstream_model: "<model>".to_owned(),
        weight: 1,
        filter: FilterRules::default(),
        key_headers: key.cloned(),
        settings_key: String::new(),
    });
    let timings = Timings::default();
    let metadata = if !head.status.is_success() {
        let error = UpstreamError::Status {
            status: head.status.as_u16(),
            error: words,
        };
        UpstreamMetadata::failed(target, Some(head.clone()), timings, error)
    } else if is_encoded(head) {
        let error = UpstreamError::ContentEncoding;
        UpstreamMetadata::failed(target, Some(head.clone()), timings, error)
    } else if head.status == StatusCode::NO_CONTENT {
        // Nothing can come after it that would be well.
        let error = UpstreamError::Truncated;
        UpstreamMetadata::failed(target, Some(head.clone()), timings, error)
    } else if is_event_stream(head) {
        UpstreamMetadata::events(target, head.clone(), timings)
    } else {
        let lost = Losses::default();
        UpstreamMetadata::document(target, head.clone(), timings, Bytes::new(), lost)
    };
    let rescue = match &metadata.opening {
        Opening::Failed(error) => {
            let received = Some(head.status.as_u16());
            Some(rescue_upstream(error, &metadata.target, received))
        }
        Opening::Events | Opening::Document(_) => None,
    };
    let error = rescue.as_ref().map(|rescue| {
        let body = ChatCompletions.error_document(&rescue.report);
        (rescue.report.clone(), body)
    });
    let record = RequestRecord::new(String::new(), String::new(), String::new());
    let opening = &metadata.opening;
    let ResponseHead {
        status,
        headers,
        forwarded,
    } = ResponseHead::build(&known.settings, &metadata, rescue, opening, &record);
    let mut own_headers = headers.clone();
    own_headers.drain(forwarded);
    ClientAnswer {
        status,
        own_headers,
        error,
        headers,
    }
}
