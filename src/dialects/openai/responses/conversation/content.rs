//! The content of an item: a string, or a list of typed parts.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::{
    completion::{Part, PartKind, Role},
    dialects::{
        fields::{Fields, Path},
        source::source,
    },
    error::RequestError,
    translation::Losses,
};

const WANTED: &str = "a string or a list of parts";

/// Reads the member `name`, which must be there. Empty texts are no parts: they say nothing, and some
/// APIs refuse them.
///
/// # Errors
/// It is neither string nor list, or a part is none that this role may say.
pub(super) fn parts<'a>(
    fields: &mut Fields<'a, '_>,
    name: &str,
    role: Role,
    losses: &mut Losses,
) -> Result<Vec<Part<'a>>, RequestError> {
    let outer = fields.path;
    let path = outer.member(name);
    let content = fields.take(name)?.ok_or_else(|| path.wanted(WANTED))?;
    if content.get().starts_with('"') {
        let text = path.text(content, WANTED)?;
        return Ok(spoken(text).map(Part::from).into_iter().collect());
    }
    let list = path.list(content, WANTED)?;
    let mut parts = Vec::with_capacity(list.len());
    for (place, value) in list.into_iter().enumerate() {
        parts.extend(part(value, path.place(place), role, losses)?.map(Part::from));
    }
    Ok(parts)
}

fn spoken(text: Cow<'_, str>) -> Option<PartKind<'_>> {
    (!text.is_empty()).then_some(PartKind::Text(text))
}

fn part<'a>(
    value: &'a RawValue,
    path: Path<'_>,
    role: Role,
    losses: &mut Losses,
) -> Result<Option<PartKind<'a>>, RequestError> {
    let mut fields = Fields::read(value, path)?;
    let word = fields.name("type")?;
    let kind = match (&*word, role) {
        ("input_text" | "output_text", _) => spoken(fields.needed_text("text")?),
        ("refusal", Role::Assistant) => Some(PartKind::Refusal(fields.name("refusal")?)),
        ("input_image", Role::User) => Some(image(&mut fields)?),
        ("input_file", Role::User) => Some(file(&mut fields, losses)?),
        _ => {
            return Err(path.member("type").wanted(match role {
                Role::System => "`input_text`: a system prompt holds nothing else",
                Role::Assistant => "`output_text` or `refusal`: the model says nothing else",
                Role::User => "`input_text`, `input_image` or `input_file`",
            }));
        }
    };
    fields.lose_rest(losses);
    Ok(kind)
}

fn image<'a>(fields: &mut Fields<'a, '_>) -> Result<PartKind<'a>, RequestError> {
    refuse_file_id(fields, "`image_url`")?;
    let url = fields.name("image_url")?;
    Ok(PartKind::Image {
        source: source(url, fields.path.member("image_url"))?,
        detail: detail(fields)?,
    })
}

fn file<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<PartKind<'a>, RequestError> {
    refuse_file_id(fields, "`file_data` or `file_url`")?;
    let path = fields.path;
    let url = fields.text("file_url")?;
    let source = match url {
        Some(url) => source(url, path.member("file_url"))?,
        None => source(fields.name("file_data")?, path.member("file_data"))?,
    };
    if detail(fields)?.is_some() {
        path.member("detail").lose(losses);
    }
    Ok(PartKind::File {
        source,
        name: fields.text("filename")?,
    })
}

/// `auto` is what an absent one means.
fn detail<'a>(fields: &mut Fields<'a, '_>) -> Result<Option<Cow<'a, str>>, RequestError> {
    Ok(fields.text("detail")?.filter(|detail| detail != "auto"))
}

/// The files that OpenAI keeps are not those of another provider.
fn refuse_file_id(fields: &mut Fields<'_, '_>, instead: &str) -> Result<(), RequestError> {
    match fields.take("file_id")? {
        None => Ok(()),
        Some(_) => {
            let wanted = format!("absent: send what it holds as {instead}");
            Err(fields.path.member("file_id").wanted(wanted))
        }
    }
}
