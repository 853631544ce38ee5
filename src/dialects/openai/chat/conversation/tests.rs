use std::fmt::Write;

use super::*;
use crate::completion::{Part, PartKind, Source};

mod members;
mod messages;
mod random;

/// A part as a line of a test has it.
pub(in crate::dialects::openai::chat) fn told(part: &Part<'_>) -> String {
    let source = |source: &Source<'_>| match source {
        Source::Url(url) => format!("at {url}"),
        Source::Base64 { media_type, data } => format!("{media_type} {data}"),
        Source::Text(text) => format!("text {text}"),
    };
    let mut line = match &part.kind {
        PartKind::Text(text) => format!("text {text}"),
        PartKind::Image {
            source: at,
            detail: None,
        } => format!("image {}", source(at)),
        PartKind::Image {
            source: at,
            detail: Some(detail),
        } => format!("image {} ({detail})", source(at)),
        PartKind::File { source: at, name } => format!("file {} {name:?}", source(at)),
        PartKind::Thinking { text, signature } => format!("thinking {text} {signature:?}"),
        PartKind::RedactedThinking(data) => format!("redacted {data}"),
        PartKind::Refusal(text) => format!("refusal {text}"),
        PartKind::ToolCall {
            id,
            name,
            arguments,
        } => format!("call {id} {name} {arguments}"),
        PartKind::ToolResult {
            call_id,
            content,
            is_error,
        } => {
            let content: Vec<String> = content.iter().map(told).collect();
            assert!(!is_error);
            format!("result {call_id} {content:?}")
        }
    };
    if let Some(mark) = part.cache_control {
        write!(line, " cached {mark}").unwrap();
    }
    line
}
