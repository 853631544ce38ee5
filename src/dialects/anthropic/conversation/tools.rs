//! The tools, and which of them the model should or must call.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::{
    completion::{Conversation, Tool, ToolChoice},
    dialects::fields::{Fields, Path, is_object},
    error::RequestError,
    translation::Losses,
};

/// Takes `tools` and `tool_choice`.
///
/// # Errors
/// One is malformed, or a tool must be called that only Anthropic knows.
pub(super) fn read<'a>(
    request: &mut Fields<'a, '_>,
    conversation: &mut Conversation<'a>,
    losses: &mut Losses,
) -> Result<(), RequestError> {
    let mut lost = Vec::new();
    if let Some(tools) = request.take("tools")? {
        let path = Path::Body.member("tools");
        for (place, tool) in path.list(tools, "a list of tools")?.into_iter().enumerate() {
            match read_tool(tool, path.place(place), losses)? {
                Ok(tool) => conversation.tools.push(tool),
                Err(name) => lost.push(name),
            }
        }
    }
    if let Some(choice) = request.take("tool_choice")? {
        let mut choice = Fields::read(choice, Path::Body.member("tool_choice"))?;
        let kind = choice.text("type")?.unwrap_or_default();
        conversation.tool_choice = Some(match kind.as_ref() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "any" if conversation.tools.is_empty() && !lost.is_empty() => {
                return Err(choice.at("type").wanted(UNKNOWN));
            }
            "any" => ToolChoice::Required,
            "tool" => {
                let name = choice.needed_text("name")?;
                let is_known = conversation.tools.iter().any(|tool| tool.name == name);
                if !is_known && lost.contains(&name) {
                    return Err(choice.at("name").wanted(UNKNOWN));
                }
                ToolChoice::Function(name)
            }
            _ => {
                let wanted = "`auto`, `any`, `tool` or `none`";
                return Err(choice.at("type").wanted(wanted));
            }
        });
        if choice.flag("disable_parallel_tool_use")? {
            conversation.parallel_tool_calls = Some(false);
        }
        choice.lose_rest(losses);
    }
    Ok(())
}

const UNKNOWN: &str = "another: this model's provider has only tools with an `input_schema`";

/// A tool; `Err` with its name where it is one whose schema only Anthropic knows.
fn read_tool<'a>(
    tool: &'a RawValue,
    path: Path<'_>,
    losses: &mut Losses,
) -> Result<Result<Tool<'a>, Cow<'a, str>>, RequestError> {
    let mut tool = Fields::read(tool, path)?;
    let kind = tool.text("type")?.unwrap_or("custom".into());
    if kind != "custom" {
        Path::Body
            .member("tools")
            .member(without_date(&kind))
            .lose(losses);
        // An `mcp_toolset` has no name.
        return Ok(Err(tool.text("name")?.unwrap_or_default()));
    }
    let schema = tool.take("input_schema")?;
    let schema = schema.filter(|schema| is_object(schema));
    let schema = schema.ok_or_else(|| tool.at("input_schema").wanted("an object"))?;
    for name in ["defer_loading", "eager_input_streaming"] {
        tool.skip(name, &["false"], losses)?;
    }
    tool.skip("allowed_callers", &[r#"["direct"]"#, "[]"], losses)?;
    let read = Tool {
        name: tool.needed_text("name")?,
        description: tool.text("description")?,
        parameters: Some(schema),
        strict: tool.value("strict", "true or false")?,
        cache_control: tool.take("cache_control")?,
    };
    tool.lose_rest(losses);
    Ok(Ok(read))
}

/// `web_search` of `web_search_20250305`.
fn without_date(kind: &str) -> &str {
    match kind.rsplit_once('_') {
        Some((name, date)) if date.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => kind,
    }
}
