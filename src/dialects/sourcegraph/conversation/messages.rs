//! What was said so far.

use crate::{
    completion::{Role, Turn},
    dialects::fields::{Fields, Path},
    error::RequestError,
    translation::Losses,
};

use super::{content, legacy};

const WANTED: &str = "a list of at least one message";

/// Reads `messages`.
///
/// # Errors
/// There is none, or one of them says nothing or what its speaker cannot say.
pub(super) fn turns<'a>(
    fields: &mut Fields<'a, '_>,
    version: u8,
    losses: &mut Losses,
) -> Result<Vec<Turn<'a>>, RequestError> {
    let path = Path::Body.member("messages");
    let messages = fields
        .take("messages")?
        .ok_or_else(|| path.wanted(WANTED))?;
    let messages = path.list(messages, WANTED)?;
    let mut turns = Vec::with_capacity(messages.len());
    for (place, message) in messages.into_iter().enumerate() {
        let path = path.place(place);
        let mut fields = Fields::read(message, path)?;
        let role = match fields.text("speaker")?.as_deref() {
            Some("human") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system") => Role::System,
            _ => {
                let wanted = "`human`, `assistant` or `system`";
                return Err(path.member("speaker").wanted(wanted));
            }
        };
        let parts = content::parts(&mut fields, role, losses)?;
        fields.lose_rest(losses);
        turns.push((place, Turn { role, parts }));
    }
    if version == 0 {
        legacy::convert(&mut turns);
    }
    if let Some((place, _)) = turns.iter().find(|(_, turn)| turn.parts.is_empty()) {
        let wanted = "one that says something: message content cannot be empty";
        return Err(path.place(*place).wanted(wanted));
    }
    if turns.is_empty() {
        return Err(path.wanted(WANTED));
    }
    Ok(turns.into_iter().map(|(_, turn)| turn).collect())
}
