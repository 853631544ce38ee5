//! Writes a conversation as a request for a message.

mod body;
mod parts;
mod thinking;
mod tools;
mod turns;

use bytes::Bytes;

use self::{
    body::{Body, Format, Metadata, OutputConfig},
    thinking::Thoughts,
};
use crate::{
    completion::{AnswerShape, Conversation, ToolChoice},
    error::RequestError,
    providers::CallBody,
    translation::Losses,
};

/// The words of `service_tier`.
const SERVICE_TIERS: [&str; 2] = ["auto", "standard_only"];

/// Writes the body of a call; docs/providers.md tells what becomes of each member.
pub(super) fn write(
    mut conversation: Conversation<'_>,
    call: CallBody<'_>,
    losses: &mut Losses,
) -> Result<Bytes, RequestError> {
    let service_tier = take_service_tier(&mut conversation);
    for (name, _) in &conversation.others {
        losses.add(name);
    }
    for (name, is_asked) in [
        ("logprobs", conversation.logprobs.is_some()),
        ("prediction", conversation.prediction.is_some()),
    ] {
        if is_asked {
            losses.add(name);
        }
    }
    let conversation = &conversation;

    let said = turns::write(&conversation.turns, losses)?;
    let max_tokens = conversation
        .max_tokens
        .unwrap_or(call.terms.messages.max_tokens);
    let thoughts = Thoughts::plan(
        conversation.reasoning,
        call.terms.messages.thinking,
        max_tokens,
        thinking::Bars {
            forced_tool: matches!(
                conversation.tool_choice,
                Some(ToolChoice::Required | ToolChoice::Function(_))
            ),
            call_without_thought: said.answers_a_call_without_thought(),
        },
        losses,
    );
    let sampling = Sampling::of(conversation, thoughts.thinks(), losses);
    let format = format(&conversation.shape, losses);
    let body = Body {
        model: call.model,
        max_tokens,
        system: said.system,
        messages: said.messages,
        tools: tools::write(&conversation.tools)?,
        tool_choice: tools::choice(conversation),
        output_config: (format.is_some() || thoughts.effort.is_some()).then_some(OutputConfig {
            effort: thoughts.effort,
            format,
        }),
        thinking: thoughts.thinking,
        stop_sequences: stop_sequences(conversation, losses),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        metadata: conversation
            .end_user
            .as_deref()
            .map(|user_id| Metadata { user_id }),
        service_tier,
        stream: call.stream,
    };
    let body = serde_json::to_vec(&body).expect("strings, numbers and raw JSON always serialise");
    Ok(Bytes::from(body))
}

/// The tier, if it is one of Anthropic's; else it stays, and is lost.
fn take_service_tier(conversation: &mut Conversation<'_>) -> Option<&'static str> {
    let mut others = conversation.others.iter();
    let (_, written) = others.find(|(name, _)| name == "service_tier")?;
    let word: String = serde_json::from_str(written.get()).ok()?;
    let tier = SERVICE_TIERS.into_iter().find(|tier| *tier == word)?;
    conversation.take_other("service_tier");
    Some(tier)
}

/// Anthropic knows schemas alone. Their name is a mere label, and they are always followed.
fn format<'a>(shape: &AnswerShape<'a>, losses: &mut Losses) -> Option<Format<'a>> {
    match shape {
        AnswerShape::Text => None,
        AnswerShape::JsonObject => {
            losses.add("response_format");
            None
        }
        AnswerShape::JsonSchema {
            description,
            schema,
            ..
        } => {
            if description.is_some() {
                losses.add("response_format.json_schema.description");
            }
            Some(Format::JsonSchema { schema })
        }
    }
}

/// Anthropic refuses those of white space alone.
fn stop_sequences<'a>(conversation: &'a Conversation<'_>, losses: &mut Losses) -> Vec<&'a str> {
    let mut stop: Vec<&str> = conversation.stop.iter().map(AsRef::as_ref).collect();
    let all = stop.len();
    stop.retain(|text| !text.trim().is_empty());
    if stop.len() < all {
        losses.add("stop");
    }
    stop
}

struct Sampling {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
}

impl Sampling {
    /// What is the default anyway is left unsaid: models from Claude 4.7 on refuse these members, and
    /// earlier ones that both `temperature` and `top_p` are there. One that thinks takes none of them.
    fn of(conversation: &Conversation<'_>, thinks: bool, losses: &mut Losses) -> Self {
        let is_said = |number: &f64| (number - 1.0).abs() > f64::EPSILON;
        let mut sampling = Self {
            temperature: conversation.temperature.filter(is_said),
            top_p: conversation.top_p.filter(is_said),
            top_k: conversation.top_k,
        };
        if thinks {
            let mut forbid = |name, is_there| {
                if is_there {
                    losses.add(name);
                }
            };
            forbid("temperature", sampling.temperature.take().is_some());
            forbid("top_p", sampling.top_p.take().is_some());
            forbid("top_k", sampling.top_k.take().is_some());
        }
        sampling
    }
}

#[cfg(test)]
mod tests;
