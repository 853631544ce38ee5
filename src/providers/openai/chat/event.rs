//! What the events of a chat completion stream mean.

mod glance;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{usage, wire::carries};
use crate::providers::error_body;
use crate::{
    completion::{CompletionEvent, EventKind, TokenUsage},
    providers::{BadEvent, EventReader},
    raw_json::RawObject,
    upstream::sse_decoder::SseEvent,
};

/// The end marker, the whole data of the last event (OpenAI API reference, "Streaming", read
/// November 2026).
const END_MARKER: &str = "[DONE]";

/// Reads chat completion chunks and watches each choice finish.
#[derive(Debug)]
pub(in crate::providers::openai) struct ChatReader {
    finished: Vec<bool>,
    has_content: bool,
    ended: bool,
}

impl ChatReader {
    /// `choices` is how many alternatives the request asked for.
    pub(in crate::providers::openai) fn new(choices: u32) -> Self {
        Self {
            finished: vec![false; choices as usize],
            has_content: false,
            ended: false,
        }
    }

    fn meaning(&mut self, raw: &SseEvent) -> Result<(EventKind, Option<TokenUsage>), BadEvent> {
        let data = raw.data.trim();
        if self.has_content && raw.event.is_none() && glance::carries_on(data) {
            return Ok((EventKind::Content, None));
        }
        if data == END_MARKER {
            self.ended = true;
            return Ok((EventKind::End, None));
        }
        if raw.event.as_deref() == Some("error") {
            return Ok((
                EventKind::Error(Box::new(error_body::from_body(data.as_bytes()))),
                None,
            ));
        }
        let chunk: Chunk<'_> = match serde_json::from_str(data) {
            Ok(chunk) => chunk,
            // An event with a name of its own is an extension and may hold anything; an object of
            // another shape is passed on, for a client that knows it.
            Err(_) if raw.event.is_some() || RawObject::parse(data).is_ok() => {
                return Ok((EventKind::Preamble, None));
            }
            Err(_) => return Err(BadEvent),
        };
        let error = chunk.error.and_then(error_body::told);
        if error.is_some() || (chunk.choices.is_none() && chunk.is_error()) {
            let error = error.unwrap_or_else(|| error_body::from_body(data.as_bytes()));
            return Ok((EventKind::Error(Box::new(error)), None));
        }
        let usage = usage::told(chunk.usage, chunk.x_groq);
        let choices = chunk.choices.unwrap_or_default();
        for choice in choices
            .iter()
            .filter(|choice| carries(choice.finish_reason))
        {
            let index = choice.index as usize;
            if let Some(finished) = self.finished.get_mut(index) {
                *finished = true;
            }
        }
        let kind = if choices.iter().any(Choice::has_content) {
            self.has_content = true;
            EventKind::Content
        } else if choices.is_empty() && usage.is_some() {
            EventKind::Usage
        } else {
            EventKind::Preamble
        };
        Ok((kind, usage))
    }
}

impl EventReader for ChatReader {
    fn read(&mut self, raw: SseEvent) -> Result<CompletionEvent, BadEvent> {
        let (kind, usage) = self.meaning(&raw)?;
        Ok(CompletionEvent { raw, kind, usage })
    }

    fn is_complete(&self) -> bool {
        self.ended || self.finished.iter().all(|finished| *finished)
    }
}

/// The fields of a chunk that Herald acts on (OpenAI API reference, "Chat completion chunk object",
/// read November 2026; `text` is that of the older completions).
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    x_groq: Option<&'a RawValue>,
}

impl Chunk<'_> {
    /// Whether what holds no choices is an error in another shape: vLLM's, without a wrapping, or one
    /// that says nothing.
    fn is_error(&self) -> bool {
        self.error.is_some_and(|error| error.get() != "null")
            || self
                .object
                .is_some_and(|object| object.get() == "\"error\"")
    }
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
}

impl Choice<'_> {
    fn has_content(&self) -> bool {
        carries(self.finish_reason)
            || carries(self.text)
            || self.delta.as_ref().is_some_and(Delta::has_content)
    }
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_details: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
}

impl Delta<'_> {
    fn has_content(&self) -> bool {
        [
            self.content,
            self.tool_calls,
            self.reasoning_content,
            self.reasoning,
            self.reasoning_details,
            self.refusal,
            self.function_call,
            self.audio,
        ]
        .into_iter()
        .any(carries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str) -> SseEvent {
        SseEvent {
            event: None,
            id: None,
            data: data.into(),
        }
    }

    fn kind(data: &str) -> EventKind {
        ChatReader::new(1).read(event(data)).unwrap().kind
    }

    #[test]
    fn what_a_reader_would_not_see_is_preamble() {
        for data in [
            r#"{"choices":[]}"#,
            r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#,
            r#"{"choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[]}}]}"#,
            r#"{"choices":[{"index":0,"delta":null}],"usage":null,"error":null}"#,
            r#"{"object":"unknown.kind"}"#,
            r#"{"choices":"of another shape"}"#,
        ] {
            assert_eq!(kind(data), EventKind::Preamble, "{data}");
        }
    }

    #[test]
    fn every_sort_of_content_counts() {
        for data in [
            r#"{"choices":[{"index":0,"delta":{"content":"H"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"H"}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"","reasoning":"hm"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"refusal":"no"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c"}]}}]}"#,
            r#"{"choices":[{"index":0,"text":"H"}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#,
        ] {
            assert_eq!(kind(data), EventKind::Content, "{data}");
        }
    }

    #[test]
    fn usage_alone_is_told_apart_and_read() {
        let data =
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}"#;
        let event = ChatReader::new(1).read(event(data)).unwrap();
        assert_eq!(event.kind, EventKind::Usage);
        assert_eq!(
            event.usage,
            Some(TokenUsage {
                prompt_tokens: 3,
                completion_tokens: 5,
                ..TokenUsage::default()
            })
        );
    }

    #[test]
    fn a_truthy_error_is_an_error_even_beside_choices() {
        let EventKind::Error(error) = kind(
            r#"{"error":{"code":400,"message":"limit"},"choices":[{"delta":{"content":"x"}}]}"#,
        ) else {
            panic!("an error");
        };
        assert_eq!((error.status, error.message.as_str()), (Some(400), "limit"));
        for harmless in ["{}", "null", "\"\"", "false", "0", "[]"] {
            assert_eq!(
                kind(&format!(r#"{{"error":{harmless},"choices":[]}}"#)),
                EventKind::Preamble
            );
        }
    }

    #[test]
    fn an_event_named_error_is_an_error_whatever_it_holds() {
        for data in [r#"{"error":{"message":"m"}}"#, r#"{"message":"m"}"#, "m"] {
            let raw = SseEvent {
                event: Some("error".into()),
                id: None,
                data: data.into(),
            };
            let kind = ChatReader::new(1).read(raw).unwrap().kind;
            assert!(
                matches!(kind, EventKind::Error(error) if error.message == "m"),
                "{data}"
            );
        }
    }

    #[test]
    fn the_end_marker_completes_and_so_does_every_choice_finished() {
        let mut reader = ChatReader::new(2);
        let finish = |index| {
            format!(r#"{{"choices":[{{"index":{index},"delta":{{}},"finish_reason":"stop"}}]}}"#)
        };
        reader.read(event(&finish(1))).unwrap();
        assert!(!reader.is_complete());
        reader.read(event(&finish(0))).unwrap();
        assert!(reader.is_complete());

        let mut reader = ChatReader::new(2);
        assert_eq!(reader.read(event(" [DONE] ")).unwrap().kind, EventKind::End);
        assert!(reader.is_complete());
    }

    #[test]
    fn an_error_event_and_then_the_end_of_bytes_is_no_whole_answer() {
        let mut reader = ChatReader::new(1);
        reader
            .read(event(r#"{"choices":[{"delta":{"content":"H"}}]}"#))
            .unwrap();
        let raw = SseEvent {
            event: Some("error".into()),
            id: None,
            data: r#"{"error":{"message":"over capacity","type":"internal_server_error"}}"#.into(),
        };
        let kind = reader.read(raw).unwrap().kind;
        assert!(matches!(kind, EventKind::Error(error) if error.message == "over capacity"));
        assert!(!reader.is_complete());
    }

    #[test]
    fn line_separators_and_spaces_around_the_json_change_nothing() {
        let chunk = "{\"choices\":[{\"delta\":{\"content\":\"a\u{2028}b\u{2029}\"}}]}";
        let spaced = format!("  {chunk} \t ");
        let mut reader = ChatReader::new(1);
        // The second is passed on at a glance, the first is read.
        for _ in 0..2 {
            for data in [chunk, &spaced] {
                assert_eq!(reader.read(event(data)).unwrap().kind, EventKind::Content);
            }
        }
    }

    #[test]
    fn a_chunk_that_comes_twice_is_read_twice() {
        let finish = r#"{"choices":[{"delta":{"content":""},"finish_reason":"stop"}]}"#;
        let mut reader = ChatReader::new(1);
        for _ in 0..2 {
            assert_eq!(reader.read(event(finish)).unwrap().kind, EventKind::Content);
            assert!(reader.is_complete());
        }
    }

    #[test]
    fn usage_is_read_beside_content_and_where_groq_has_it() {
        let told = |data: &str| {
            let mut reader = ChatReader::new(1);
            let content = r#"{"choices":[{"delta":{"content":"H"}}]}"#;
            reader.read(event(content)).unwrap();
            let read = reader.read(event(data)).unwrap();
            (read.kind, read.usage.map(|usage| usage.completion_tokens))
        };
        for data in [
            r#"{"choices":[{"delta":{"content":"H"}}],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"completion_tokens":5}}}"#,
        ] {
            assert_eq!(told(data), (EventKind::Content, Some(5)), "{data}");
        }
        let alone = r#"{"choices":[],"x_groq":{"usage":{"completion_tokens":5}}}"#;
        assert_eq!(told(alone), (EventKind::Usage, Some(5)));
    }

    #[test]
    fn garbage_is_refused_unless_the_event_has_a_name_of_its_own() {
        assert_eq!(
            ChatReader::new(1).read(event("<html>")).unwrap_err(),
            BadEvent
        );
        assert_eq!(
            ChatReader::new(1)
                .read(event(r#"{"choices":"#))
                .unwrap_err(),
            BadEvent
        );
        let named = SseEvent {
            event: Some("x-trace".into()),
            id: None,
            data: "free text".into(),
        };
        assert_eq!(
            ChatReader::new(1).read(named).unwrap().kind,
            EventKind::Preamble
        );
    }
}
