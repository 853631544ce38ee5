//! The shape of an error in the OpenAI dialect (API reference, "Error codes", read November 2026).

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::parts;
use crate::{
    dialects::{Dialect, Edited},
    error::{ErrorReport, UpstreamReport},
    raw_json::RawObject,
    settings::FilterRules,
    upstream::sse_decoder::SseEvent,
};

/// The dialect of `/v1/chat/completions`.
#[derive(Debug)]
pub struct OpenAiDialect;

impl Dialect for OpenAiDialect {
    fn error_document(&self, report: &ErrorReport) -> Bytes {
        Bytes::from(text(report))
    }

    fn error_event(&self, report: &ErrorReport) -> SseEvent {
        // The SDKs raise on any data with a truthy `error`; they skip events that bear a name.
        SseEvent {
            event: None,
            id: None,
            data: text(report).into(),
        }
    }

    fn is_error_event(&self, event: &SseEvent) -> bool {
        // The SDKs look at the data, whatever the event's name; to be truthy is enough.
        let data = RawObject::parse(&event.data);
        let error = data
            .ok()
            .and_then(|data| data.get("error").map(|error| error.get()));
        error.is_some_and(|error| !matches!(error, "null" | "false" | "0" | "\"\"" | "{}" | "[]"))
    }

    fn without_parts(&self, text: &str, rules: &FilterRules) -> Edited {
        parts::without(text, rules)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: Error<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a UpstreamReport>,
}

#[derive(Serialize)]
struct Error<'a> {
    message: &'a str,
    r#type: Option<&'a str>,
    param: Option<&'a str>,
    code: Option<&'a Value>,
}

fn text(report: &ErrorReport) -> String {
    let body = Body {
        error: Error {
            message: &report.message,
            r#type: report.kind.as_deref(),
            param: report.param.as_deref(),
            code: report.code.as_ref(),
        },
        upstream: report.upstream.as_ref(),
    };
    serde_json::to_string(&body).expect("strings and numbers always serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_an_upstream_has_just_the_openai_members() {
        let report = ErrorReport {
            message: "no".into(),
            kind: Some("invalid_request_error".into()),
            code: Some("invalid_value".into()),
            param: Some("stream".into()),
            upstream: None,
        };
        assert_eq!(
            OpenAiDialect.error_document(&report),
            r#"{"error":{"message":"no","type":"invalid_request_error","param":"stream","code":"invalid_value"}}"#
        );
    }

    #[test]
    fn the_upstreams_side_stands_beside_the_error() {
        let report = ErrorReport {
            message: "late".into(),
            kind: Some("upstream_error".into()),
            code: Some("upstream_idle".into()),
            param: None,
            upstream: Some(UpstreamReport {
                provider: "p".into(),
                model: "m".into(),
                status: Some(200),
                code: "upstream_idle",
                error: None,
            }),
        };
        assert_eq!(
            &*OpenAiDialect.error_event(&report).data,
            r#"{"error":{"message":"late","type":"upstream_error","param":null,"code":"upstream_idle"},"upstream":{"provider":"p","model":"m","status":200,"code":"upstream_idle"}}"#
        );
    }
}
