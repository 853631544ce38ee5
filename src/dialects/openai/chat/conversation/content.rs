//! The content of a message: a string, or a list of typed parts.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::{
    completion::{Part, PartKind, Role, Source},
    dialects::openai::fields::{Fields, Path},
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
    let Some(content) = fields.take("content") else {
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
        ("text", _) => {
            let text = fields.text("text")?;
            let text = text.ok_or_else(|| path.member("text").wanted("a string"))?;
            Some(text)
                .filter(|text| !text.is_empty())
                .map(PartKind::Text)
        }
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
    let part = kind.map(|kind| Part {
        kind,
        cache_control: fields.take("cache_control"),
    });
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
    let told = fields.take("image_url");
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
    let told = fields.take("file");
    let mut fields = Fields::read(told.ok_or_else(|| path.wanted("an object"))?, path)?;
    if fields.take("file_id").is_some() {
        // The files that one provider keeps are not those of another.
        let wanted = "absent: send the file itself as `file_data`";
        return Err(path.member("file_id").wanted(wanted));
    }
    let source = source(fields.name("file_data")?, path.member("file_data"))?;
    let name = fields.text("filename")?;
    fields.lose_rest(losses);
    Ok(PartKind::File { source, name })
}

/// A URL, or what a `data:` URL holds (RFC 2397).
fn source<'a>(url: Cow<'a, str>, path: Path<'_>) -> Result<Source<'a>, RequestError> {
    let is_scheme = |scheme: &str| {
        let start = url.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if is_scheme("http://") || is_scheme("https://") {
        return Ok(Source::Url(url));
    }
    let held = Some("data:".len()).filter(|_| is_scheme("data:"));
    let held = held.and_then(|start| held_in(&url, start));
    let (media_type, data) = held.ok_or_else(|| {
        path.wanted("an http: or https: URL, or a data: URL with a media type and base64")
    })?;
    Ok(match url {
        Cow::Borrowed(url) => Source::Base64 {
            media_type: Cow::Borrowed(&url[media_type]),
            data: Cow::Borrowed(&url[data]),
        },
        Cow::Owned(mut url) => {
            let media_type = url[media_type].to_owned();
            url.drain(..data.start);
            Source::Base64 {
                media_type: media_type.into(),
                data: url.into(),
            }
        }
    })
}

/// Where the media type and the data stand in a `data:` URL.
fn held_in(
    url: &str,
    start: usize,
) -> Option<(std::ops::Range<usize>, std::ops::RangeFrom<usize>)> {
    let comma = start + url[start..].find(',')?;
    let mut told = url[start..comma].split(';');
    let media_type = told.next().filter(|media_type| media_type.contains('/'))?;
    let is_base64 = told
        .next_back()
        .is_some_and(|word| word.trim().eq_ignore_ascii_case("base64"));
    is_base64.then_some((start..start + media_type.len(), comma + 1..))
}
