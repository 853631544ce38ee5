//! What the events of a response stream mean, and whether a document is a whole response.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    completion::{CompletionEvent, EventKind, ProviderError, TokenUsage},
    providers::{BadDocument, BadEvent, EventReader, error_body},
    raw_json::RawObject,
    upstream::sse_decoder::SseEvent,
};

/// Reads the events of one response (OpenAI API reference, "Streaming events", read November 2026).
#[derive(Debug, Default)]
pub(super) struct ResponseReader {
    ended: bool,
}

impl EventReader for ResponseReader {
    fn read(&mut self, raw: SseEvent) -> Result<CompletionEvent, BadEvent> {
        let (kind, usage) = self.meaning(&raw)?;
        Ok(CompletionEvent { raw, kind, usage })
    }

    fn is_complete(&self) -> bool {
        self.ended
    }
}

impl ResponseReader {
    fn meaning(&mut self, raw: &SseEvent) -> Result<(EventKind, Option<TokenUsage>), BadEvent> {
        let event: Event<'_> = match serde_json::from_str(&raw.data) {
            Ok(event) => event,
            // An object of another shape is passed on, for a client that knows it.
            Err(_) if RawObject::parse(&raw.data).is_ok() => {
                return Ok((EventKind::Preamble, None));
            }
            Err(_) => return Err(BadEvent),
        };
        let name = event
            .kind
            .as_deref()
            .or(raw.event.as_deref())
            .unwrap_or_default();
        let response = event.response.map(|response| response.get());
        Ok(match name {
            "response.completed" | "response.incomplete" => {
                self.ended = true;
                (EventKind::End, response.and_then(usage))
            }
            "response.failed" | "response.cancelled" | "error" => {
                let told = response.unwrap_or(&raw.data);
                let error = Box::new(error_body::from_body(told.as_bytes()));
                (EventKind::Error(error), response.and_then(usage))
            }
            _ if event.error.is_some_and(|error| error.get() != "null") => {
                let error = Box::new(error_body::from_body(raw.data.as_bytes()));
                (EventKind::Error(error), None)
            }
            // What begins an item or a part of it shows a reader nothing yet, but for the name of a
            // tool.
            "response.output_item.added" if !event.item.is_some_and(is_call) => {
                (EventKind::Preamble, None)
            }
            "response.created"
            | "response.queued"
            | "response.in_progress"
            | "response.content_part.added"
            | "response.reasoning_summary_part.added" => (EventKind::Preamble, None),
            _ if name.starts_with("response.") => (EventKind::Content, None),
            _ => (EventKind::Preamble, None),
        })
    }
}

/// Checks the syntax to the end, and that it tells of no failure in the place of an answer.
pub(super) fn check_document(document: &[u8]) -> Result<RawObject<'_>, BadDocument> {
    let text = std::str::from_utf8(document).map_err(|_| BadDocument::NoDocument)?;
    let object = RawObject::parse(text).map_err(|error| BadDocument::of_syntax(&error))?;
    let error = object.get("error").and_then(error_body::told);
    match error {
        Some(error) => Err(BadDocument::Error(error)),
        None if object
            .get("status")
            .is_some_and(|it| it.get() == "\"failed\"") =>
        {
            Err(BadDocument::Error(ProviderError::default()))
        }
        None => Ok(object),
    }
}

/// The usage that a whole response tells.
pub(super) fn document_usage(document: &RawObject<'_>) -> Option<TokenUsage> {
    serde_json::from_str(document.get("usage")?.get())
        .ok()
        .map(told)
}

fn usage(response: &str) -> Option<TokenUsage> {
    #[derive(Deserialize)]
    struct Response {
        usage: Option<Usage>,
    }
    serde_json::from_str::<Response>(response)
        .ok()?
        .usage
        .map(told)
}

fn told(usage: Usage) -> TokenUsage {
    let cached = usage.input_tokens_details.and_then(|it| it.cached_tokens);
    let reasoning = usage
        .output_tokens_details
        .and_then(|it| it.reasoning_tokens);
    TokenUsage {
        prompt_tokens: usage.input_tokens,
        completion_tokens: usage.output_tokens,
        cached_tokens: cached.unwrap_or(0),
        cache_write_tokens: 0,
        reasoning_tokens: reasoning.unwrap_or(0),
    }
}

fn is_call(item: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
    }
    let item: Result<Item<'_>, _> = serde_json::from_str(item.get());
    item.is_ok_and(|item| item.kind.ends_with("_call"))
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &str) -> (EventKind, Option<TokenUsage>) {
        let event = SseEvent {
            event: None,
            id: None,
            data: data.into(),
        };
        let event = ResponseReader::default().read(event).unwrap();
        (event.kind, event.usage)
    }

    #[test]
    fn what_a_reader_would_not_see_is_preamble_and_all_else_content() {
        for (data, is_content) in [
            (
                r#"{"type":"response.created","response":{"error":null}}"#,
                false,
            ),
            (r#"{"type":"response.in_progress","response":{}}"#, false),
            (
                r#"{"type":"response.output_item.added","item":{"type":"message"}}"#,
                false,
            ),
            (r#"{"type":"response.content_part.added","part":{}}"#, false),
            (r#"{"type":"keepalive"}"#, false),
            (r#"{"object":"unknown"}"#, false),
            (
                r#"{"type":"response.output_item.added","item":{"type":"function_call"}}"#,
                true,
            ),
            (r#"{"type":"response.output_text.delta","delta":"H"}"#, true),
            (
                r#"{"type":"response.reasoning_summary_text.delta","delta":"hm"}"#,
                true,
            ),
            (r#"{"type":"response.something_new","x":1}"#, true),
        ] {
            let expected = if is_content {
                EventKind::Content
            } else {
                EventKind::Preamble
            };
            assert_eq!(read(data).0, expected, "{data}");
        }
    }

    #[test]
    fn the_end_tells_usage_with_its_details() {
        let (kind, usage) = read(
            r#"{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":14}}}"#,
        );
        assert_eq!(kind, EventKind::End);
        assert_eq!(
            usage,
            Some(TokenUsage {
                prompt_tokens: 9,
                completion_tokens: 5,
                cached_tokens: 4,
                cache_write_tokens: 0,
                reasoning_tokens: 2,
            })
        );
        let cut = r#"{"type":"response.incomplete","response":{"status":"incomplete"}}"#;
        assert_eq!(read(cut).0, EventKind::End);
    }

    #[test]
    fn a_failure_is_an_error_in_each_of_its_shapes() {
        for (data, status) in [
            (
                r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"}}}"#,
                Some(429),
            ),
            (
                r#"{"type":"error","code":"server_error","message":"no","param":null}"#,
                Some(500),
            ),
            (r#"{"error":{"message":"no","code":503}}"#, Some(503)),
        ] {
            let (kind, _) = read(data);
            let EventKind::Error(error) = kind else {
                panic!("{data}: {kind:?}");
            };
            assert_eq!(error.status, status, "{data}");
        }
    }

    #[test]
    fn a_document_that_failed_or_is_cut_short_is_no_answer() {
        let check = |text: &str| check_document(text.as_bytes()).map(drop);
        assert_eq!(
            check(r#"{"object":"response","status":"completed","error":null}"#),
            Ok(())
        );
        assert_eq!(
            check(r#"{"object":"response","stat"#),
            Err(BadDocument::CutShort)
        );
        assert_eq!(check("[]"), Err(BadDocument::NoDocument));
        let failed = r#"{"status":"failed","error":{"code":"server_error","message":"no"}}"#;
        assert!(
            matches!(check(failed), Err(BadDocument::Error(error)) if error.status == Some(500))
        );
        let silent = r#"{"status":"failed","error":null}"#;
        assert!(matches!(check(silent), Err(BadDocument::Error(_))));
    }

    #[test]
    fn only_its_own_end_makes_a_stream_whole() {
        let mut reader = ResponseReader::default();
        let event = |data: &str| SseEvent {
            event: None,
            id: None,
            data: data.into(),
        };
        let _ = reader.read(event(
            r#"{"type":"response.output_text.done","text":"all"}"#,
        ));
        assert!(!reader.is_complete());
        let _ = reader.read(event(r#"{"type":"response.completed","response":{}}"#));
        assert!(reader.is_complete());
        assert!(reader.read(event("no json")).is_err());
    }
}
