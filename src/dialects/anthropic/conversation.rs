//! Tells a request for a message in our words (API reference, "Create a Message", and the types of the
//! Python SDK 2.12, read November 2026). docs/providers.md has it field by field.

mod content;
mod options;
mod source;
mod tools;

use serde_json::value::RawValue;

use self::content::Speaker;
use crate::{
    completion::{Conversation, PartKind, Role, Turn},
    dialects::fields::{Fields, Path, is_empty},
    error::RequestError,
    translation::Losses,
};

/// Members without which the request would ask for something else than an answer, or of something
/// that only Anthropic keeps.
const REFUSED: &[&str] = &["thread", "compaction"];

/// Members of a name under which OpenAI's API has something else: no writer shall take them for it.
const ANTHROPICS_OWN: &[&str] = &["context_management", "container"];

/// Tells a request in our words.
///
/// # Errors
/// The field that is missing, of another type, or cannot be left out.
pub(super) fn read<'a>(
    body: &'a str,
    losses: &mut Losses,
) -> Result<Conversation<'a>, RequestError> {
    let mut request = Fields::of_body(body)?;
    // The route and the flow have acted on these.
    request.take("model")?;
    request.take("stream")?;
    for name in REFUSED {
        if request.take(name)?.is_some() {
            return Err(request.at(name).wanted("left out for this model"));
        }
    }

    let mut conversation = Conversation {
        turns: turns(&mut request, losses)?,
        ..Conversation::default()
    };
    tools::read(&mut request, &mut conversation, losses)?;
    options::read(&mut request, &mut conversation, losses)?;
    for name in ANTHROPICS_OWN {
        request.skip(name, &["{}"], losses)?;
    }
    conversation.others = request.rest();
    conversation.others.retain(|(_, value)| !is_empty(value));
    Ok(conversation)
}

/// The system prompt and the messages, in this order.
fn turns<'a>(
    request: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Vec<Turn<'a>>, RequestError> {
    let mut turns = Vec::new();
    if let Some(system) = request.take("system")? {
        let parts = content::read(
            system,
            &Path::Body.member("system"),
            Speaker::System,
            losses,
        )?;
        if !parts.is_empty() {
            turns.push(Turn {
                role: Role::System,
                parts,
            });
        }
    }
    let path = Path::Body.member("messages");
    let wanted = "a list of messages";
    let messages = request
        .take("messages")?
        .ok_or_else(|| path.wanted(wanted))?;
    for (place, message) in path.list(messages, wanted)?.into_iter().enumerate() {
        turns.extend(turn(message, path.place(place), losses)?);
    }
    note_prefill(&turns, losses);
    Ok(turns)
}

/// One message; `None` where all that was said is lost.
fn turn<'a>(
    message: &'a RawValue,
    path: Path<'_>,
    losses: &mut Losses,
) -> Result<Option<Turn<'a>>, RequestError> {
    let mut message = Fields::read(message, path)?;
    let role = message.text("role")?.unwrap_or_default();
    let (role, speaker) = match role.as_ref() {
        "user" => (Role::User, Speaker::User),
        "assistant" => (Role::Assistant, Speaker::Assistant),
        "system" => (Role::System, Speaker::System),
        _ => {
            let wanted = "`user`, `assistant` or `system`";
            return Err(message.at("role").wanted(wanted));
        }
    };
    let said = message.take("content")?;
    let at = message.at("content");
    let said = said.ok_or_else(|| at.wanted(content::WANTED))?;
    let parts = content::read(said, &at, speaker, losses)?;
    message.lose_rest(losses);
    let is_lost = parts.is_empty() && !matches!(said.get(), "\"\"" | "[]");
    Ok((!is_lost).then_some(Turn { role, parts }))
}

/// Anthropic's models go on with a text that the assistant has begun; others answer it.
fn note_prefill(turns: &[Turn<'_>], losses: &mut Losses) {
    let last = turns.last();
    let last = last.filter(|turn| turn.role == Role::Assistant);
    let is_prefill = last
        .and_then(|turn| turn.parts.last())
        .is_some_and(|part| matches!(part.kind, PartKind::Text(_)));
    if is_prefill {
        losses.add("prefill");
    }
}

#[cfg(test)]
mod tests;
