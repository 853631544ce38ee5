//! What one message says: a text, or a list of typed parts.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::{
    completion::{Part, PartKind, Role, Source},
    dialects::{
        fields::{Fields, Path},
        source::source,
    },
    error::RequestError,
    translation::Losses,
};

/// Reads `content`, or `text` where there is none, and `cacheEnabled`. Empty texts are no parts.
///
/// # Errors
/// It is neither string nor list, or a part is none that this speaker may say.
pub(super) fn parts<'a>(
    fields: &mut Fields<'a, '_>,
    role: Role,
    losses: &mut Losses,
) -> Result<Vec<Part<'a>>, RequestError> {
    let text = fields.text("text")?;
    let mut parts = match fields.take("content")? {
        Some(content) => list(content, fields.path.member("content"), role, losses)?,
        None => Vec::new(),
    };
    // Clients that send both say the same in both.
    if parts.is_empty() {
        parts.extend(text_part(text));
    }
    let is_cached: Option<bool> = fields.value("cacheEnabled", "true or false")?;
    if is_cached == Some(true)
        && let Some(last) = parts.last_mut()
        && last.cache_control.is_none()
    {
        last.cache_control = serde_json::from_str(r#"{"type":"ephemeral"}"#).ok();
    }
    Ok(parts)
}

fn list<'a>(
    content: &'a RawValue,
    path: Path<'_>,
    role: Role,
    losses: &mut Losses,
) -> Result<Vec<Part<'a>>, RequestError> {
    const WANTED: &str = "a string or a list of parts";
    if content.get().starts_with('"') {
        let text = path.text(content, WANTED)?;
        return Ok(text_part(Some(text)).into_iter().collect());
    }
    let list = path.list(content, WANTED)?;
    let mut parts = Vec::with_capacity(list.len());
    for (place, value) in list.into_iter().enumerate() {
        parts.extend(part(value, path.place(place), role, losses)?);
    }
    Ok(parts)
}

fn text_part(text: Option<Cow<'_, str>>) -> Option<Part<'_>> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| PartKind::Text(text).into())
}

fn part<'a>(
    value: &'a RawValue,
    path: Path<'_>,
    role: Role,
    losses: &mut Losses,
) -> Result<Option<Part<'a>>, RequestError> {
    let mut fields = Fields::read(value, path)?;
    let word = fields.name("type")?;
    let kind = match (&*word, role) {
        ("text", _) => {
            let text = fields.text("text")?.filter(|text| !text.is_empty());
            text.map(PartKind::Text)
        }
        ("image_url", Role::User) => Some(image(&mut fields, losses)?),
        ("context_file", Role::User) => Some(file(&mut fields)?),
        ("thinking", Role::Assistant) => Some(PartKind::Thinking {
            text: fields.text("thinking")?.unwrap_or_default(),
            signature: None,
        }),
        ("tool_call", Role::Assistant) => {
            // What the client has shown of it.
            fields.take("tool_result")?;
            Some(within(&mut fields, "tool_call", losses, call)?)
        }
        ("tool_result", Role::User) => {
            fields.take("output")?;
            Some(within(&mut fields, "tool_result", losses, result)?)
        }
        ("context_repo", _) => {
            let wanted = "no `context_repo`: Herald has no repositories";
            return Err(path.member("type").wanted(wanted));
        }
        _ => {
            return Err(path.member("type").wanted(match role {
                Role::System => "`text`: a system prompt holds nothing else",
                Role::Assistant => "`text`, `thinking` or `tool_call`: the model says nothing else",
                Role::User => "`text`, `image_url`, `context_file` or `tool_result`",
            }));
        }
    };
    let cache_control = fields.take("cache_control")?;
    let part = kind.map(|kind| Part {
        kind,
        cache_control,
    });
    fields.lose_rest(losses);
    Ok(part)
}

/// Reads what stands under a part's own name, or in the part itself.
fn within<'a>(
    fields: &mut Fields<'a, '_>,
    name: &'static str,
    losses: &mut Losses,
    read: impl Fn(&mut Fields<'a, '_>) -> Result<PartKind<'a>, RequestError>,
) -> Result<PartKind<'a>, RequestError> {
    let path = fields.path;
    match fields.take(name)? {
        None => read(fields),
        Some(value) => {
            let mut inner = Fields::read(value, path.member(name))?;
            let kind = read(&mut inner)?;
            inner.lose_rest(losses);
            Ok(kind)
        }
    }
}

fn call<'a>(fields: &mut Fields<'a, '_>) -> Result<PartKind<'a>, RequestError> {
    Ok(PartKind::ToolCall {
        id: fields.name("id")?,
        name: fields.name("name")?,
        arguments: text_or_json(fields, "arguments")?,
    })
}

fn result<'a>(fields: &mut Fields<'a, '_>) -> Result<PartKind<'a>, RequestError> {
    let call_id = fields.name("id")?;
    let text = text_or_json(fields, "content")?;
    Ok(PartKind::ToolResult {
        call_id,
        content: text_part(Some(text)).into_iter().collect(),
        is_error: false,
    })
}

/// A text, or the text of a value that is none.
fn text_or_json<'a>(
    fields: &mut Fields<'a, '_>,
    name: &'static str,
) -> Result<Cow<'a, str>, RequestError> {
    match fields.take(name)? {
        None => Ok(Cow::Borrowed("")),
        Some(value) if value.get().starts_with('"') => {
            fields.path.member(name).text(value, "a string")
        }
        Some(value) => Ok(Cow::Borrowed(value.get())),
    }
}

fn image<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<PartKind<'a>, RequestError> {
    let outer = fields.path;
    let path = outer.member("image_url");
    let told = fields.take("image_url")?;
    let mut told = Fields::read(
        told.ok_or_else(|| path.wanted("an object with a `url`"))?,
        path,
    )?;
    let source = source(told.name("url")?, path.member("url"))?;
    let detail = told.text("detail")?.filter(|detail| detail != "auto");
    told.lose_rest(losses);
    Ok(PartKind::Image { source, detail })
}

/// A file whose text the client has sent; without it a server would have to have the file.
fn file<'a>(fields: &mut Fields<'a, '_>) -> Result<PartKind<'a>, RequestError> {
    let name = fields.text("uri")?;
    let text = fields.text("content")?.ok_or_else(|| {
        let wanted = "the file's text: Herald has no repositories";
        fields.path.member("content").wanted(wanted)
    })?;
    Ok(PartKind::File {
        source: Source::Text(text),
        name,
    })
}
