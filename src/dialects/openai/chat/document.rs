//! Writes a whole answer as a `chat.completion`.

use bytes::Bytes;
use serde::Serialize;

use super::{
    wire::{Detail, Function, Logprobs, ToolCall, Usage, finish_word},
    writer::{ChatWriter, Thoughts},
};
use crate::{
    completion::{Answer, FinishReason, PartKind},
    translation::Losses,
};

/// The document; what the provider does not tell is as the writer has it.
pub(super) fn write(about: &ChatWriter, answer: &Answer<'_>, losses: &mut Losses) -> Bytes {
    let message = message(answer, about.knows_tools, losses);
    let completion = Completion {
        id: answer.id.as_deref().unwrap_or(&about.id),
        object: "chat.completion",
        created: answer.created.unwrap_or(about.created),
        model: answer.model.as_deref().unwrap_or(&about.model),
        choices: [Choice {
            index: 0,
            message,
            logprobs: Logprobs::of(&answer.logprobs),
            finish_reason: answer
                .finish
                .as_ref()
                .map(|reason| finish_word(reason, about.knows_tools)),
        }],
        usage: answer.usage.map(Usage::from),
    };
    let text = serde_json::to_vec(&completion).expect("strings and numbers always serialise");
    Bytes::from(text)
}

/// This API has one text, one refusal and one list of calls, whatever stood between their pieces.
fn message<'a>(answer: &'a Answer<'_>, knows_tools: bool, losses: &mut Losses) -> Message<'a> {
    let mut message = Message {
        role: "assistant",
        ..Message::default()
    };
    let mut thoughts = Thoughts::default();
    // An answer that was cut may have been cut inside a call.
    let is_cut = answer.finish == Some(FinishReason::Length);
    for part in &answer.parts {
        match &part.kind {
            PartKind::Text(text) => add(&mut message.content, text),
            PartKind::Refusal(text) => add(&mut message.refusal, text),
            PartKind::Thinking { text, signature } => {
                if !text.is_empty() {
                    add(&mut message.reasoning_content, text);
                }
                let signature = signature.as_deref().filter(|proof| !proof.is_empty());
                if signature.is_some() || !text.is_empty() {
                    let index = thoughts.more();
                    thoughts.end();
                    message
                        .reasoning_details
                        .push(Detail::thought(index, text, signature));
                }
            }
            PartKind::RedactedThinking(data) => {
                let index = thoughts.more();
                thoughts.end();
                message
                    .reasoning_details
                    .push(Detail::redacted(index, data));
            }
            PartKind::ToolCall {
                id,
                name,
                arguments,
            } => {
                let is_silent = arguments.is_empty() && !is_cut;
                let function = Function {
                    name: Some(name),
                    arguments: if is_silent { "{}" } else { arguments },
                };
                if !knows_tools && message.function_call.is_none() {
                    message.function_call = Some(function);
                } else {
                    message.tool_calls.push(ToolCall {
                        index: None,
                        id: Some(id),
                        r#type: Some("function"),
                        function,
                    });
                }
            }
            // No model has said these yet.
            PartKind::Image { .. } | PartKind::File { .. } | PartKind::ToolResult { .. } => {
                losses.add(part.kind.word());
            }
        }
    }
    let says_else = message.refusal.is_some()
        || message.function_call.is_some()
        || !message.tool_calls.is_empty();
    if !says_else {
        // OpenAI, too, tells an answer that says nothing as an empty text.
        message.content.get_or_insert_default();
    }
    message
}

fn add(whole: &mut Option<String>, text: &str) {
    whole.get_or_insert_default().push_str(text);
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: Option<&'a str>,
}

#[derive(Default, Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<Detail<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<Function<'a>>,
}

#[cfg(test)]
mod tests;
