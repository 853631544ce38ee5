//! Reads a request for a response into our own words (OpenAI API reference, "Create a model response",
//! read November 2026).

mod content;
mod input;
mod tools;

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::{
    completion::{AnswerShape, Conversation, Effort, PartKind, Reasoning, Role, Turn},
    dialects::fields::{Fields, Path, is_empty, is_object},
    error::RequestError,
    translation::Losses,
};

/// Why what needs a memory is refused.
const NO_STATE: &str =
    "absent: nothing is kept between requests for this model, so send all of it as `input`";

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
    refuse_state(&mut fields)?;
    stream_options(&mut fields, losses)?;
    let logprobs = logprobs(&mut fields, losses)?;
    let mut turns = Vec::new();
    let instructions = fields.text("instructions")?;
    if let Some(text) = instructions.filter(|text| !text.is_empty()) {
        turns.push(Turn {
            role: Role::System,
            parts: vec![PartKind::Text(text).into()],
        });
    }
    input::read(&mut fields, &mut turns, losses)?;
    let called = tools::read(&mut fields, losses)?;
    let (shape, verbosity) = text(&mut fields, losses)?;
    let end_user = end_user(&mut fields, losses)?;
    Ok(Conversation {
        turns,
        tools: called.tools,
        tool_choice: called.choice,
        parallel_tool_calls: called.parallel,
        shape,
        reasoning: reasoning(&mut fields, losses)?,
        max_tokens: fields.value("max_output_tokens", "a whole number of tokens")?,
        temperature: fields.value("temperature", "a number")?,
        top_p: fields.value("top_p", "a number")?,
        logprobs,
        end_user,
        others: others(fields, verbosity),
        ..Conversation::default()
    })
}

/// Herald keeps nothing: what refers to an earlier answer, or wants this one to be kept, cannot be had.
/// `store` that is absent passes, although it means `true` to OpenAI: every client leaves it out, and
/// the answer says that it is not stored.
fn refuse_state(fields: &mut Fields<'_, '_>) -> Result<(), RequestError> {
    for name in ["previous_response_id", "conversation", "prompt"] {
        if fields.take(name)?.is_some() {
            return Err(RequestError::field(name, NO_STATE));
        }
    }
    for name in ["store", "background"] {
        if fields.value(name, "true or false")? == Some(true) {
            let wanted = "false: nothing is kept between requests for this model";
            return Err(RequestError::field(name, wanted));
        }
    }
    Ok(())
}

/// No event is padded, which is what `include_obfuscation` asks for.
fn stream_options(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<(), RequestError> {
    let Some(options) = fields.take("stream_options")? else {
        return Ok(());
    };
    let path = Path::Body.member("stream_options");
    let mut options = Fields::read(options, path)?;
    if options.value("include_obfuscation", "true or false")? == Some(true) {
        path.member("include_obfuscation").lose(losses);
    }
    options.lose_rest(losses);
    Ok(())
}

/// Whether the answer should tell how likely its tokens were: by a word in `include`, or by a number.
fn logprobs(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<Option<u64>, RequestError> {
    let most: Option<u64> = fields.value("top_logprobs", "a whole number")?;
    let most = most.filter(|most| *most > 0);
    let is_included = include(fields, losses)?;
    Ok(most.or(is_included.then_some(0)))
}

/// What the answer should tell beside itself: whether log probabilities are among it. The proof of a thought
/// is always there.
fn include(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<bool, RequestError> {
    const WANTED: &str = "a list of strings";
    let mut has_logprobs = false;
    let Some(list) = fields.take("include")? else {
        return Ok(has_logprobs);
    };
    let path = Path::Body.member("include");
    for (place, value) in path.list(list, WANTED)?.into_iter().enumerate() {
        let name = path.place(place).text(value, WANTED)?;
        match &*name {
            "reasoning.encrypted_content" => {}
            "message.output_text.logprobs" => has_logprobs = true,
            _ => path.member(&name).lose(losses),
        }
    }
    Ok(has_logprobs)
}

/// The shape of the answer's text, and how long it should be.
fn text<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<(AnswerShape<'a>, Option<&'a RawValue>), RequestError> {
    let Some(text) = fields.take("text")? else {
        return Ok((AnswerShape::Text, None));
    };
    let path = Path::Body.member("text");
    let mut text = Fields::read(text, path)?;
    let shape = match text.take("format")? {
        Some(format) => shape(Fields::read(format, path.member("format"))?, losses)?,
        None => AnswerShape::Text,
    };
    let verbosity = text.take("verbosity")?;
    text.lose_rest(losses);
    Ok((
        shape,
        verbosity.filter(|verbosity| verbosity.get() != r#""medium""#),
    ))
}

fn shape<'a>(
    mut format: Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<AnswerShape<'a>, RequestError> {
    let path = format.path;
    let shape = match &*format.name("type")? {
        "text" => AnswerShape::Text,
        "json_object" => AnswerShape::JsonObject,
        "json_schema" => {
            let schema = format.take("schema")?.filter(|schema| is_object(schema));
            AnswerShape::JsonSchema {
                name: Some(format.name("name")?),
                description: format.text("description")?,
                schema: schema.ok_or_else(|| path.member("schema").wanted("a JSON Schema"))?,
                strict: format.value("strict", "true or false")?,
            }
        }
        _ => {
            let wanted = "`text`, `json_object` or `json_schema`";
            return Err(path.member("type").wanted(wanted));
        }
    };
    format.lose_rest(losses);
    Ok(shape)
}

fn reasoning(fields: &mut Fields<'_, '_>, losses: &mut Losses) -> Result<Reasoning, RequestError> {
    let mut reasoning = Reasoning::default();
    let Some(told) = fields.take("reasoning")? else {
        return Ok(reasoning);
    };
    let path = Path::Body.member("reasoning");
    let mut told = Fields::read(told, path)?;
    match told.text("effort")?.as_deref() {
        None => {}
        Some("none") => reasoning.enabled = Some(false),
        Some(word) => {
            let wanted = "`none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`";
            let effort = Effort::parse(word).ok_or_else(|| path.member("effort").wanted(wanted))?;
            reasoning.effort = Some(effort);
        }
    }
    // The second is the older name. How much of it is shown is the provider's to say.
    let summary = told.text("summary")?;
    let summary = summary.or(told.text("generate_summary")?);
    reasoning.shown = summary.map(|_| true);
    told.lose_rest(losses);
    Ok(reasoning)
}

/// `safety_identifier` is the newer name of `user`.
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

/// All that has no word, but for what says nothing or repeats the default. Chat completions have
/// `verbosity` beside the others, and so it stands here.
fn others<'a>(
    fields: Fields<'a, '_>,
    verbosity: Option<&'a RawValue>,
) -> Vec<(Cow<'a, str>, &'a RawValue)> {
    let mut others = fields.rest();
    others.retain(|(name, value)| match &**name {
        "service_tier" => value.get() != r#""auto""#,
        "truncation" => value.get() != r#""disabled""#,
        _ => !is_empty(value),
    });
    others.extend(verbosity.map(|verbosity| (Cow::Borrowed("verbosity"), verbosity)));
    others
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::part as part_told;
