//! Pictures, documents and search results: where they are.

use std::borrow::Cow;

use super::content::{self, Speaker};
use crate::{
    completion::{Part, PartKind, Source},
    dialects::fields::Fields,
    error::RequestError,
    translation::Losses,
};

/// A block `image`.
pub(super) fn image<'a>(
    block: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<PartKind<'a>, RequestError> {
    let value = block.take("source")?;
    let path = block.at("source");
    let mut source = Fields::read(value.ok_or_else(|| path.wanted("an object"))?, path)?;
    let kind = source.text("type")?.unwrap_or_default();
    let Some(picture) = here_or_fetched(&kind, &mut source)? else {
        // A `file` stands with Anthropic, where another provider cannot read it.
        return Err(source.at("type").wanted("`base64` or `url`"));
    };
    source.lose_rest(losses);
    Ok(PartKind::Image {
        source: picture,
        detail: None,
    })
}

/// A block `document`. One that is made of blocks is told as they are, one after the other.
pub(super) fn document<'a>(
    block: &mut Fields<'a, '_>,
    losses: &mut Losses,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), RequestError> {
    let name = block.text("title")?;
    let value = block.take("source")?;
    let path = block.at("source");
    let mut source = Fields::read(value.ok_or_else(|| path.wanted("an object"))?, path)?;
    let kind = source.text("type")?.unwrap_or_default();
    let read = match kind.as_ref() {
        "text" => {
            source.skip("media_type", &[r#""text/plain""#], losses)?;
            Source::Text(source.needed_text("data")?)
        }
        "content" => {
            let blocks = source.take("content")?;
            let path = source.at("content");
            let blocks = blocks.ok_or_else(|| path.wanted(content::WANTED))?;
            parts.extend(content::read(blocks, &path, Speaker::Document, losses)?);
            source.lose_rest(losses);
            if name.is_some() {
                losses.add("file.name");
            }
            return Ok(());
        }
        kind => here_or_fetched(kind, &mut source)?.ok_or_else(|| {
            let wanted = "`base64`, `url`, `text` or `content`";
            source.at("type").wanted(wanted)
        })?,
    };
    source.lose_rest(losses);
    let file = PartKind::File { source: read, name };
    parts.push(file.into());
    Ok(())
}

/// A block `search_result`, told as a document of its texts. Where it was found is lost with the
/// block's other members.
pub(super) fn search_result<'a>(
    block: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<PartKind<'a>, RequestError> {
    let name = block.needed_text("title")?;
    let value = block.take("content")?;
    let path = block.at("content");
    let value = value.ok_or_else(|| path.wanted(content::WANTED))?;
    let mut texts = Vec::new();
    // Like a system prompt it holds nothing but texts.
    for part in content::read(value, &path, Speaker::System, losses)? {
        if part.cache_control.is_some() {
            path.member("cache_control").lose(losses);
        }
        if let PartKind::Text(text) = part.kind {
            texts.push(text);
        }
    }
    let text = match <[Cow<'a, str>; 1]>::try_from(texts) {
        Ok([text]) => text,
        Err(texts) => texts.join("\n").into(),
    };
    Ok(PartKind::File {
        source: Source::Text(text),
        name: Some(name),
    })
}

/// The two kinds of sources that pictures and documents share.
fn here_or_fetched<'a>(
    kind: &str,
    source: &mut Fields<'a, '_>,
) -> Result<Option<Source<'a>>, RequestError> {
    Ok(match kind {
        "base64" => Some(Source::Base64 {
            media_type: source.needed_text("media_type")?,
            data: source.needed_text("data")?,
        }),
        "url" => Some(Source::Url(source.needed_text("url")?)),
        _ => None,
    })
}
