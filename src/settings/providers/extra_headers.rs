//! `headers`: what is added to every request to a provider.

use std::collections::BTreeMap;

use awc::http::header::{HeaderName, HeaderValue};

use crate::settings::diagnostics::Problems;

const CREDENTIALS: [&str; 5] = [
    "authorization",
    "x-api-key",
    "api-key",
    "proxy-authorization",
    "cookie",
];

/// Framing and what hops (RFC 9110 section 7.6.1), and what Herald decides by itself.
const OURS: [&str; 11] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "accept",
    "accept-encoding",
];

/// Takes the headers that make sense and notes the others.
pub(super) fn verify(
    headers: &BTreeMap<String, String>,
    key: &str,
    problems: &mut Problems<'_>,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut taken: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (name, value) in headers {
        let at = format!("{key}.{name}");
        let name = parse_name(name).and_then(|name| {
            let is_taken = taken.iter().any(|(other, _)| *other == name);
            let twice = "is written twice, because case does not matter";
            if is_taken { Err(twice) } else { Ok(name) }
        });
        let name = match name {
            Ok(name) => name,
            Err(problem) => {
                problems.error(&at, problem).at_the_name().tell();
                continue;
            }
        };
        let value = HeaderValue::from_str(value).map_err(
            |_| "has a value that cannot stand in a header: visible ASCII and spaces only",
        );
        if let Some(mut value) = problems.take(&at, value) {
            // Keeps it out of debug forms: it may be somebody's secret all the same.
            value.set_sensitive(true);
            taken.push((name, value));
        }
    }
    taken
}

fn parse_name(name: &str) -> Result<HeaderName, &'static str> {
    let name: HeaderName = name.parse().map_err(|_| "is not a header name")?;
    if CREDENTIALS.contains(&name.as_str()) {
        return Err("is a credential: use api_key, which keeps the value out of the settings");
    }
    if OURS.contains(&name.as_str()) || name.as_str().starts_with("content-") {
        return Err("is written by Herald itself");
    }
    Ok(name)
}
