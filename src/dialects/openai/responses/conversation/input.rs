//! Input: one text of the user's, or items of what was said and done so far.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{NO_STATE, content};
use crate::{
    completion::{Part, PartKind, Role, Turn},
    dialects::{
        fields::{Fields, Path},
        openai::responses::thought::Proof,
    },
    error::RequestError,
    translation::Losses,
};

/// Items that tell what OpenAI's own tools did: what the model then said of it stands beside them.
const TOLD_BESIDE: [&str; 6] = [
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_list_tools",
    "mcp_call",
];

const ROLES: &str = "`system`, `developer`, `user` or `assistant`";

/// Reads `input` behind the turns that are there.
///
/// # Errors
/// There is none, or an item is not as it must be, or of a kind that cannot be left out.
pub(super) fn read<'a>(
    fields: &mut Fields<'a, '_>,
    turns: &mut Vec<Turn<'a>>,
    losses: &mut Losses,
) -> Result<(), RequestError> {
    const WANTED: &str = "a string or a list of items, at least one";
    let path = Path::Body.member("input");
    let input = fields.take("input")?.ok_or_else(|| path.wanted(WANTED))?;
    let mut reader = Reader {
        turns,
        joins: None,
        losses,
    };
    if input.get().starts_with('"') {
        let text = path.text(input, WANTED)?;
        reader.add(Role::User, None, vec![PartKind::Text(text).into()]);
        return Ok(());
    }
    let items = path.list(input, WANTED)?;
    if items.is_empty() {
        return Err(path.wanted(WANTED));
    }
    for (place, item) in items.into_iter().enumerate() {
        reader.read(item, path.place(place))?;
    }
    Ok(())
}

/// What may follow in the same turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joins {
    /// More of the model's: its thoughts, texts and calls are items of their own.
    Answer,
    /// Results of more calls: APIs want those of parallel calls in one turn.
    Results,
}

struct Reader<'a, 'l> {
    turns: &'l mut Vec<Turn<'a>>,
    /// What may join the last turn.
    joins: Option<Joins>,
    losses: &'l mut Losses,
}

impl<'a> Reader<'a, '_> {
    fn read(&mut self, item: &'a RawValue, path: Path<'_>) -> Result<(), RequestError> {
        let mut fields = Fields::read(item, path)?;
        // Both tell of the item as OpenAI keeps it, and say nothing to a model.
        fields.take("status")?;
        let is_reference = fields.take("id")?.is_some();
        match fields.text("type")?.as_deref() {
            Some("message") => {
                let role = fields.name("role")?;
                self.message(&mut fields, &role)?;
            }
            Some("function_call") => {
                let call = PartKind::ToolCall {
                    id: fields.name("call_id")?,
                    name: fields.name("name")?,
                    arguments: fields.text("arguments")?.unwrap_or_default(),
                };
                self.add(Role::Assistant, Some(Joins::Answer), vec![call.into()]);
            }
            Some("function_call_output") => {
                // The call that it answers has told the name.
                fields.take("name")?;
                let result = PartKind::ToolResult {
                    call_id: fields.name("call_id")?,
                    content: content::parts(&mut fields, "output", Role::User, self.losses)?,
                    is_error: false,
                };
                self.add(Role::User, Some(Joins::Results), vec![result.into()]);
            }
            Some("reasoning") => {
                let parts = thought(&mut fields, self.losses)?;
                self.add(Role::Assistant, Some(Joins::Answer), parts);
            }
            // A message may leave its type out, and so may a reference.
            None => match fields.text("role")? {
                Some(role) => self.message(&mut fields, &role)?,
                None if is_reference => return Err(path.member("id").wanted(NO_STATE)),
                None => return Err(path.member("role").wanted(ROLES)),
            },
            Some("item_reference") => return Err(path.member("type").wanted(NO_STATE)),
            Some(kind) if TOLD_BESIDE.contains(&kind) => {
                path.member(kind).lose(self.losses);
                return Ok(());
            }
            Some(_) => {
                let wanted = "`message`, `function_call`, `function_call_output` or `reasoning`: \
                              the model's provider can be told nothing else";
                return Err(path.member("type").wanted(wanted));
            }
        }
        fields.lose_rest(self.losses);
        Ok(())
    }

    fn message(&mut self, fields: &mut Fields<'a, '_>, role: &str) -> Result<(), RequestError> {
        let (role, joins) = match role {
            "system" | "developer" => (Role::System, None),
            "user" => (Role::User, None),
            "assistant" => (Role::Assistant, Some(Joins::Answer)),
            _ => return Err(fields.path.member("role").wanted(ROLES)),
        };
        let parts = content::parts(fields, "content", role, self.losses)?;
        self.add(role, joins, parts);
        Ok(())
    }

    fn add(&mut self, role: Role, joins: Option<Joins>, parts: Vec<Part<'a>>) {
        let same = joins.is_some() && joins == self.joins;
        match self.turns.last_mut().filter(|_| same) {
            Some(turn) => turn.parts.extend(parts),
            None => self.turns.push(Turn { role, parts }),
        }
        self.joins = joins;
    }
}

/// A thought: its text, its proof, or both.
fn thought<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Vec<Part<'a>>, RequestError> {
    let path = fields.path;
    let summary = texts(fields, "summary", losses)?;
    let mut text = texts(fields, "content", losses)?;
    if text.is_empty() {
        text = summary;
    } else if !summary.is_empty() {
        path.member("summary").lose(losses);
    }
    let proof = fields.text("encrypted_content")?;
    let mut kinds = Vec::new();
    let mut signature = None;
    match proof.filter(|proof| !proof.is_empty()).map(Proof::read) {
        None => {}
        Some(Proof::Signature(proof)) => signature = Some(proof),
        Some(Proof::Redacted(data)) => kinds.push(PartKind::RedactedThinking(data)),
        Some(Proof::Foreign) => path.member("encrypted_content").lose(losses),
    }
    if !text.is_empty() || signature.is_some() {
        kinds.push(PartKind::Thinking { text, signature });
    }
    Ok(kinds.into_iter().map(Part::from).collect())
}

/// The texts of a list of parts as one; a slice of the body where there is but one.
fn texts<'a>(
    fields: &mut Fields<'a, '_>,
    name: &str,
    losses: &mut Losses,
) -> Result<Cow<'a, str>, RequestError> {
    let outer = fields.path;
    let path = outer.member(name);
    let mut all = Cow::Borrowed("");
    let Some(list) = fields.take(name)? else {
        return Ok(all);
    };
    for (place, part) in path.list(list, "a list of texts")?.into_iter().enumerate() {
        let mut part = Fields::read(part, path.place(place))?;
        part.take("type")?;
        let text = part.text("text")?.unwrap_or_default();
        part.lose_rest(losses);
        if all.is_empty() {
            all = text;
        } else if !text.is_empty() {
            let all = all.to_mut();
            all.push_str("\n\n");
            all.push_str(&text);
        }
    }
    Ok(all)
}
