//! A conversation of one text as the prompt that is to be completed.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

use crate::{
    completion::{Conversation, PartKind, Role, Turn},
    error::RequestError,
    providers::CallBody,
    translation::Losses,
};

/// The body (OpenAI API reference, "Create completion", read November 2026).
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    prompt: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// Writes the body of a call; what a prompt has no place for is noted as lost.
///
/// # Errors
/// What is said is not one text of the user's, or functions may be called: to leave either out would
/// make another question of it.
pub(super) fn write(
    conversation: Conversation<'_>,
    call: CallBody<'_>,
    losses: &mut Losses,
) -> Result<Bytes, RequestError> {
    if !conversation.tools.is_empty() {
        let wanted = "absent: the model's provider completes a prompt and calls nothing";
        return Err(RequestError::field("tools", wanted));
    }
    let names = conversation.others.iter().map(|(name, _)| &**name);
    for name in names.chain(conversation.top_k.map(|_| "top_k")) {
        losses.add(name);
    }
    let asks_for_usage = call.stream && call.ask_for_usage && call.terms.chat.include_usage;
    let body = Body {
        model: call.model,
        prompt: prompt(conversation.turns, losses)?,
        max_tokens: conversation.max_tokens,
        stop: conversation.stop,
        temperature: conversation.temperature,
        top_p: conversation.top_p,
        logprobs: conversation.logprobs,
        user: conversation.end_user,
        stream: call.stream.then_some(true),
        stream_options: asks_for_usage.then_some(StreamOptions {
            include_usage: true,
        }),
    };
    let text = serde_json::to_vec(&body).expect("strings and numbers always serialise");
    Ok(Bytes::from(text))
}

/// The text of the only message, whose parts are one after the other as they stand.
fn prompt<'a>(turns: Vec<Turn<'a>>, losses: &mut Losses) -> Result<Cow<'a, str>, RequestError> {
    let refuse = || {
        let wanted = "one message of the user's that is nothing but text: the model's provider completes it as a prompt";
        RequestError::field("messages", wanted)
    };
    let Ok([turn]) = <[Turn<'_>; 1]>::try_from(turns) else {
        return Err(refuse());
    };
    if turn.role != Role::User {
        return Err(refuse());
    }
    let mut prompt = Cow::Borrowed("");
    for part in turn.parts {
        if part.cache_control.is_some() {
            losses.add("cache_control");
        }
        match part.kind {
            PartKind::Text(text) => prompt += text,
            _ => return Err(refuse()),
        }
    }
    Ok(prompt)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        completion::{Part, Tool},
        providers::Terms,
    };

    fn turn(role: Role, texts: &[&'static str]) -> Turn<'static> {
        let texts = texts.iter().copied().map(Cow::Borrowed);
        Turn {
            role,
            parts: texts.map(|text| PartKind::Text(text).into()).collect(),
        }
    }

    fn written(conversation: Conversation<'_>) -> Result<(Value, String), RequestError> {
        let call = CallBody {
            model: "starcoder",
            stream: true,
            ask_for_usage: true,
            terms: Terms::default(),
        };
        let mut losses = Losses::default();
        let body = write(conversation, call, &mut losses)?;
        Ok((serde_json::from_slice(&body).unwrap(), losses.to_string()))
    }

    #[test]
    fn one_text_of_the_users_is_the_prompt() {
        let id = serde_json::value::to_raw_value("rust").unwrap();
        let (body, lost) = written(Conversation {
            turns: vec![turn(Role::User, &["fn ", "main"])],
            max_tokens: Some(9),
            stop: vec!["\n".into()],
            temperature: Some(0.5),
            top_p: Some(0.75),
            top_k: Some(3),
            logprobs: Some(2),
            others: vec![("languageId".into(), &id)],
            ..Conversation::default()
        })
        .unwrap();
        assert_eq!(
            body,
            json!({
                "model": "starcoder", "prompt": "fn main", "max_tokens": 9, "stop": ["\n"], "temperature": 0.5,
                "top_p": 0.75, "logprobs": 2, "stream": true, "stream_options": { "include_usage": true },
            })
        );
        assert_eq!(lost, "languageId, top_k");
    }

    #[test]
    fn what_is_no_prompt_is_refused_by_its_field() {
        let said = |turns| Conversation {
            turns,
            ..Conversation::default()
        };
        let picture: Part<'_> = PartKind::RedactedThinking("x".into()).into();
        let mut shown = turn(Role::User, &["a"]);
        shown.parts.push(picture);
        let tool = Tool {
            name: "look".into(),
            description: None,
            parameters: None,
            strict: None,
            cache_control: None,
        };
        for (conversation, field) in [
            (said(vec![]), "messages"),
            (said(vec![turn(Role::System, &["a"])]), "messages"),
            (
                said(vec![
                    turn(Role::User, &["a"]),
                    turn(Role::Assistant, &["b"]),
                ]),
                "messages",
            ),
            (said(vec![shown]), "messages"),
            (
                Conversation {
                    tools: vec![tool],
                    ..said(vec![turn(Role::User, &["a"])])
                },
                "tools",
            ),
        ] {
            let error = written(conversation).unwrap_err();
            assert!(error.to_string().contains(&format!("`{field}`")), "{error}");
        }
    }
}
