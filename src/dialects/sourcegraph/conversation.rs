//! Reads a request into our own words, in each version of the API.

mod content;
mod legacy;
mod messages;
mod tools;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::{
    completion::Conversation,
    dialects::{
        fields::{Fields, Path, is_empty},
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
    version: u8,
    losses: &mut Losses,
) -> Result<Conversation<'a>, RequestError> {
    let mut fields = Fields::of_body(body)?;
    // Whoever makes the call says these two.
    fields.take("model")?;
    fields.take("stream")?;
    let turns = messages::turns(&mut fields, version, losses)?;
    let tools = tools::read(&mut fields, losses)?;
    if version < 2 && !tools.is_empty() {
        let wanted =
            "absent: an answer of this api-version cannot tell of a call, those from 2 on can";
        return Err(RequestError::field("tools", wanted));
    }
    // Cody writes -1 where it means none, and Go 0 where nothing was written.
    let tokens: Option<i64> = fields.value("maxTokensToSample", "a whole number of tokens")?;
    let top_k: Option<i64> = fields.value("topK", "a whole number")?;
    // A pointer in Sourcegraph's source, so that 0 is said: the tokens alone.
    let logprobs: Option<u8> = fields.value("logprobs", "a whole number of 0 to 255")?;
    let top_p: Option<f64> = fields.value("topP", "a number")?;
    let temperature: Option<f64> = fields.value("temperature", "a number")?;
    Ok(Conversation {
        turns,
        tools,
        max_tokens: positive(tokens),
        stop: stop(&mut fields)?,
        temperature: temperature.filter(|told| *told >= 0.0),
        top_p: top_p.filter(|told| *told > 0.0),
        top_k: positive(top_k),
        logprobs: logprobs.map(u64::from),
        prediction: prediction::read(&mut fields, losses)?,
        others: others(fields),
        ..Conversation::default()
    })
}

fn positive(told: Option<i64>) -> Option<u64> {
    told.and_then(|told| u64::try_from(told).ok())
        .filter(|told| *told > 0)
}

fn stop<'a>(fields: &mut Fields<'a, '_>) -> Result<Vec<Cow<'a, str>>, RequestError> {
    let Some(stop) = fields.take("stopSequences")? else {
        return Ok(Vec::new());
    };
    let path = Path::Body.member("stopSequences");
    let texts = path.list(stop, "a list of strings")?.into_iter();
    texts
        .enumerate()
        .map(|(place, text)| path.place(place).text(text, "a string"))
        .collect()
}

/// All that has no word, but for what says nothing.
fn others<'a>(fields: Fields<'a, '_>) -> Vec<(Cow<'a, str>, &'a serde_json::value::RawValue)> {
    let mut others = fields.rest();
    others.retain(|(_, value)| !is_empty(value) && !matches!(value.get(), "false" | "0"));
    others
}
