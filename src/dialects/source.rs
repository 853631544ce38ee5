//! Pictures and documents, of which OpenAI's APIs tell by URL: one to fetch, or one that holds them.

use std::{borrow::Cow, ops::Range};

use crate::{completion::Source, dialects::fields::Path, error::RequestError};

/// A URL, or what a `data:` URL holds (RFC 2397).
///
/// # Errors
/// It is neither.
pub(super) fn source<'a>(url: Cow<'a, str>, path: Path<'_>) -> Result<Source<'a>, RequestError> {
    let is_scheme = |scheme: &str| {
        let start = url.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if is_scheme("http://") || is_scheme("https://") {
        return Ok(Source::Url(url));
    }
    let held = if is_scheme("data:") { held(&url) } else { None };
    let wanted = "an http: or https: URL, or a data: URL with a media type and base64";
    let (media_type, data) = held.ok_or_else(|| path.wanted(wanted))?;
    Ok(match url {
        Cow::Borrowed(url) => Source::Base64 {
            media_type: Cow::Borrowed(&url[media_type]),
            data: Cow::Borrowed(&url[data..]),
        },
        Cow::Owned(mut url) => Source::Base64 {
            media_type: url[media_type].to_owned().into(),
            data: url.split_off(data).into(),
        },
    })
}

/// Where the media type stands in a `data:` URL, and where its base64 begins.
fn held(url: &str) -> Option<(Range<usize>, usize)> {
    const START: usize = "data:".len();
    let comma = START + url[START..].find(',')?;
    let (about, coding) = url[START..comma].rsplit_once(';')?;
    let media_type = about.split(';').next().unwrap_or_default();
    let is_known = media_type.contains('/') && coding.trim().eq_ignore_ascii_case("base64");
    is_known.then_some((START..START + media_type.len(), comma + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_told_apart_from_what_a_url_holds() {
        let path = Path::Body.member("image_url");
        let read = |url: &'static str| source(Cow::Borrowed(url), path);
        assert!(matches!(read("HTTPS://x/a.png"), Ok(Source::Url(_))));
        for url in [
            "data:image/png;base64,AA==",
            "DATA:image/png;x=1;BASE64,AA==",
        ] {
            let Ok(Source::Base64 { media_type, data }) = read(url) else {
                panic!("{url}");
            };
            assert_eq!((&*media_type, &*data), ("image/png", "AA=="));
        }
        for url in [
            "",
            "ftp://x",
            "data:",
            "data:,a",
            "data:;base64,AA",
            "data:a/b,c",
            "é",
        ] {
            assert!(read(url).is_err(), "{url}");
        }
    }
}
