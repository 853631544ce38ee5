//! Requests that a browser sends for a page of another origin, by what the browser says of them.
//!
//! A page cannot read an answer without CORS's leave, but what needs no preflight, such as a POST of
//! plain text, it can send all the same. No page can forge these two headers, and nothing but a browser
//! sends them.

use actix_web::{
    HttpRequest,
    http::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN},
};

use super::cors;
use crate::settings::{Auth, VerifiedSettings};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Among an app's data: Herald has the listener for itself, so pages are its own to refuse. An app that
/// mounts Herald may have a CORS layer and keys of its own, of which Herald does not know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnListener;

/// Whether a page sends this that may not: it may spend nothing where no key is asked for, unless it is
/// Herald's own or `cors.origins` lists it. Where one is, the key tells whether the sender may.
pub(crate) fn is_foreign(request: &HttpRequest, settings: &VerifiedSettings) -> bool {
    request.app_data::<OwnListener>().is_some()
        && matches!(settings.auth, Auth::Open)
        && !request.method().is_safe()
        && is_from_a_page_elsewhere(request.headers())
        && !cors::is_allowed(settings.cors.as_ref(), request.headers())
}

/// Whether a browser says that a page of another origin sends this (Fetch Metadata, section 2.3; Fetch,
/// section 3.1).
///
/// `Origin` is asked only where `Sec-Fetch-Site` is absent, as it is over plain HTTP from other machines:
/// a proxy that changes `Host` changes what `Origin` is compared with.
pub(crate) fn is_from_a_page_elsewhere(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let host = headers.get(HOST).map(HeaderValue::to_str);
    let origin = origin.to_str().ok().and_then(|text| text.split_once("://"));
    match (origin, host) {
        (Some((_, authority)), Some(Ok(host))) => authority != host,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_elsewhere_is_known_by_what_its_browser_says() {
        let host = ("host", "127.0.0.1:1");
        for (pairs, expected) in [
            (&[][..], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("origin", "http://a.test"), host], true),
            (&[("origin", "null"), host], true),
            (&[("origin", "http://127.0.0.1:1")], true),
            (&[("origin", "http://127.0.0.1:1"), host], false),
            (&[("origin", "http://127.0.0.1:2"), host], true),
            // A proxy has changed the host, and the browser knows better.
            (
                &[
                    ("origin", "https://a.test"),
                    ("sec-fetch-site", "same-origin"),
                    host,
                ],
                false,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                let name = HeaderName::from_static(name);
                headers.append(name, HeaderValue::from_static(value));
            }
            assert_eq!(is_from_a_page_elsewhere(&headers), expected, "{pairs:?}");
        }
    }
}
