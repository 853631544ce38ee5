//! How providers tell of an error, as a body or inside a stream: OpenAI and what is compatible, and Anthropic.

use serde_json::{Value, value::RawValue};

use crate::{completion::ProviderError, metadata::clean_text};

/// Longest message of a provider that is shown, in bytes.
const MAX_MESSAGE: usize = 2048;
/// Longest `type`, `code` or `param` that is shown, in bytes.
const MAX_WORD: usize = 128;
/// How much of a text is looked at, in bytes: an event may be megabytes long, and cleaning them would
/// hold up every stream of the worker.
const MAX_READ: usize = 4 * MAX_MESSAGE;

/// The HTTP status that an error's `type` or `code` stands for, as the references of OpenAI and
/// Anthropic and the compatible servers have them (read November 2026). Where none is known the caller decides.
const STATUS_BY_WORD: &[(&str, u16)] = &[
    ("invalid_request_error", 400),
    ("context_length_exceeded", 400),
    ("content_filter", 400),
    ("invalid_prompt", 400),
    ("authentication_error", 401),
    ("invalid_api_key", 401),
    ("insufficient_credits", 402),
    ("billing_error", 402),
    ("permission_error", 403),
    ("permission_denied", 403),
    ("not_found_error", 404),
    ("model_not_found", 404),
    ("conflict_error", 409),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("rate_limit_exceeded", 429),
    ("insufficient_quota", 429),
    ("requests", 429),
    ("tokens", 429),
    ("server_error", 500),
    ("api_error", 500),
    ("internal_server_error", 500),
    ("service_unavailable", 503),
    ("service_unavailable_error", 503),
    ("timeout", 504),
    ("timeout_error", 504),
    ("overloaded_error", 529),
    ("engine_overloaded", 529),
];

/// Reads an error body: OpenAI's shape, its common variants, or any text.
pub(super) fn from_body(body: &[u8]) -> ProviderError {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => {
            let inner = object.get("error").filter(|error| !error.is_null());
            from_value(inner.unwrap_or(&Value::Object(object.clone())))
        }
        // Some servers wrap the one error in a list.
        Ok(Value::Array(list)) if list.first().is_some_and(Value::is_object) => {
            from_body(list[0].to_string().as_bytes())
        }
        _ => ProviderError {
            message: cleaned(body, MAX_MESSAGE),
            ..ProviderError::default()
        },
    }
}

/// The error that a truthy `error` member tells; SDKs raise on just those.
pub(super) fn told(error: &RawValue) -> Option<ProviderError> {
    let value: Value = serde_json::from_str(error.get()).ok()?;
    let is_truthy = match &value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    };
    is_truthy.then(|| from_value(&value))
}

/// Reads the value of an `error` member.
fn from_value(error: &Value) -> ProviderError {
    let Value::Object(fields) = error else {
        let text = error
            .as_str()
            .map_or_else(|| error.to_string(), str::to_owned);
        return ProviderError {
            message: cleaned(text.as_bytes(), MAX_MESSAGE),
            ..ProviderError::default()
        };
    };
    let message = ["message", "detail", "error", "msg"]
        .iter()
        .find_map(|name| fields.get(*name))
        .map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })
        .unwrap_or_default();
    let word = |name: &str| fields.get(name).and_then(as_word);
    let (kind, param) = (word("type"), word("param"));
    // Anthropic's stands among the details.
    let in_details = || fields.get("details")?.get("error_code");
    let code = fields.get("code").filter(|code| !code.is_null());
    let code = code.or_else(in_details).and_then(as_code);
    let by_number = ["code", "status", "status_code"]
        .iter()
        .find_map(|name| as_status(fields.get(*name)?));
    let by_word = || {
        code.as_ref()
            .and_then(Value::as_str)
            .and_then(status_of)
            .or_else(|| kind.as_deref().and_then(status_of))
    };
    ProviderError {
        status: by_number.or_else(by_word),
        message: cleaned(message.as_bytes(), MAX_MESSAGE),
        kind,
        code,
        param,
        origin: None,
    }
}

/// A short word or a number, fit to be shown.
pub(super) fn as_word(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(cleaned(text.as_bytes(), MAX_WORD)).filter(|word| !word.is_empty())
}

/// A message of a provider, fit to be shown.
pub(super) fn message(text: &str) -> String {
    cleaned(text.as_bytes(), MAX_MESSAGE)
}

fn cleaned(text: &[u8], max_bytes: usize) -> String {
    clean_text::clean(&text[..text.len().min(MAX_READ)], max_bytes)
}

/// A code keeps its type: clients compare it.
pub(super) fn as_code(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        _ => as_word(value).map(Value::from),
    }
}

/// A number, or digits in a string, that is an HTTP error status.
fn as_status(value: &Value) -> Option<u16> {
    let number = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(digits) => digits.parse().ok()?,
        _ => return None,
    };
    u16::try_from(number)
        .ok()
        .filter(|status| (400..=599).contains(status))
}

fn status_of(word: &str) -> Option<u16> {
    STATUS_BY_WORD
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, status)| *status)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_common_shapes_are_read() {
        for (body, message, kind, code, status) in [
            (
                r#"{"error":{"message":"no such model","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#,
                "no such model",
                Some("invalid_request_error"),
                Some(json!("model_not_found")),
                Some(404),
            ),
            (
                r#"{"error":{"code":429,"message":"slow down"}}"#,
                "slow down",
                None,
                Some(json!(429)),
                Some(429),
            ),
            (
                r#"{"error":"plain words"}"#,
                "plain words",
                None,
                None,
                None,
            ),
            (
                r#"{"object":"error","message":"vllm says","type":"BadRequestError","code":400}"#,
                "vllm says",
                Some("BadRequestError"),
                Some(json!(400)),
                Some(400),
            ),
            (r#"{"detail":"Not Found"}"#, "Not Found", None, None, None),
            (
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"gone","details":{"error_code":"thread_not_found"}}}"#,
                "gone",
                Some("invalid_request_error"),
                Some(json!("thread_not_found")),
                Some(400),
            ),
            (
                r#"[{"error":{"message":"in a list","status":503}}]"#,
                "in a list",
                None,
                None,
                Some(503),
            ),
            (
                "upstream connect error",
                "upstream connect error",
                None,
                None,
                None,
            ),
            ("", "", None, None, None),
        ] {
            let error = from_body(body.as_bytes());
            assert_eq!(error.message, message, "{body}");
            assert_eq!(error.kind.as_deref(), kind, "{body}");
            assert_eq!(error.code, code, "{body}");
            assert_eq!(error.status, status, "{body}");
        }
    }

    #[test]
    fn a_type_names_the_status_where_no_number_does() {
        let error = from_body(br#"{"error":{"message":"m","type":"overloaded_error"}}"#);
        assert_eq!(error.status, Some(529));
        let error = from_body(
            br#"{"error":{"message":"m","type":"server_error","code":"rate_limit_exceeded"}}"#,
        );
        assert_eq!(error.status, Some(429));
    }

    #[test]
    fn each_type_of_anthropics_names_its_status_and_the_request_id_beside_is_left_alone() {
        for (kind, status) in [
            ("invalid_request_error", 400),
            ("authentication_error", 401),
            ("billing_error", 402),
            ("permission_error", 403),
            ("not_found_error", 404),
            ("conflict_error", 409),
            ("request_too_large", 413),
            ("rate_limit_error", 429),
            ("api_error", 500),
            ("timeout_error", 504),
            ("overloaded_error", 529),
        ] {
            let body = json!({
                "type": "error",
                "error": { "type": kind, "message": "why" },
                "request_id": "req_1",
            });
            let expected = ProviderError {
                status: Some(status),
                message: "why".to_owned(),
                kind: Some(kind.to_owned()),
                ..ProviderError::default()
            };
            assert_eq!(from_body(body.to_string().as_bytes()), expected);
        }
    }

    #[test]
    fn a_number_that_is_no_error_status_is_not_taken_for_one() {
        assert_eq!(
            from_body(br#"{"error":{"message":"m","code":200}}"#).status,
            None
        );
        assert_eq!(
            from_body(br#"{"error":{"message":"m","code":20012}}"#).status,
            None
        );
    }
}
