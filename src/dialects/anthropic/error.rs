//! The shape of an error in the Anthropic dialect (API reference, "Errors", read November 2026).

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    error::{ErrorReport, UpstreamReport},
    upstream::sse_decoder::SseEvent,
};

/// The classes of error on which clients branch, but for `invalid_request_error`, which OpenAI and
/// Herald say of more than Anthropic does (`ErrorType` of the Python SDK 2.12, and
/// `request_too_large` of the reference).
const CLASSES: &[&str] = &[
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "conflict_error",
    "rate_limit_error",
    "timeout_error",
    "api_error",
    "overloaded_error",
];

/// The class that Anthropic gives a status.
fn class_of(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        _ => "api_error",
    }
}

/// Whether the SDKs take an event for an error: they go by its name alone.
pub(super) fn is_told_by(event: &SseEvent) -> bool {
    event.event.as_deref() == Some("error")
}

/// The event that tells of an error.
pub(super) fn event(report: &ErrorReport) -> SseEvent {
    SseEvent {
        event: Some("error".into()),
        id: None,
        data: text(report).into(),
    }
}

/// The body of an error answer, and the data of an error event. Clients look at `error.type` and
/// `error.message`; the other members are Herald's.
#[derive(Serialize, ToSchema)]
#[schema(as = MessagesErrorBody)]
pub(crate) struct Body<'a> {
    /// `error`.
    r#type: &'static str,
    /// What went wrong.
    error: Error<'a>,
    /// The provider's side, where one was involved.
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a UpstreamReport>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = MessagesErrorDetail)]
struct Error<'a> {
    /// Class of error, one of Anthropic's.
    r#type: &'a str,
    /// For people.
    message: &'a str,
    /// For programs: a string, or a number where a provider's own stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a Value>,
    /// The request's field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    /// What the SDKs mend by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
}

/// What Anthropic says of an error beside its class, as far as SDKs act on it.
#[derive(Serialize, ToSchema)]
#[schema(as = MessagesErrorDetails)]
struct Details<'a> {
    /// Why, such as `thread_unsupported_request`.
    error_code: &'a str,
}

/// What the tool runners of the SDKs (`lib/threads` of the Python SDK 2.12) act on: the provider's own
/// code, or the one that makes them ask once more without the `thread` that Herald has refused.
fn details(report: &ErrorReport) -> Option<Details<'_>> {
    let error_code = match &report.upstream {
        Some(_) => report.code.as_ref().and_then(Value::as_str)?,
        None if report.param.as_deref() == Some("thread") => "thread_unsupported_request",
        None => return None,
    };
    Some(Details { error_code })
}

/// The body of an error answer, and the data of an error event.
pub(super) fn text(report: &ErrorReport) -> String {
    let told = report.kind.as_deref();
    let known = told.filter(|kind| CLASSES.contains(kind));
    let class = known.unwrap_or_else(|| class_of(report.status));
    // A class that is not Anthropic's stands as the code if there is none, so that it is not lost.
    let other = told.filter(|kind| *kind != class).map(Value::from);
    let body = Body {
        r#type: "error",
        error: Error {
            r#type: class,
            message: &report.message,
            code: report.code.as_ref().or(other.as_ref()),
            param: report.param.as_deref(),
            details: details(report),
        },
        upstream: report.upstream.as_ref(),
    };
    serde_json::to_string(&body).expect("strings and numbers always serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(status: u16, kind: Option<&str>, code: Option<&str>) -> ErrorReport {
        ErrorReport {
            events_before: 0,
            status,
            message: "no".into(),
            kind: kind.map(str::to_owned),
            code: code.map(Value::from),
            param: None,
            upstream: None,
        }
    }

    #[test]
    fn sdks_are_told_to_ask_without_a_thread_where_herald_refuses_one() {
        let of_param = |param: &str| {
            let mut report = report(400, Some("invalid_request_error"), Some("invalid_value"));
            report.param = Some(param.into());
            text(&report)
        };
        let details = r#""param":"thread","details":{"error_code":"thread_unsupported_request"}}}"#;
        assert!(of_param("thread").ends_with(details));
        assert!(!of_param("messages").contains("details"));
    }

    #[test]
    fn every_class_is_one_of_anthropics_and_other_words_stay_as_codes() {
        for (status, kind, code, expected) in [
            (
                400,
                Some("invalid_request_error"),
                Some("invalid_value"),
                r#""type":"invalid_request_error","message":"no","code":"invalid_value""#,
            ),
            (
                401,
                Some("authentication_error"),
                Some("invalid_api_key"),
                r#""type":"authentication_error","message":"no","code":"invalid_api_key""#,
            ),
            (
                403,
                Some("invalid_request_error"),
                Some("model_not_allowed"),
                r#""type":"permission_error","message":"no","code":"model_not_allowed""#,
            ),
            (
                404,
                Some("invalid_request_error"),
                Some("model_not_found"),
                r#""type":"not_found_error","message":"no","code":"model_not_found""#,
            ),
            (
                413,
                Some("invalid_request_error"),
                Some("request_too_large"),
                r#""type":"request_too_large","message":"no","code":"request_too_large""#,
            ),
            (
                429,
                Some("gateway_limit"),
                Some("gateway_rate_limited"),
                r#""type":"rate_limit_error","message":"no","code":"gateway_rate_limited""#,
            ),
            (
                502,
                Some("upstream_error"),
                Some("upstream_reset"),
                r#""type":"api_error","message":"no","code":"upstream_reset""#,
            ),
            (
                503,
                Some("gateway_error"),
                Some("gateway_draining"),
                r#""type":"overloaded_error","message":"no","code":"gateway_draining""#,
            ),
            (
                504,
                Some("upstream_error"),
                Some("upstream_idle"),
                r#""type":"timeout_error","message":"no","code":"upstream_idle""#,
            ),
            // A provider's own, whose status passes unchanged.
            (
                429,
                Some("rate_limit_error"),
                None,
                r#""type":"rate_limit_error","message":"no""#,
            ),
            (
                400,
                Some("billing_error"),
                None,
                r#""type":"billing_error","message":"no""#,
            ),
            (
                429,
                Some("requests"),
                None,
                r#""type":"rate_limit_error","message":"no","code":"requests""#,
            ),
            (
                422,
                None,
                None,
                r#""type":"invalid_request_error","message":"no""#,
            ),
        ] {
            assert_eq!(
                text(&report(status, kind, code)),
                format!(r#"{{"type":"error","error":{{{expected}}}}}"#)
            );
        }
    }

    #[test]
    fn the_upstreams_side_and_the_field_at_fault_stay() {
        let report = ErrorReport {
            events_before: 0,
            param: Some("max_tokens".into()),
            upstream: Some(UpstreamReport {
                provider: "p".into(),
                model: "m".into(),
                status: Some(400),
                code: "upstream_rejected".into(),
                error: None,
            }),
            ..report(400, Some("invalid_request_error"), None)
        };
        assert_eq!(
            text(&report),
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"no","param":"max_tokens"},"upstream":{"provider":"p","model":"m","status":400,"code":"upstream_rejected"}}"#
        );
    }

    #[test]
    fn an_error_event_has_the_name_by_which_the_sdks_know_it() {
        let told = event(&report(502, None, None));
        assert_eq!(told.event.as_deref(), Some("error"));
        assert!(is_told_by(&told));
        for name in [None, Some("message_stop")] {
            let event = SseEvent {
                event: name.map(Into::into),
                ..told.clone()
            };
            assert!(!is_told_by(&event));
        }
    }
}
