//! `/v1/completions`, the older API of a prompt and not of messages.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    chat::{parse_request, without},
    error,
};
use crate::{
    completion::{CompletionRequest, WireFormat},
    dialects::{Customs, Dialect, DialectTranslator, Edited, members::members},
    error::{ErrorReport, RequestError},
    settings::FilterRules,
    upstream::sse_decoder::SseEvent,
};

/// Most prompts that one request may hold, as in the OpenAI API reference (read November 2026):
/// Herald watches each of their choices finish.
const MAX_PROMPTS: usize = 2048;

/// What the OpenAI SDKs speak at `/v1/completions`.
#[derive(Debug)]
pub struct Completions;

impl Dialect for Completions {
    fn format(&self) -> WireFormat {
        WireFormat::Completions
    }

    fn parse_completion(&self, body: Bytes) -> Result<CompletionRequest, RequestError> {
        let prompts = prompts(&body)?;
        let mut request = parse_request(body)?;
        // Each prompt has its own choices, numbered one after the other.
        request.choices = request.choices.saturating_mul(prompts);
        Ok(request)
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
        Customs::OF_SDKS
    }

    fn without_parts(&self, text: &str, rules: &FilterRules) -> Edited {
        without(text, rules)
    }

    fn translator(&self) -> Option<&'static dyn DialectTranslator> {
        None
    }
}

/// How many prompts there are: a string and a list of tokens are one, a list of either is several.
fn prompts(body: &Bytes) -> Result<u32, RequestError> {
    let Some(prompt) = members(body)?.get("prompt") else {
        return Ok(1);
    };
    let list: Vec<&RawValue> = serde_json::from_str(prompt.get()).unwrap_or_default();
    let is_several = list
        .first()
        .is_some_and(|first| first.get().starts_with(['"', '[']));
    if !is_several {
        return Ok(1);
    }
    match u32::try_from(list.len()) {
        Ok(count) if list.len() <= MAX_PROMPTS => Ok(count),
        _ => Err(RequestError::field("prompt", "2048 prompts at most")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(body: &str) -> u32 {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Completions.parse_completion(body).unwrap().choices
    }

    #[test]
    fn every_prompt_has_its_own_choices() {
        for (prompt, count) in [
            (r#""a""#, 2),
            ("[1,2,3]", 2),
            (r#"["a","b","c"]"#, 6),
            ("[[1,2],[3]]", 4),
            ("[]", 2),
            ("null", 2),
        ] {
            let body = format!(r#"{{"model":"m","n":2,"prompt":{prompt}}}"#);
            assert_eq!(choices(&body), count, "{prompt}");
        }
        assert_eq!(choices(r#"{"model":"m"}"#), 1);
    }

    #[test]
    fn more_prompts_than_can_be_watched_are_refused() {
        let prompts = vec!["\"a\""; MAX_PROMPTS + 1].join(",");
        let body = Bytes::from(format!(r#"{{"model":"m","prompt":[{prompts}]}}"#));
        let error = Completions.parse_completion(body).unwrap_err();
        assert_eq!(error.param(), Some("prompt"));
    }
}
