//! The content of a message: a string, or a list of typed parts.

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

/// What a content may be.
pub(super) const WANTED: &str = "a string or a list of parts";

/// Reads `content`; `None` where it is absent or null. Empty texts are no parts: they say nothing, and
/// some APIs refuse them.
///
/// # Errors
/// It is neither string nor list, or a part is none that this role may say.
pub(super) fn parts<'a>(
    fields: &mut Fields<'a, '_>,
    role: Role,
    losses: &mut Losses,
) -> Result<Option<Vec<Part<'a>>>, RequestError> {
    let Some(content) = fields.take("content")? else {
        return Ok(None);
    };
    let path = fields.path.member("content");
    if content.get().starts_with('"') {
        let text = path.text(content, WANTED)?;
        let text = Some(text).filter(|text| !text.is_empty());
        return Ok(Some(text.into_iter().map(text_part).collect()));
    }
    let list = path.list(content, WANTED)?;
    let mut parts = Vec::with_capacity(list.len());
    for (place, value) in list.into_iter().enumerate() {
        parts.extend(part(value, path.place(place), role, losses)?);
    }
    Ok(Some(parts))
}

fn text_part(text: Cow<'_, str>) -> Part<'_> {
    PartKind::Text(text).into()
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
        ("text", _) => Some(fields.needed_text("text")?)
            .filter(|text| !text.is_empty())
            .map(PartKind::Text),
        ("refusal", Role::Assistant) => Some(PartKind::Refusal(fields.name("refusal")?)),
        ("image_url", Role::User) => Some(image(&mut fields, losses)?),
        ("file", Role::User) => Some(file(&mut fields, losses)?),
        _ => {
            return Err(path.member("type").wanted(match role {
                Role::System => "`text`: a system prompt holds nothing else",
                Role::Assistant => "`text` or `refusal`: the model says nothing else",
                Role::User => {
                    "`text`, `image_url` or `file`: the model's provider can be told nothing else"
                }
            }));
        }
    };
    let part = match kind {
        Some(kind) => Some(Part {
            kind,
            cache_control: fields.take("cache_control")?,
        }),
        None => None,
    };
    fields.lose_rest(losses);
    Ok(part)
}

/// `image_url` is an object; Mistral and older clients write the URL itself.
fn image<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<PartKind<'a>, RequestError> {
    let outer = fields.path;
    let path = outer.member("image_url");
    let told = fields.take("image_url")?;
    let told = told.ok_or_else(|| path.wanted("an object with a `url`"))?;
    if told.get().starts_with('"') {
        let url = path.text(told, "a string")?;
        return Ok(PartKind::Image {
            source: source(url, path)?,
            detail: None,
        });
    }
    let mut fields = Fields::read(told, path)?;
    let source = source(fields.name("url")?, path.member("url"))?;
    // `auto` is what an absent one means.
    let detail = fields.text("detail")?.filter(|detail| detail != "auto");
    fields.lose_rest(losses);
    Ok(PartKind::Image { source, detail })
}

fn file<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<PartKind<'a>, RequestError> {
    let outer = fields.path;
    let path = outer.member("file");
    let told = fields.take("file")?;
    let mut fields = Fields::read(told.ok_or_else(|| path.wanted("an object"))?, path)?;
    if fields.take("file_id")?.is_some() {
        // The files that one provider keeps are not those of another.
        let wanted = "absent: send the file itself as `file_data`";
        return Err(path.member("file_id").wanted(wanted));
    }
    let source = source(fields.name("file_data")?, path.member("file_data"))?;
    let name = fields.text("filename")?;
    fields.lose_rest(losses);
    Ok(PartKind::File { source, name })
}
