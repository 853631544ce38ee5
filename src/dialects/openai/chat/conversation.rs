//! Reads a chat completion request into our own words (OpenAI API reference, "Create chat completion",
//! read November 2026), with the members that OpenRouter, DeepSeek and others have added.

mod content;
mod messages;
mod thoughts;
mod tools;

use std::borrow::Cow;

use serde_json::{Value, value::RawValue};

use crate::{
    completion::{AnswerShape, Conversation, Effort, Reasoning},
    dialects::{
        fields::{Fields, Path, is_empty, is_object},
        prediction,
    },
    error::RequestError,
    translation::Losses,
};

/// Tells a request in our words.
///
/// # Errors
/// The field that is of another type, or without which the answer would be one to another question.
pub(super) fn read<'a>(
    body: &'a str,
    losses: &mut Losses,
) -> Result<Conversation<'a>, RequestError> {
    let mut fields = Fields::of_body(body)?;
    // Whoever makes the call says these two.
    fields.take("model")?;
    fields.take("stream")?;
    if fields.value("n", "a whole number")?.unwrap_or(1_u64) != 1 {
        let wanted = "1: the model's provider gives one answer only";
        return Err(RequestError::field("n", wanted));
    }
    stream_options(&mut fields, losses)?;
    let turns = messages::turns(&mut fields, losses)?;
    let called = tools::read(&mut fields, losses)?;
    Ok(Conversation {
        turns,
        tools: called.tools,
        tool_choice: called.choice,
        parallel_tool_calls: called.parallel,
        shape: shape(&mut fields, losses)?,
        reasoning: reasoning(&mut fields, losses)?,
        max_tokens: max_tokens(&mut fields, losses)?,
        stop: stop(&mut fields)?,
        temperature: fields.value("temperature", "a number")?,
        top_p: fields.value("top_p", "a number")?,
        top_k: top_k(&mut fields)?,
        logprobs: logprobs(&mut fields, losses)?,
        prediction: prediction::read(&mut fields, losses)?,
        end_user: end_user(&mut fields, losses)?,
        others: others(fields),
    })
}

/// Notes the options that Herald does not serve; `include_usage` is acted on by the answer's writer.
fn stream_options(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<(), RequestError> {
    let Some(options) = fields.take("stream_options")? else {
        return Ok(());
    };
    let path = Path::Body.member("stream_options");
    let mut options = Fields::read(options, path)?;
    options.take("include_usage")?;
    if options.value("include_obfuscation", "true or false")? == Some(true) {
        path.member("include_obfuscation").lose(losses);
    }
    options.lose_rest(losses);
    Ok(())
}

fn shape<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<AnswerShape<'a>, RequestError> {
    const NAME: &str = "response_format";
    let Some(format) = fields.take(NAME)? else {
        return Ok(AnswerShape::Text);
    };
    let path = Path::Body.member(NAME);
    let mut format = Fields::read(format, path)?;
    let kind = format.name("type")?;
    let shape = match &*kind {
        "text" => AnswerShape::Text,
        "json_object" => AnswerShape::JsonObject,
        "json_schema" => {
            let at = path.member("json_schema");
            let told = format.take("json_schema")?;
            let mut told = Fields::read(told.ok_or_else(|| at.wanted("an object"))?, at)?;
            let schema = told.take("schema")?.filter(|schema| is_object(schema));
            let shape = AnswerShape::JsonSchema {
                name: told.text("name")?,
                description: told.text("description")?,
                schema: schema.ok_or_else(|| at.member("schema").wanted("a JSON Schema"))?,
                strict: told.value("strict", "true or false")?,
            };
            told.lose_rest(losses);
            shape
        }
        _ => {
            let wanted = "`text`, `json_object` or `json_schema`";
            return Err(path.member("type").wanted(wanted));
        }
    };
    format.lose_rest(losses);
    Ok(shape)
}

/// OpenAI's `reasoning_effort`, OpenRouter's `reasoning` and `include_reasoning`, and the `thinking` of
/// DeepSeek, Z.ai and Anthropic's own compatible API.
fn reasoning(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<Reasoning, RequestError> {
    let mut reasoning = Reasoning::default();
    if let Some(told) = fields.take("reasoning")? {
        let mut told = Fields::read(told, Path::Body.member("reasoning"))?;
        effort(&mut told, "effort", &mut reasoning)?;
        if let Some(enabled) = told.value("enabled", "true or false")? {
            reasoning.enabled = Some(enabled);
        }
        reasoning.budget_tokens = told.value("max_tokens", "a whole number of tokens")?;
        let hidden: Option<bool> = told.value("exclude", "true or false")?;
        reasoning.shown = hidden.map(|hidden| !hidden);
        told.lose_rest(losses);
    }
    if let Some(told) = fields.take("thinking")? {
        let path = Path::Body.member("thinking");
        let mut told = Fields::read(told, path)?;
        reasoning.enabled = match &*told.name("type")? {
            "enabled" | "adaptive" => Some(true),
            "disabled" => Some(false),
            _ => return Err(path.member("type").wanted("`enabled` or `disabled`")),
        };
        let budget = told.value("budget_tokens", "a whole number of tokens")?;
        reasoning.budget_tokens = budget.or(reasoning.budget_tokens);
        told.lose_rest(losses);
    }
    let shown = fields.value("include_reasoning", "true or false")?;
    reasoning.shown = reasoning.shown.or(shown);
    effort(fields, "reasoning_effort", &mut reasoning)?;
    Ok(reasoning)
}

/// A word of effort, of which `none` means that the model should not think at all.
fn effort(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    reasoning: &mut Reasoning,
) -> Result<(), RequestError> {
    let Some(word) = fields.text(name)? else {
        return Ok(());
    };
    if word == "none" {
        reasoning.enabled = Some(false);
        return Ok(());
    }
    let wanted = "`none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`";
    let effort = Effort::parse(&word).ok_or_else(|| fields.path.member(name).wanted(wanted))?;
    reasoning.effort = Some(effort);
    Ok(())
}

/// The newer name counts where both are there.
fn max_tokens(
    fields: &mut Fields<'_, '_>,
    losses: &mut Losses,
) -> Result<Option<u64>, RequestError> {
    const WANTED: &str = "a whole number of tokens";
    let newer: Option<u64> = fields.value("max_completion_tokens", WANTED)?;
    let older = fields.value("max_tokens", WANTED)?;
    if newer.is_some() && older.is_some() && newer != older {
        losses.add("max_tokens");
    }
    Ok(newer.or(older))
}

fn stop<'a>(fields: &mut Fields<'a, '_>) -> Result<Vec<Cow<'a, str>>, RequestError> {
    const WANTED: &str = "a string or a list of strings";
    let Some(stop) = fields.take("stop")? else {
        return Ok(Vec::new());
    };
    let path = Path::Body.member("stop");
    if stop.get().starts_with('"') {
        return Ok(vec![path.text(stop, WANTED)?]);
    }
    let texts = path.list(stop, WANTED)?.into_iter().enumerate();
    texts
        .map(|(place, text)| path.place(place).text(text, "a string"))
        .collect()
}

/// An extension of vLLM, OpenRouter and others; vLLM's -1 and the 0 of others mean all tokens.
fn top_k(fields: &mut Fields<'_, '_>) -> Result<Option<u64>, RequestError> {
    let told: Option<i64> = fields.value("top_k", "a whole number")?;
    Ok(told
        .and_then(|told| u64::try_from(told).ok())
        .filter(|told| *told > 0))
}

/// OpenAI refuses the number where the word is not there; whoever writes it wants what it counts.
fn logprobs(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<Option<u64>, RequestError> {
    let asked: Option<bool> = fields.value("logprobs", "true or false")?;
    let most: Option<u64> = fields.value("top_logprobs", "a whole number")?;
    let most = most.filter(|most| *most > 0);
    if asked == Some(false) && most.is_some() {
        losses.add("top_logprobs");
    }
    Ok(match asked {
        Some(true) => Some(most.unwrap_or(0)),
        Some(false) => None,
        None => most,
    })
}

/// OpenAI's `safety_identifier` is the newer name of `user`.
fn end_user<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Option<Cow<'a, str>>, RequestError> {
    let newer = fields.text("safety_identifier")?;
    let older = fields.text("user")?;
    if newer.is_some() && older.is_some() && newer != older {
        losses.add("user");
    }
    Ok(newer.or(older))
}

/// All that has no word, but for what says nothing or repeats the default.
fn others<'a>(fields: Fields<'a, '_>) -> Vec<(Cow<'a, str>, &'a RawValue)> {
    let mut others = fields.rest();
    others.retain(|(name, value)| !is_default(name, value));
    others
}

fn is_default(name: &str, value: &RawValue) -> bool {
    match name {
        "store" => value.get() == "false",
        "presence_penalty" | "frequency_penalty" => {
            serde_json::from_str(value.get()).is_ok_and(|number: f64| number == 0.0)
        }
        "service_tier" => value.get() == r#""auto""#,
        "verbosity" => value.get() == r#""medium""#,
        "modalities" => serde_json::from_str(value.get())
            .is_ok_and(|told: Value| told == serde_json::json!(["text"])),
        // An empty object asks for a search.
        "web_search_options" => false,
        _ => is_empty(value),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::told;
