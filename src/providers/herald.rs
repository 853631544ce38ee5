//! Another Herald, which is asked as a client of the same format would ask it.

use actix_web::http::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::{Api, CredentialStyle, Provider, anthropic::Anthropic, error_body, openai::OpenAi};
use crate::{
    completion::{ProviderError, WireFormat},
    error::{ProviderWords, UpstreamReport},
    settings::VerifiedTarget,
};

/// A provider that is a Herald: it has each of our formats, at the path where clients ask for it.
#[derive(Debug)]
pub struct Herald;

impl Provider for Herald {
    fn api(&self, asked: WireFormat, target: &VerifiedTarget) -> Option<&'static dyn Api> {
        // Anthropic has an API for formats that it is not asked in, into which they would be translated.
        let own = Anthropic.api(asked, target);
        let own = own.filter(|api| api.format() == asked);
        own.or_else(|| OpenAi.api(asked, target))
    }

    fn credentials(&self) -> CredentialStyle {
        CredentialStyle::Bearer
    }

    fn default_headers(&self) -> &'static [(HeaderName, HeaderValue)] {
        &[]
    }

    fn takes_timeout(&self) -> bool {
        true
    }

    fn read_error(&self, body: &[u8]) -> ProviderError {
        let error = error_body::from_body(body);
        match std::str::from_utf8(body) {
            Ok(body) => self.complete_error(error, body),
            Err(_) => error,
        }
    }

    /// Reads the member `upstream`, which says whose error it is; the status that belongs to Herald's code
    /// in it counts for more than that of a word that Herald shares with others.
    fn complete_error(&self, error: ProviderError, data: &str) -> ProviderError {
        let Ok(Value::Object(body)) = serde_json::from_str(data) else {
            return error;
        };
        let origin = body.get("upstream").and_then(Value::as_object);
        let origin = origin.and_then(origin_of);
        let own = error.code.as_ref().and_then(Value::as_str);
        let told = origin.as_ref().map(|origin| &*origin.code).or(own);
        ProviderError {
            status: told.and_then(status_of).or(error.status),
            origin: origin.map(Box::new),
            ..error
        }
    }
}

fn origin_of(upstream: &Map<String, Value>) -> Option<UpstreamReport> {
    let word =
        |value: &Map<String, Value>, name: &str| value.get(name).and_then(error_body::as_word);
    let status = upstream.get("status").and_then(Value::as_u64);
    let status = status.and_then(|status| u16::try_from(status).ok());
    let error = upstream.get("error").and_then(Value::as_object);
    Some(UpstreamReport {
        provider: word(upstream, "provider")?,
        model: word(upstream, "model")?,
        status: status.filter(|status| (100..=599).contains(status)),
        code: word(upstream, "code")?.into(),
        error: error.map(|error| {
            let message = error
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or_default();
            ProviderWords {
                message: error_body::message(message),
                kind: word(error, "type"),
                code: error.get("code").and_then(error_body::as_code),
                param: word(error, "param"),
            }
        }),
    })
}

/// The status under which a Herald tells this code of its own, where its table has not changed it. Of what
/// a provider said in an event the words know it better.
fn status_of(code: &str) -> Option<u16> {
    Some(match code {
        "upstream_rate_limited" => 429,
        "gateway_cancelled" => 500,
        "gateway_draining" | "upstream_overloaded" => 503,
        "upstream_connect"
        | "upstream_head"
        | "upstream_first_event"
        | "upstream_idle"
        | "upstream_total"
        | "upstream_timeout" => 504,
        "upstream_error_event" | "upstream_rejected" => return None,
        code if code.starts_with("upstream_") => 502,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whose_error_it_is_is_read_of_the_body() {
        let body = json!({
            "error": {"message": "provider `up`: no", "type": "upstream_error", "param": null, "code": "upstream_auth"},
            "upstream": {"provider": "up", "model": "m", "status": 401, "code": "upstream_auth",
                "error": {"message": "bad\nkey", "type": "t", "code": 7, "param": null}},
        });
        let error = Herald.read_error(body.to_string().as_bytes());
        assert_eq!(error.message, "provider `up`: no");
        assert_eq!(error.status, Some(502));
        let origin = error.origin.unwrap();
        assert_eq!((&*origin.provider, &*origin.model), ("up", "m"));
        assert_eq!((origin.status, &*origin.code), (Some(401), "upstream_auth"));
        let words = origin.error.unwrap();
        assert_eq!((&*words.message, words.code), ("bad key", Some(json!(7))));
    }

    #[test]
    fn an_upstream_that_no_herald_wrote_is_left_alone() {
        for upstream in [
            json!(null),
            json!("up"),
            json!({"provider": "up"}),
            json!({"provider": ["up"], "model": "m", "code": "c"}),
        ] {
            let body = json!({"error": {"message": "m", "type": "t"}, "upstream": upstream});
            let error = Herald.read_error(body.to_string().as_bytes());
            assert_eq!((&*error.message, error.origin), ("m", None));
        }
        let error = Herald.read_error(b"<html><title>502 Bad Gateway</title></html>");
        assert_eq!(error.message, "an HTML page: 502 Bad Gateway");
    }

    #[test]
    fn an_events_code_names_the_status_and_a_providers_own_word_where_it_is_the_providers() {
        for (kind, code, upstream, status) in [
            (
                "timeout_error",
                "upstream_idle",
                Some("upstream_idle"),
                Some(504),
            ),
            (
                "api_error",
                "upstream_truncated",
                Some("upstream_truncated"),
                Some(502),
            ),
            ("gateway_error", "gateway_draining", None, Some(503)),
            (
                "overloaded_error",
                "x",
                Some("upstream_error_event"),
                Some(529),
            ),
            ("some", "thing", None, None),
        ] {
            let mut body = json!({"error": {"message": "m", "type": kind, "code": code}});
            if let Some(code) = upstream {
                body["upstream"] =
                    json!({"provider": "p", "model": "m", "status": 200, "code": code});
            }
            let error = Herald.read_error(body.to_string().as_bytes());
            assert_eq!(error.status, status, "{body}");
        }
    }
}
