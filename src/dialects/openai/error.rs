//! The shape of an error in the OpenAI dialect (API reference, "Error codes", read November 2026).

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    error::{ErrorReport, UpstreamReport},
    raw_json::RawObject,
    upstream::sse_decoder::SseEvent,
};

/// Whether the SDKs take an event's data for an error: they look for an `error` that is truthy,
/// whatever the event's name.
pub(super) fn is_told_in(data: &str) -> bool {
    let data = RawObject::parse(data);
    let error = data
        .ok()
        .and_then(|data| data.get("error").map(|error| error.get()));
    error.is_some_and(|error| !matches!(error, "null" | "false" | "0" | "\"\"" | "{}" | "[]"))
}

/// The body of an error answer, and the data of an error event.
#[derive(Serialize, ToSchema)]
#[schema(as = ErrorBody)]
pub(crate) struct Body<'a> {
    /// What went wrong.
    error: Error<'a>,
    /// The provider's side, where one was involved.
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a UpstreamReport>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ErrorDetail)]
struct Error<'a> {
    /// For people.
    message: &'a str,
    /// Class of error.
    r#type: Option<&'a str>,
    /// The request's field at fault.
    param: Option<&'a str>,
    /// For programs: a string, or a number where a provider's own stays.
    code: Option<&'a Value>,
}

/// The body of an error answer.
pub(super) fn document(report: &ErrorReport) -> Bytes {
    Bytes::from(text(&Body::of(report)))
}

/// An error event without a name: the SDKs raise on any data with a truthy `error`.
pub(super) fn event(report: &ErrorReport) -> SseEvent {
    SseEvent {
        event: None,
        id: None,
        data: text(&Body::of(report)).into(),
    }
}

/// The event `error` of a response stream (API reference, "Streaming events", read November 2026). Its
/// SDKs hand it over like any other event, but raise where there is a truthy `error` too.
pub(super) fn named_event(report: &ErrorReport) -> SseEvent {
    #[derive(Serialize)]
    struct Named<'a> {
        r#type: &'static str,
        sequence_number: u64,
        code: Option<&'a Value>,
        message: &'a str,
        param: Option<&'a str>,
        #[serde(flatten)]
        body: Body<'a>,
    }
    let named = Named {
        r#type: "error",
        // Those before it are numbered from 0.
        sequence_number: report.events_before,
        code: report.code.as_ref(),
        message: &report.message,
        param: report.param.as_deref(),
        body: Body::of(report),
    };
    SseEvent {
        event: Some("error".into()),
        id: None,
        data: text(&named).into(),
    }
}

impl<'a> Body<'a> {
    fn of(report: &'a ErrorReport) -> Self {
        Self {
            error: Error {
                message: &report.message,
                r#type: report.kind.as_deref(),
                param: report.param.as_deref(),
                code: report.code.as_ref(),
            },
            upstream: report.upstream.as_ref(),
        }
    }
}

fn text(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("strings and numbers always serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_an_upstream_has_just_the_openai_members() {
        let report = ErrorReport {
            events_before: 0,
            status: 400,
            message: "no".into(),
            kind: Some("invalid_request_error".into()),
            code: Some("invalid_value".into()),
            param: Some("stream".into()),
            upstream: None,
        };
        assert_eq!(
            event(&report).data,
            r#"{"error":{"message":"no","type":"invalid_request_error","param":"stream","code":"invalid_value"}}"#
        );
    }

    #[test]
    fn the_event_of_a_response_stream_is_one_by_its_name_and_by_its_error() {
        let report = ErrorReport {
            events_before: 0,
            status: 504,
            message: "late".into(),
            kind: Some("upstream_error".into()),
            code: Some("upstream_idle".into()),
            param: None,
            upstream: None,
        };
        let event = named_event(&report);
        assert_eq!(event.event.as_deref(), Some("error"));
        assert_eq!(
            event.data,
            r#"{"type":"error","sequence_number":0,"code":"upstream_idle","message":"late","param":null,"error":{"message":"late","type":"upstream_error","param":null,"code":"upstream_idle"}}"#
        );
    }

    #[test]
    fn the_upstreams_side_stands_beside_the_error() {
        let report = ErrorReport {
            events_before: 0,
            status: 504,
            message: "late".into(),
            kind: Some("upstream_error".into()),
            code: Some("upstream_idle".into()),
            param: None,
            upstream: Some(UpstreamReport {
                provider: "p".into(),
                model: "m".into(),
                status: Some(200),
                code: "upstream_idle".into(),
                error: None,
            }),
        };
        assert_eq!(
            event(&report).data,
            r#"{"error":{"message":"late","type":"upstream_error","param":null,"code":"upstream_idle"},"upstream":{"provider":"p","model":"m","status":200,"code":"upstream_idle"}}"#
        );
    }
}
