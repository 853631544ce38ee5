//! One block of an answer, whole in a document or as a stream begins it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Text;

/// What a block is.
pub(in super::super) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        citations: Option<&'a RawValue>,
    },
    Thinking {
        text: Cow<'a, str>,
        signature: Cow<'a, str>,
    },
    RedactedThinking(Cow<'a, str>),
    ToolUse {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Option<&'a RawValue>,
    },
    /// There is no word for it; under this name it is lost.
    Unknown(&'static str),
}

/// The blocks that are lost, by type and under that name: what Anthropic's own tools do, files, and
/// summaries of what was said. Every other one is lost as `content`.
const LOST: &[&str] = &[
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "advisor_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "container_upload",
    "compaction",
    "fallback",
];

impl<'a> Block<'a> {
    /// Reads a block; `None` if it is none.
    pub(in super::super) fn read(block: &'a RawValue) -> Option<Self> {
        let kind: Kind<'a> = serde_json::from_str(block.get()).ok()?;
        let kind = kind.kind.as_ref();
        if !matches!(kind, "text" | "thinking" | "redacted_thinking" | "tool_use") {
            let lost = LOST.iter().find(|lost| **lost == kind);
            return Some(Self::Unknown(lost.copied().unwrap_or("content")));
        }
        let members: Members<'a> = serde_json::from_str(block.get()).ok()?;
        let text = |text: Option<Text<'a>>| text.map(|text| text.0).unwrap_or_default();
        Some(match kind {
            "text" => Self::Text {
                text: text(members.text),
                citations: members.citations,
            },
            "thinking" => Self::Thinking {
                text: text(members.thinking),
                signature: text(members.signature),
            },
            "redacted_thinking" => Self::RedactedThinking(text(members.data)),
            _ => Self::ToolUse {
                id: members.id.map(|id| id.0).filter(|id| !id.is_empty())?,
                name: members
                    .name
                    .map(|name| name.0)
                    .filter(|name| !name.is_empty())?,
                input: members.input,
            },
        })
    }

    /// Whether it names sources.
    pub(in super::super) fn has_citations(&self) -> bool {
        let Self::Text { citations, .. } = self else {
            return false;
        };
        citations.is_some_and(|citations| citations.get() != "[]")
    }
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}
