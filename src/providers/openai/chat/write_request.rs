//! A conversation as the body of a call.

mod assistant;
mod messages;
mod reasoning;
mod wire;

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::{
    completion::{AnswerShape, Conversation, Tool, ToolChoice},
    error::RequestError,
    providers::{CallBody, openai::ChatQuirks},
    translation::Losses,
};
use wire::{
    Body, FunctionWire, JsonSchema, Named, Prediction, ResponseFormat, StreamOptions,
    ToolChoiceWire, ToolWire,
};

/// The name of a schema that has none: OpenAI requires one.
const SCHEMA_NAME: &str = "answer";

/// Writes the body; what there is no place for is noted as lost.
pub(super) fn write(
    mut conversation: Conversation<'_>,
    call: CallBody<'_>,
    losses: &mut Losses,
) -> Result<Bytes, RequestError> {
    let quirks = &call.terms.chat;
    let more = more(&mut conversation, quirks, losses);
    for (name, _) in &conversation.others {
        losses.add(name);
    }
    let logprobs = taken(conversation.logprobs, quirks.logprobs, "logprobs", losses);
    let prediction = taken(
        conversation.prediction,
        quirks.prediction,
        "prediction",
        losses,
    );
    // OpenAI refuses the newer name beside a prediction, and each model that takes one knows the elder.
    let max_tokens = match prediction {
        Some(_) => "max_tokens",
        None => quirks.max_tokens,
    };
    let has_tools = !conversation.tools.is_empty();
    let tools = conversation.tools.into_iter();
    let body = Body {
        model: call.model,
        messages: messages::write(conversation.turns, quirks, losses),
        tools: tools.map(|tool| tool_wire(tool, losses)).collect(),
        // OpenAI refuses both where there are no tools, and without any they choose nothing.
        tool_choice: conversation
            .tool_choice
            .filter(|choice| has_tools || !matches!(choice, ToolChoice::Auto | ToolChoice::None))
            .map(tool_choice),
        parallel_tool_calls: conversation.parallel_tool_calls.filter(|_| has_tools),
        response_format: response_format(conversation.shape),
        reasoning_effort: reasoning::effort(conversation.reasoning, quirks, losses),
        max_tokens: conversation.max_tokens.map(|most| (max_tokens, most)),
        stop: conversation.stop,
        temperature: conversation.temperature,
        top_p: conversation.top_p,
        top_k: taken(conversation.top_k, quirks.top_k, "top_k", losses),
        logprobs: logprobs.map(|_| true),
        top_logprobs: logprobs.filter(|most| *most > 0),
        prediction: prediction.map(|content| Prediction::Content { content }),
        user: conversation.end_user,
        stream: call.stream.then_some(true),
        stream_options: (call.stream && call.ask_for_usage && quirks.include_usage).then_some(
            StreamOptions {
                include_usage: true,
            },
        ),
        more,
    };
    let text = serde_json::to_vec(&body)
        .expect("all keys are strings, and nothing in it refuses to be written");
    Ok(Bytes::from(text))
}

/// What is asked for, where the server takes it; else it is lost under this name.
fn taken<T>(asked: Option<T>, takes: bool, name: &str, losses: &mut Losses) -> Option<T> {
    if asked.is_some() && !takes {
        losses.add(name);
    }
    asked.filter(|_| takes)
}

/// The members that pass as they are. What says nothing else than its absence is taken and not sent.
fn more<'a>(
    conversation: &mut Conversation<'a>,
    quirks: &ChatQuirks,
    losses: &mut Losses,
) -> Vec<(&'static str, &'a RawValue)> {
    let is_neutral = |(name, value): &(Cow<'_, str>, &RawValue)| {
        value.get() == "null" || (name == "store" && value.get() == "false")
    };
    conversation.others.retain(|member| !is_neutral(member));
    let mut more = Vec::new();
    for &name in quirks.passes {
        if let Some(value) = conversation.take_other(name) {
            if name == "service_tier" && !is_service_tier(value) {
                losses.add(name);
            } else {
                more.push((name, value));
            }
        }
    }
    more
}

/// Whether OpenAI knows the tier; Anthropic's member of that name has other words.
fn is_service_tier(value: &RawValue) -> bool {
    const TIERS: [&str; 5] = ["auto", "default", "flex", "priority", "scale"];
    let tier: Result<&str, _> = serde_json::from_str(value.get());
    tier.is_ok_and(|tier| TIERS.contains(&tier))
}

fn tool_wire<'a>(tool: Tool<'a>, losses: &mut Losses) -> ToolWire<FunctionWire<'a>> {
    if tool.cache_control.is_some() {
        losses.add("cache_control");
    }
    ToolWire {
        kind: "function",
        function: FunctionWire {
            name: tool.name,
            description: tool.description,
            parameters: tool.parameters,
            strict: tool.strict,
        },
    }
}

fn response_format(shape: AnswerShape<'_>) -> Option<ResponseFormat<'_>> {
    match shape {
        AnswerShape::Text => None,
        AnswerShape::JsonObject => Some(ResponseFormat::JsonObject),
        AnswerShape::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => Some(ResponseFormat::JsonSchema {
            json_schema: JsonSchema {
                name: name.unwrap_or(Cow::Borrowed(SCHEMA_NAME)),
                description,
                schema,
                strict,
            },
        }),
    }
}

fn tool_choice(choice: ToolChoice<'_>) -> ToolChoiceWire<'_> {
    match choice {
        ToolChoice::Auto => ToolChoiceWire::Word("auto"),
        ToolChoice::None => ToolChoiceWire::Word("none"),
        ToolChoice::Required => ToolChoiceWire::Word("required"),
        ToolChoice::Function(name) => ToolChoiceWire::Function(ToolWire {
            kind: "function",
            function: Named { name },
        }),
    }
}

#[cfg(test)]
mod tests;
