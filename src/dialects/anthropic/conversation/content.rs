//! What was said: a string, or blocks of many kinds.

use serde_json::value::RawValue;

use super::source;
use crate::{
    completion::{Part, PartKind},
    dialects::fields::{Fields, Path, Text, is_object},
    error::RequestError,
    translation::Losses,
};

/// Whose content it is: each may hold other kinds of blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    System,
    User,
    Assistant,
    /// Inside a `tool_result`.
    Tool,
    /// Inside a `document`.
    Document,
}

impl Speaker {
    /// The kinds of blocks, as an error names them.
    fn wanted(self) -> &'static str {
        match self {
            Self::System => "`text`",
            Self::User => "`text`, `image`, `document`, `search_result` or `tool_result`",
            Self::Assistant => "`text`, `thinking`, `redacted_thinking` or `tool_use`",
            Self::Tool => "`text`, `image`, `document` or `search_result`",
            Self::Document => "`text` or `image`",
        }
    }
}

/// What content is.
pub(super) const WANTED: &str = "a string or a list of content blocks";

/// Reads content; an empty string says nothing.
///
/// # Errors
/// It is none, or a block of it is at fault.
pub(super) fn read<'a>(
    value: &'a RawValue,
    path: &Path<'_>,
    speaker: Speaker,
    losses: &mut Losses,
) -> Result<Vec<Part<'a>>, RequestError> {
    if let Ok(Text(text)) = serde_json::from_str(value.get()) {
        let part = (!text.is_empty()).then(|| PartKind::Text(text).into());
        return Ok(part.into_iter().collect());
    }
    let blocks = path.list(value, WANTED)?;
    let mut parts = Vec::with_capacity(blocks.len());
    for (place, block) in blocks.into_iter().enumerate() {
        let block = Fields::read(block, path.place(place))?;
        read_block(block, path, speaker, losses, &mut parts)?;
    }
    Ok(parts)
}

fn read_block<'a>(
    mut block: Fields<'a, '_>,
    content: &Path<'_>,
    speaker: Speaker,
    losses: &mut Losses,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), RequestError> {
    use Speaker::{Assistant, Document, System, Tool, User};

    let kind = block.text("type")?.unwrap_or_default();
    let cache_control = block.take("cache_control")?;
    let before = parts.len();
    match (kind.as_ref(), speaker) {
        ("text", _) => parts.push(PartKind::Text(block.needed_text("text")?).into()),
        ("image", User | Tool | Document) => parts.push(source::image(&mut block, losses)?.into()),
        ("document", User | Tool) => source::document(&mut block, losses, parts)?,
        ("search_result", User | Tool) => {
            parts.push(source::search_result(&mut block, losses)?.into());
        }
        ("thinking", Assistant) => parts.push(thinking(&mut block)?.into()),
        ("redacted_thinking", Assistant) => {
            parts.push(PartKind::RedactedThinking(block.needed_text("data")?).into());
        }
        ("tool_use", Assistant) => parts.push(tool_use(&mut block, losses)?.into()),
        ("tool_result", User) => parts.push(tool_result(&mut block, losses)?.into()),
        // What Anthropic's own servers did in an earlier answer; what came of it stands in its text.
        (kind, Assistant) if is_of_a_server(kind) => {
            content.member(kind).lose(losses);
            return Ok(());
        }
        (_, System | User | Assistant | Tool | Document) => {
            return Err(block.at("type").wanted(speaker.wanted()));
        }
    }
    if let Some(part) = parts[before..].last_mut() {
        part.cache_control = cache_control.or(part.cache_control);
    }
    skip_citations(&mut block, losses)?;
    block.lose_rest(losses);
    Ok(())
}

/// Whether it is the call of a tool that Anthropic runs, or what it gave.
fn is_of_a_server(kind: &str) -> bool {
    matches!(kind, "server_tool_use" | "mcp_tool_use") || kind.ends_with("_tool_result")
}

/// Citations of a text, or that a document may be cited. A document that may not says nothing.
fn skip_citations(block: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<(), RequestError> {
    let Some(value) = block.take("citations")? else {
        return Ok(());
    };
    let path = block.at("citations");
    let says_nothing = match Fields::read(value, path) {
        Ok(mut citations) => !citations.flag("enabled")?,
        Err(_) => value.get() == "[]",
    };
    if !says_nothing {
        path.lose(losses);
    }
    Ok(())
}

fn thinking<'a>(block: &mut Fields<'a, '_>) -> Result<PartKind<'a>, RequestError> {
    let signature = block.text("signature")?;
    Ok(PartKind::Thinking {
        text: block.needed_text("thinking")?,
        // As Herald writes it where a provider gives none.
        signature: signature.filter(|signature| !signature.is_empty()),
    })
}

fn tool_use<'a>(
    block: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<PartKind<'a>, RequestError> {
    let input = block.take("input")?;
    let input = input.filter(|input| is_object(input));
    let input = input.ok_or_else(|| block.at("input").wanted("an object"))?;
    block.skip("caller", &[r#"{"type":"direct"}"#], losses)?;
    Ok(PartKind::ToolCall {
        id: block.needed_text("id")?,
        name: block.needed_text("name")?,
        arguments: input.get().into(),
    })
}

fn tool_result<'a>(
    block: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<PartKind<'a>, RequestError> {
    let content = match block.take("content")? {
        Some(content) => read(content, &block.at("content"), Speaker::Tool, losses)?,
        None => Vec::new(),
    };
    Ok(PartKind::ToolResult {
        call_id: block.needed_text("tool_use_id")?,
        content,
        is_error: block.flag("is_error")?,
    })
}
