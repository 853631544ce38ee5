//! Messages: who said what.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{content, thoughts};
use crate::{
    completion::{Part, PartKind, Role, Turn},
    dialects::fields::{Fields, Path},
    error::RequestError,
    translation::Losses,
};

/// Reads `messages`.
///
/// # Errors
/// There are none, or one is not as it must be.
pub(super) fn turns<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Vec<Turn<'a>>, RequestError> {
    const WANTED: &str = "a list of messages, at least one";
    let path = Path::Body.member("messages");
    let list = fields
        .take("messages")?
        .ok_or_else(|| path.wanted(WANTED))?;
    let list = path.list(list, WANTED)?;
    if list.is_empty() {
        return Err(path.wanted(WANTED));
    }
    let mut reader = Reader {
        turns: Vec::with_capacity(list.len()),
        ends_with_results: false,
        function_call: None,
        losses,
    };
    for (place, message) in list.into_iter().enumerate() {
        reader.read(message, path.place(place))?;
    }
    Ok(reader.turns)
}

struct Reader<'a, 'l> {
    turns: Vec<Turn<'a>>,
    /// Whether the last turn holds results of tools, which the next result joins: APIs want the
    /// results of parallel calls in one turn.
    ends_with_results: bool,
    /// The id that stands for the last `function_call`, which has none, until its result is there.
    function_call: Option<Cow<'a, str>>,
    losses: &'l mut Losses,
}

impl<'a> Reader<'a, '_> {
    fn read(&mut self, message: &'a RawValue, path: Path<'_>) -> Result<(), RequestError> {
        let mut fields = Fields::read(message, path)?;
        let word = fields.name("role")?;
        let role = match &*word {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => {
                // The call that it answers has told the name.
                fields.take("name")?;
                let call_id = fields.name("tool_call_id")?;
                return self.result(fields, call_id);
            }
            "function" => {
                fields.take("name")?;
                let wanted = "another one: no `function_call` is left that this could answer";
                let call = self.function_call.take();
                let call_id = call.ok_or_else(|| path.member("role").wanted(wanted))?;
                return self.result(fields, call_id);
            }
            _ => {
                let wanted = "`system`, `developer`, `user`, `assistant`, `tool` or `function`";
                return Err(path.member("role").wanted(wanted));
            }
        };
        let mut parts = match role {
            Role::Assistant => self.answer(&mut fields)?,
            _ => self.content(&mut fields, role)?,
        };
        // OpenRouter takes it beside a content that is a mere string, too.
        if let Some(mark) = fields.take("cache_control")? {
            match parts.last_mut() {
                Some(part) => part.cache_control = part.cache_control.or(Some(mark)),
                None => self.losses.add("cache_control"),
            }
        }
        fields.lose_rest(self.losses);
        self.turns.push(Turn { role, parts });
        self.ends_with_results = false;
        Ok(())
    }

    /// A content that must be there.
    fn content(
        &mut self,
        fields: &mut Fields<'a, '_>,
        role: Role,
    ) -> Result<Vec<Part<'a>>, RequestError> {
        let parts = content::parts(fields, role, self.losses)?;
        parts.ok_or_else(|| fields.path.member("content").wanted(content::WANTED))
    }

    /// What the model said, in the order in which it says it: thoughts, text, refusal, calls.
    fn answer(&mut self, fields: &mut Fields<'a, '_>) -> Result<Vec<Part<'a>>, RequestError> {
        let mut parts = thoughts::parts(fields, self.losses)?;
        let content = content::parts(fields, Role::Assistant, self.losses)?;
        parts.extend(content.unwrap_or_default());
        if let Some(refusal) = fields.text("refusal")?.filter(|text| !text.is_empty()) {
            parts.push(PartKind::Refusal(refusal).into());
        }
        let path = fields.path;
        if let Some(calls) = fields.take("tool_calls")? {
            let path = path.member("tool_calls");
            let calls = path.list(calls, "a list of tool calls")?;
            for (place, call) in calls.into_iter().enumerate() {
                parts.push(tool_call(call, path.place(place), self.losses)?.into());
            }
        }
        if let Some(call) = fields.take("function_call")? {
            let id: Cow<'a, str> = format!("call_{}", self.turns.len()).into();
            let path = path.member("function_call");
            parts.push(function(call, path, id.clone(), self.losses)?.into());
            self.function_call = Some(id);
        }
        Ok(parts)
    }

    fn result(
        &mut self,
        mut fields: Fields<'a, '_>,
        call_id: Cow<'a, str>,
    ) -> Result<(), RequestError> {
        let content = content::parts(&mut fields, Role::User, self.losses)?;
        let part = Part {
            kind: PartKind::ToolResult {
                call_id,
                content: content.unwrap_or_default(),
                is_error: false,
            },
            cache_control: fields.take("cache_control")?,
        };
        fields.lose_rest(self.losses);
        match self.turns.last_mut().filter(|_| self.ends_with_results) {
            Some(turn) => turn.parts.push(part),
            None => self.turns.push(Turn {
                role: Role::User,
                parts: vec![part],
            }),
        }
        self.ends_with_results = true;
        Ok(())
    }
}

fn tool_call<'a>(
    call: &'a RawValue,
    path: Path<'_>,
    losses: &mut Losses,
) -> Result<PartKind<'a>, RequestError> {
    let mut fields = Fields::read(call, path)?;
    // Clients that join the pieces of a stream keep their `index`.
    fields.take("index")?;
    if fields.text("type")?.is_some_and(|kind| kind != "function") {
        let wanted = "`function`: the model's provider knows no other call";
        return Err(path.member("type").wanted(wanted));
    }
    let id = fields.name("id")?;
    let at = path.member("function");
    let told = fields.take("function")?;
    let told = told.ok_or_else(|| at.wanted("an object"))?;
    let call = function(told, at, id, losses)?;
    fields.lose_rest(losses);
    Ok(call)
}

fn function<'a>(
    told: &'a RawValue,
    path: Path<'_>,
    id: Cow<'a, str>,
    losses: &mut Losses,
) -> Result<PartKind<'a>, RequestError> {
    let mut fields = Fields::read(told, path)?;
    let call = PartKind::ToolCall {
        id,
        name: fields.name("name")?,
        arguments: fields.text("arguments")?.unwrap_or_default(),
    };
    fields.lose_rest(losses);
    Ok(call)
}
