//! How the answer is to be made: lengths, sampling, thinking, its shape.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::{
    completion::{AnswerShape, Conversation, Effort, Reasoning},
    dialects::fields::{Fields, Path, Text, is_object},
    error::RequestError,
    translation::Losses,
};

/// Takes the members that our words have.
///
/// # Errors
/// One is of another type, or `max_tokens` is missing.
pub(super) fn read<'a>(
    request: &mut Fields<'a, '_>,
    conversation: &mut Conversation<'a>,
    losses: &mut Losses,
) -> Result<(), RequestError> {
    let wanted = "a whole number";
    let most = request.value("max_tokens", wanted)?;
    conversation.max_tokens = Some(most.ok_or_else(|| request.at("max_tokens").wanted(wanted))?);
    conversation.stop = stop_sequences(request)?;
    conversation.temperature = request.value("temperature", "a number")?;
    conversation.top_p = request.value("top_p", "a number")?;
    conversation.top_k = request.value("top_k", wanted)?;
    conversation.end_user = end_user(request, losses)?;
    conversation.reasoning = thinking(request, losses)?;
    output(request, conversation, losses)?;
    // OpenAI has a member of this name whose values mean something else.
    request.skip("service_tier", &[r#""auto""#], losses)?;
    request.skip("speed", &[r#""standard""#], losses)
}

fn stop_sequences<'a>(request: &mut Fields<'a, '_>) -> Result<Vec<Cow<'a, str>>, RequestError> {
    let texts = request.value::<Vec<Text<'a>>>("stop_sequences", "a list of strings")?;
    let texts = texts.unwrap_or_default().into_iter();
    Ok(texts.map(|Text(text)| text).collect())
}

fn end_user<'a>(
    request: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Option<Cow<'a, str>>, RequestError> {
    let Some(metadata) = request.take("metadata")? else {
        return Ok(None);
    };
    let mut metadata = Fields::read(metadata, Path::Body.member("metadata"))?;
    let user = metadata.text("user_id")?;
    metadata.lose_rest(losses);
    Ok(user)
}

fn thinking(request: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<Reasoning, RequestError> {
    let mut reasoning = Reasoning::default();
    let Some(thinking) = request.take("thinking")? else {
        return Ok(reasoning);
    };
    let mut thinking = Fields::read(thinking, Path::Body.member("thinking"))?;
    let kind = thinking.text("type")?.unwrap_or_default();
    reasoning.enabled = Some(match kind.as_ref() {
        "enabled" => {
            let wanted = "a whole number";
            let budget = thinking.value("budget_tokens", wanted)?;
            let at = thinking.at("budget_tokens");
            reasoning.budget_tokens = Some(budget.ok_or_else(|| at.wanted(wanted))?);
            true
        }
        "adaptive" => true,
        "disabled" => false,
        "between_tools" => {
            // Thinking is off, but for what the model says between two calls.
            thinking.at("type").lose(losses);
            false
        }
        _ => {
            let wanted = "`enabled`, `adaptive`, `disabled` or `between_tools`";
            return Err(thinking.at("type").wanted(wanted));
        }
    });
    if let Some(display) = thinking.text("display")? {
        reasoning.shown = Some(match display.as_ref() {
            "summarized" => true,
            "omitted" => false,
            _ => return Err(thinking.at("display").wanted("`summarized` or `omitted`")),
        });
    }
    thinking.lose_rest(losses);
    Ok(reasoning)
}

/// `output_config`, and the older `output_format`.
fn output<'a>(
    request: &mut Fields<'a, '_>,
    conversation: &mut Conversation<'a>,
    losses: &mut Losses,
) -> Result<(), RequestError> {
    let older = request.take("output_format")?;
    if let Some(format) = older {
        conversation.shape = shape(format, Path::Body.member("output_format"), losses)?;
    }
    let Some(config) = request.take("output_config")? else {
        return Ok(());
    };
    let mut config = Fields::read(config, Path::Body.member("output_config"))?;
    if let Some(effort) = config.text("effort")? {
        let effort = Effort::parse(&effort);
        let wanted = "`low`, `medium`, `high`, `xhigh` or `max`";
        let effort = effort.ok_or_else(|| config.at("effort").wanted(wanted))?;
        conversation.reasoning.effort = Some(effort);
    }
    if let Some(format) = config.take("format")? {
        if older.is_some() {
            let wanted = "left out where `output_config.format` is there";
            return Err(Path::Body.member("output_format").wanted(wanted));
        }
        conversation.shape = shape(format, config.at("format"), losses)?;
    }
    config.lose_rest(losses);
    Ok(())
}

fn shape<'a>(
    format: &'a RawValue,
    path: Path<'_>,
    losses: &mut Losses,
) -> Result<AnswerShape<'a>, RequestError> {
    let mut format = Fields::read(format, path)?;
    if format.text("type")?.unwrap_or_default() != "json_schema" {
        return Err(format.at("type").wanted("`json_schema`"));
    }
    let schema = format.take("schema")?;
    let schema = schema.filter(|schema| is_object(schema));
    let schema = schema.ok_or_else(|| format.at("schema").wanted("an object"))?;
    format.lose_rest(losses);
    Ok(AnswerShape::JsonSchema {
        name: None,
        description: None,
        schema,
        // Anthropic's answers always follow it.
        strict: Some(true),
    })
}
