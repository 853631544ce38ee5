//! The one table that turns errors into answers: the only place with status codes.

use actix_web::http::{
    StatusCode,
    header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::{
    AuthError, ErrorReport, GatewayError, HeraldError, ProviderWords, RequestError, UpstreamReport,
};
use crate::{
    completion::ProviderError,
    dialects::{Customs, sourcegraph::client_gate::ClientError},
    limits::LimitError,
    metadata::{proxy_status::ProxyError, status_table},
    settings::VerifiedTarget,
    upstream::{UpstreamError, clocks::Clock, error::ConnectError},
};

/// Tells OpenAI's and Anthropic's SDKs whether to repeat a request by themselves; both obey it.
pub const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// An error's answer, before its dialect gives the report a shape.
#[derive(Debug)]
pub struct Rescue {
    /// Our status.
    pub status: StatusCode,
    /// Headers that belong to the error itself.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What the client is told.
    pub report: ErrorReport,
}

impl Rescue {
    /// The same, as the clients of a dialect are told of it: where they sign out at a 403, no model and
    /// no page is refused with one. (No status of a provider becomes a 401 or a 403, in any dialect.)
    #[must_use]
    pub fn by(mut self, customs: Customs) -> Self {
        let is_model = self.report.param.as_deref() == Some("model");
        let is_refused = self.status == StatusCode::FORBIDDEN
            || (self.status == StatusCode::NOT_FOUND && is_model);
        if customs.signs_out && is_refused {
            self.status = StatusCode::BAD_REQUEST;
            self.report.status = self.status.as_u16();
        }
        self
    }
}

/// The answer to an error that is the caller's or Herald's own.
#[must_use]
pub fn rescue_own(error: &HeraldError) -> Rescue {
    let status = match error {
        HeraldError::Request(error) => status_of_request(error),
        HeraldError::Auth(_) => StatusCode::UNAUTHORIZED,
        HeraldError::Limit(LimitError::Exceeded(_)) => StatusCode::TOO_MANY_REQUESTS,
        HeraldError::Limit(
            LimitError::Overloaded(_) | LimitError::Late | LimitError::Unavailable,
        )
        | HeraldError::Gateway(GatewayError::Draining) => StatusCode::SERVICE_UNAVAILABLE,
        HeraldError::Gateway(GatewayError::Loop) => StatusCode::BAD_GATEWAY,
        HeraldError::Gateway(_) | HeraldError::Upstream { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut headers = Vec::new();
    let mut param = None;
    let kind = match error {
        HeraldError::Request(error) => {
            param = error.param().map(str::to_owned);
            if let RequestError::MethodNotAllowed { allowed, .. } = error {
                headers.push((ALLOW, HeaderValue::from_static(allowed)));
            }
            "invalid_request_error"
        }
        HeraldError::Auth(error) => {
            headers.push((WWW_AUTHENTICATE, challenge(*error)));
            "authentication_error"
        }
        HeraldError::Limit(error) => {
            headers.extend(limit_headers(error));
            "gateway_limit"
        }
        HeraldError::Gateway(GatewayError::Loop) => {
            headers.push((X_SHOULD_RETRY, HeaderValue::from_static("false")));
            "gateway_error"
        }
        _ => "gateway_error",
    };
    let report = ErrorReport {
        events_before: 0,
        status: status.as_u16(),
        message: error.to_string(),
        kind: Some(kind.to_owned()),
        code: Some(error.code().into()),
        param,
        upstream: None,
    };
    Rescue {
        status,
        headers,
        report,
    }
}

/// The RFC 9209 token for an error that is the caller's or Herald's own.
#[must_use]
pub fn own_proxy_error(error: &HeraldError) -> ProxyError {
    match error {
        HeraldError::Request(_) | HeraldError::Auth(_) => ProxyError::HttpRequestError,
        HeraldError::Limit(LimitError::Exceeded(_) | LimitError::Late) => {
            ProxyError::HttpRequestDenied
        }
        HeraldError::Limit(LimitError::Overloaded(_)) => ProxyError::ConnectionLimitReached,
        HeraldError::Gateway(GatewayError::Draining) => ProxyError::ProxyInternalResponse,
        HeraldError::Gateway(GatewayError::Loop) => ProxyError::ProxyLoopDetected,
        HeraldError::Limit(LimitError::Unavailable)
        | HeraldError::Gateway(_)
        | HeraldError::Upstream { .. } => ProxyError::ProxyInternalError,
    }
}

/// What a refusal by a limit of ours says beside its body: when to come again, and what the limits are.
fn limit_headers(error: &LimitError) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    if let LimitError::Exceeded(exceeded) = error {
        headers.push(retry_after(exceeded.retry_after));
        if exceeded.limit.measure.is_daily() {
            // SDKs repeat a 429 by themselves within a minute, and tomorrow is further away.
            headers.push((X_SHOULD_RETRY, HeaderValue::from_static("false")));
        }
        headers.extend(exceeded.headers());
    }
    headers
}

/// RFC 6750 section 3: a request without a key is told the scheme alone.
fn challenge(error: AuthError) -> HeaderValue {
    HeaderValue::from_static(match error {
        AuthError::Missing => "Bearer",
        AuthError::Several | AuthError::Unknown | AuthError::Expired => {
            r#"Bearer error="invalid_token""#
        }
    })
}

fn status_of_request(error: &RequestError) -> StatusCode {
    match error {
        RequestError::NotUtf8 { .. }
        | RequestError::Malformed { .. }
        | RequestError::Field { .. }
        | RequestError::Repeated { .. }
        | RequestError::NotServed { .. }
        | RequestError::WouldLose { .. }
        | RequestError::BodyBroken
        | RequestError::Header { .. } => StatusCode::BAD_REQUEST,
        RequestError::ModelMissing
        | RequestError::ModelUnknown(_)
        | RequestError::PathUnknown(_) => StatusCode::NOT_FOUND,
        RequestError::ModelNotAllowed(_) | RequestError::ForeignPage => StatusCode::FORBIDDEN,
        RequestError::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
        RequestError::Client(ClientError::NotAVersion) => StatusCode::BAD_REQUEST,
        RequestError::ApiVersionUnknown | RequestError::Client(_) => StatusCode::NOT_ACCEPTABLE,
        RequestError::BodyTimeout(_) => StatusCode::REQUEST_TIMEOUT,
        RequestError::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        RequestError::BodyEncoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
    }
}

/// The answer to an error on the provider's side.
///
/// `received` is the status of its answer, if one came. Where the provider's status goes out
/// unchanged its own words stay, because clients branch on them; elsewhere the words are Herald's
/// and the provider's stand beside.
#[must_use]
pub fn rescue_upstream(
    error: &UpstreamError,
    target: &VerifiedTarget,
    received: Option<u16>,
) -> Rescue {
    let provider = target.provider.id.as_str();
    let table = &target.provider.status_table;
    let (status, is_unchanged) = match error.named_status() {
        Some(named) => {
            let mapped = table.map(named);
            // A success has no place here: a 2xx that is told as an error is garbage.
            if mapped.status.is_success() {
                (StatusCode::BAD_GATEWAY, false)
            } else {
                (mapped.status, mapped.unchanged)
            }
        }
        None => (status_without_answer(error), false),
    };
    let words = error.provider_error();
    let own = || ErrorReport {
        events_before: 0,
        status: status.as_u16(),
        message: own_message(error, provider, words),
        kind: Some(kind_of(error).to_owned()),
        code: Some(error.code().into()),
        param: None,
        upstream: None,
    };
    let mut report = match words {
        Some(words) if is_unchanged => ErrorReport {
            events_before: 0,
            status: status.as_u16(),
            message: if words.message.is_empty() {
                own().message
            } else {
                words.message.clone()
            },
            // A provider that gave neither type nor code gave no error of the dialect's shape.
            kind: words
                .kind
                .clone()
                .or_else(|| words.code.is_none().then(|| kind_of(error).to_owned())),
            code: words.code.clone(),
            param: words.param.clone(),
            upstream: None,
        },
        _ => own(),
    };
    let account = words
        .filter(|words| !is_unchanged && **words != ProviderError::default())
        .map(|words| ProviderWords {
            message: words.message.clone(),
            kind: words.kind.clone(),
            code: words.code.clone(),
            param: words.param.clone(),
        });
    // Another Herald knows better whose error it is.
    let origin = words.and_then(|words| words.origin.as_deref());
    report.upstream = Some(match origin {
        Some(origin) => UpstreamReport {
            error: origin.error.clone().or(account),
            ..origin.clone()
        },
        None => UpstreamReport {
            provider: provider.to_owned(),
            model: target.upstream_model.clone(),
            status: received,
            code: error.code().into(),
            error: account,
        },
    });
    // The provider may repeat the key that it refused.
    let report = report.map_texts(|text| target.provider.without_key(text));
    let mut headers = Vec::new();
    let is_useless = error
        .named_status()
        .is_some_and(status_table::is_repeat_useless);
    // An operator who ends a request does not want it back at once.
    let is_unwanted = *error == UpstreamError::Cancelled;
    if (is_useless && !is_unchanged) || is_unwanted {
        headers.push((X_SHOULD_RETRY, HeaderValue::from_static("false")));
    }
    Rescue {
        status,
        headers,
        report,
    }
}

fn own_message(error: &UpstreamError, provider: &str, words: Option<&ProviderError>) -> String {
    match words {
        Some(words) if !words.message.is_empty() => {
            format!("provider `{provider}`: {error}: {}", words.message)
        }
        _ => format!("provider `{provider}`: {error}"),
    }
}

fn kind_of(error: &UpstreamError) -> &'static str {
    match error.is_own() {
        true => "gateway_error",
        false => "upstream_error",
    }
}

/// Our status where the provider named none.
fn status_without_answer(error: &UpstreamError) -> StatusCode {
    match error {
        UpstreamError::Connect(ConnectError::Timeout(_)) | UpstreamError::Clock { .. } => {
            StatusCode::GATEWAY_TIMEOUT
        }
        UpstreamError::Draining => StatusCode::SERVICE_UNAVAILABLE,
        UpstreamError::Cancelled | UpstreamError::Hedged => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_GATEWAY,
    }
}

/// The RFC 9209 token for an error, where one fits: a status that the provider itself chose is told
/// by `received-status` alone.
#[must_use]
pub fn proxy_error(error: &UpstreamError) -> Option<ProxyError> {
    Some(match error {
        UpstreamError::Connect(error) => match error {
            ConnectError::Dns => ProxyError::DnsError,
            ConnectError::Refused => ProxyError::ConnectionRefused,
            ConnectError::Unreachable | ConnectError::Proxy => ProxyError::DestinationUnavailable,
            ConnectError::TlsCertificate => ProxyError::TlsCertificateError,
            ConnectError::TlsHandshake => ProxyError::TlsProtocolError,
            ConnectError::Timeout(_) => ProxyError::ConnectionTimeout,
        },
        UpstreamError::Clock {
            clock: Clock::Connect,
            ..
        } => ProxyError::ConnectionTimeout,
        UpstreamError::Clock { .. } => ProxyError::HttpResponseTimeout,
        UpstreamError::BadHead(_)
        | UpstreamError::NotAStream(_)
        | UpstreamError::NotJson
        | UpstreamError::BadEvent => ProxyError::HttpProtocolError,
        UpstreamError::Reset => ProxyError::ConnectionTerminated,
        UpstreamError::Truncated | UpstreamError::Empty => ProxyError::HttpResponseIncomplete,
        UpstreamError::ContentEncoding => ProxyError::HttpResponseContentCoding,
        UpstreamError::EventTooLarge { .. } | UpstreamError::BodyTooLarge { .. } => {
            ProxyError::HttpResponseBodySize
        }
        UpstreamError::Draining | UpstreamError::Cancelled => ProxyError::ProxyInternalResponse,
        UpstreamError::Status { .. } | UpstreamError::ErrorEvent(_) | UpstreamError::Hedged => {
            return None;
        }
    })
}

/// Whether a `Retry-After` has one of the two forms of RFC 9110 section 10.2.3: whole seconds (of
/// ten digits at most, three centuries), or an IMF-fixdate.
#[must_use]
pub fn is_valid_retry_after(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else {
        return false;
    };
    let is_seconds =
        (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    // The parser takes the two obsolete forms as well; written anew only the current one is the same.
    let is_date = || {
        let date = httpdate::parse_http_date(text);
        date.is_ok_and(|date| httpdate::fmt_http_date(date) == text)
    };
    is_seconds || is_date()
}

/// The `Retry-After` header of `seconds`.
#[must_use]
pub fn retry_after(seconds: u64) -> (HeaderName, HeaderValue) {
    (RETRY_AFTER, HeaderValue::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_seconds_or_a_date_in_gmt_and_nothing_else() {
        for (text, is_valid) in [
            ("0", true),
            ("17", true),
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("Sunday, 06-Nov-94 08:49:37 GMT", false),
            ("Sun Nov  6 08:49:37 1994", false),
            ("Sun, 06 Nov 1994 08:49:37 UTC", false),
            ("1.5", false),
            ("-1", false),
            ("", false),
            ("99999999999", false),
        ] {
            let value = HeaderValue::from_static(text);
            assert_eq!(is_valid_retry_after(&value), is_valid, "{text:?}");
        }
    }
}
