//! Tools, and which of them is to be called.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::body::{Tool, ToolChoice};
use crate::{
    completion::{self, Conversation},
    error::RequestError,
    raw_json::RawObject,
};

/// The functions. Anthropic's schemas must say that they are of an object.
pub(super) fn write<'a>(tools: &'a [completion::Tool<'_>]) -> Result<Vec<Tool<'a>>, RequestError> {
    let write = |(place, tool): (usize, &'a completion::Tool<'_>)| {
        Ok(Tool {
            name: &tool.name,
            description: tool.description.as_deref(),
            input_schema: input_schema(place, tool.parameters)?,
            strict: tool.strict == Some(true),
            cache_control: tool.cache_control,
        })
    };
    tools.iter().enumerate().map(write).collect()
}

fn input_schema(
    place: usize,
    parameters: Option<&RawValue>,
) -> Result<Cow<'_, RawValue>, RequestError> {
    let written = parameters.map_or("{}", RawValue::get);
    let refused = || RequestError::field(format!("tools[{place}].parameters"), "an object");
    let schema = RawObject::parse(written).map_err(|_| refused())?;
    if let Some(parameters) = parameters
        && schema.get("type").is_some()
    {
        return Ok(Cow::Borrowed(parameters));
    }
    let (begin, rest) = written.split_at(schema.start());
    let comma = if schema.is_empty() { "" } else { "," };
    let typed = format!("{begin}\"type\":\"object\"{comma}{rest}");
    let typed = RawValue::from_string(typed).map_err(|_| refused())?;
    Ok(Cow::Owned(typed))
}

/// Which function is to be called. Where there is none, only what demands one is told.
pub(super) fn choice<'a>(conversation: &'a Conversation<'_>) -> Option<ToolChoice<'a>> {
    use completion::ToolChoice as Choice;

    let disable_parallel_tool_use = conversation.parallel_tool_calls == Some(false);
    let has_tools = !conversation.tools.is_empty();
    Some(match &conversation.tool_choice {
        Some(Choice::Required) => ToolChoice::Any {
            disable_parallel_tool_use,
        },
        Some(Choice::Function(name)) => ToolChoice::Tool {
            name,
            disable_parallel_tool_use,
        },
        Some(Choice::None) if has_tools => ToolChoice::None,
        Some(Choice::Auto) if has_tools => ToolChoice::Auto {
            disable_parallel_tool_use,
        },
        None if has_tools && disable_parallel_tool_use => ToolChoice::Auto {
            disable_parallel_tool_use,
        },
        _ => return None,
    })
}
