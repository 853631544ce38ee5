//! A part of what was said as a block.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::value::RawValue;

use super::body::{Block, Content, Source};
use crate::{
    completion::{self, Part, PartKind, TURNS},
    error::RequestError,
    raw_json::RawObject,
    translation::Losses,
};

/// A block; none for what is empty, which Anthropic refuses, and for what it could not take back.
pub(super) fn block<'a>(
    part: &'a Part<'_>,
    losses: &mut Losses,
) -> Result<Option<Block<'a>>, RequestError> {
    let cache_control = part.cache_control;
    let block = match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => {
            (!text.trim().is_empty()).then_some(Block::Text {
                text: Cow::Borrowed(text),
                cache_control,
            })
        }
        PartKind::Image { source, detail } => {
            if detail.as_deref().is_some_and(|detail| detail != "auto") {
                losses.add("image.detail");
            }
            Some(Block::Image {
                source: self::source(source),
                cache_control,
            })
        }
        PartKind::File { source, name } => Some(Block::Document {
            source: self::source(source),
            title: name.as_deref().filter(|name| !name.is_empty()),
            cache_control,
        }),
        PartKind::Thinking { text, signature } => {
            let signature = signature.as_deref().filter(|proof| !proof.is_empty());
            if signature.is_none() {
                losses.add("thinking");
            }
            signature.map(|signature| Block::Thinking {
                thinking: text,
                signature,
            })
        }
        PartKind::RedactedThinking(data) => Some(Block::RedactedThinking { data }),
        PartKind::ToolCall {
            id,
            name,
            arguments,
        } => Some(Block::ToolUse {
            id: call_id(id),
            name,
            input: input(id, arguments)?,
            cache_control,
        }),
        PartKind::ToolResult {
            call_id,
            content,
            is_error,
        } => {
            let mut blocks = Vec::with_capacity(content.len());
            for part in content {
                blocks.extend(self::block(part, losses)?);
            }
            Some(Block::ToolResult {
                tool_use_id: self::call_id(call_id),
                content: Content::of(blocks),
                is_error: *is_error,
                cache_control,
            })
        }
    };
    let has_no_place = matches!(
        block,
        None | Some(Block::Thinking { .. } | Block::RedactedThinking { .. })
    );
    if has_no_place && cache_control.is_some() {
        losses.add("cache_control");
    }
    Ok(block)
}

/// Anthropic takes documents in base64 if they are PDFs, and others as plain text.
fn source<'a>(source: &'a completion::Source<'_>) -> Source<'a> {
    match source {
        completion::Source::Url(url) => Source::Url { url },
        completion::Source::Base64 { media_type, data } => {
            let is_text = media_type.starts_with("text/");
            let bytes = is_text.then(|| STANDARD.decode(data.as_bytes()).ok());
            match bytes.flatten().map(String::from_utf8) {
                Some(Ok(text)) => plain(Cow::Owned(text)),
                _ => Source::Base64 { media_type, data },
            }
        }
        completion::Source::Text(text) => plain(Cow::Borrowed(text)),
    }
}

fn plain(data: Cow<'_, str>) -> Source<'_> {
    Source::Text {
        media_type: "text/plain",
        data,
    }
}

/// The arguments of a call, which the client has as text and Anthropic as an object.
fn input<'a>(id: &str, arguments: &'a str) -> Result<&'a RawValue, RequestError> {
    let arguments = match arguments.trim() {
        "" => "{}",
        arguments => arguments,
    };
    let is_object = RawObject::parse(arguments).is_ok();
    let input = is_object.then(|| serde_json::from_str(arguments).ok());
    input.flatten().ok_or_else(|| {
        let shown: String = id
            .chars()
            .filter(|char| !char.is_control())
            .take(64)
            .collect();
        RequestError::field(
            TURNS,
            format!("without the call `{shown}`, whose arguments are no JSON object"),
        )
    })
}

/// Anthropic takes ids of letters, digits, `_` and `-` alone; those of other providers may hold more.
/// Calls and results are changed alike, so that they still belong together.
fn call_id(id: &str) -> Cow<'_, str> {
    let is_taken = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
    if id.chars().all(is_taken) {
        Cow::Borrowed(id)
    } else {
        let replace = |char| if is_taken(char) { char } else { '_' };
        Cow::Owned(id.chars().map(replace).collect())
    }
}
