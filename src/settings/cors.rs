//! `[cors]`: which web pages may read Herald's answers in a browser.

use std::{
    collections::{HashMap, HashSet},
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{diagnostics::Problems, schema::between, units::Time};

/// What stands in the list for every origin.
const ANY: &str = "*";

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CorsSection {
    origins: Vec<String>,
    #[schemars(transform = between("0s", "24h"))]
    max_age: Time,
}

/// Which web pages may read Herald's answers in a browser. Settings `[cors]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Setting `cors.origins`.
    pub origins: AllowedOrigins,
    /// How long a browser may keep the answer to a preflight, in whole seconds. Setting
    /// `cors.max_age`, default 2 h.
    pub max_age: Duration,
}

/// The origins of the pages that may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Every page: `cors.origins = ["*"]`.
    Any,
    /// Pages of these origins, each as browsers send it; at least one.
    Only(HashSet<String>),
}

impl CorsSection {
    /// `None`: no page may, which is the default.
    pub(super) fn verify(&self, problems: &mut Problems<'_>) -> Option<Cors> {
        let max_age = self.max_age;
        if max_age.0.subsec_nanos() != 0 {
            problems.at(
                "cors.max_age",
                format!("must be whole seconds, as access-control-max-age is, not {max_age}"),
            );
        }
        let is_any = self.origins.iter().any(|origin| origin == ANY);
        let mut seen = HashMap::new();
        for (index, written) in self.origins.iter().enumerate() {
            let key = format!("cors.origins[{index}]");
            if written != ANY && problems.take(&key, check(written)).is_none() {
                continue;
            }
            if written == ANY && self.origins.len() > 1 {
                let problem = "is every origin: write it alone, or only the others";
                problems.at(&key, problem);
            }
            if let Some(first) = seen.insert(written.clone(), index) {
                problems
                    .error(
                        &key,
                        format!("{written:?} is already cors.origins[{first}]"),
                    )
                    .beside(&format!("cors.origins[{first}]"), "the first")
                    .tell();
            }
        }
        let origins = if is_any {
            AllowedOrigins::Any
        } else {
            AllowedOrigins::Only(seen.into_keys().collect())
        };
        (!self.origins.is_empty()).then_some(Cors {
            origins,
            max_age: max_age.0,
        })
    }
}

/// Accepts an origin as browsers send it (WHATWG HTML, "serialization of an origin"): they compare
/// nothing but these bytes, so any other spelling would never match.
fn check(written: &str) -> Result<(), String> {
    const SHAPE: &str = "must be an origin such as \"https://app.example.com\" or \
                         \"http://localhost:3000\": scheme, host and port";
    if written == "null" {
        return Err(
            "every sandboxed page and local file is \"null\", whoever wrote it: \
                    serve the page over http or https and write its origin"
                .to_owned(),
        );
    }
    let lower = written.to_ascii_lowercase();
    let Some((scheme @ ("http" | "https"), rest)) = lower.split_once("://") else {
        return Err(SHAPE.to_owned());
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // What stands before it may be a password, so nothing of such a text is repeated.
    if authority.contains('@') {
        return Err("must have no user name and no password".to_owned());
    }
    if authority.contains('*') {
        return Err(
            "no part of an origin can be \"*\": write each origin out, or \"*\" alone for all"
                .to_owned(),
        );
    }
    if !authority.is_ascii() {
        return Err("must have its host as browsers send it, in ASCII (xn--…)".to_owned());
    }
    let (host, port) = split_port(authority);
    if !is_host(host) {
        return Err(SHAPE.to_owned());
    }
    let port = match port.map(str::parse::<u16>) {
        // Nothing behind the colon is the scheme's own port.
        _ if port == Some("") => None,
        Some(Ok(0) | Err(_)) => return Err("must have a port from 1 to 65535, or none".to_owned()),
        Some(Ok(port)) => Some(port).filter(|port| (scheme, *port) != ("http", 80)),
        None => None,
    };
    let port = port.filter(|port| (scheme, *port) != ("https", 443));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let sent = format!("{scheme}://{host}{port}");
    if sent != written {
        return Err(format!("must be as browsers send it: {sent:?}"));
    }
    Ok(())
}

/// The host, and what follows a colon behind it. The colons within brackets are those of IPv6.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let colon = authority.rfind(':');
    match colon.filter(|colon| !authority[*colon..].contains(']')) {
        Some(colon) => (&authority[..colon], Some(&authority[colon + 1..])),
        None => (authority, None),
    }
}

/// Whether it is a name or an address in the one form that browsers write.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        let parsed = address.parse::<Ipv6Addr>();
        return parsed.is_ok_and(|parsed| parsed.to_string() == address);
    }
    let is_label = |label: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.bytes().all(is_plain)
    };
    // A browser takes a host whose last label is a number for an address.
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{diagnostics::Found, origin::Origins};

    fn verify(origins: &[&str], max_age: &str) -> (Option<Cors>, String) {
        let section = CorsSection {
            origins: origins.iter().map(ToString::to_string).collect(),
            max_age: max_age.parse().unwrap(),
        };
        let from = Origins::default();
        let mut problems = Problems::new(&from, Found::default());
        let cors = section.verify(&mut problems);
        let lines: Vec<_> = problems
            .into_found()
            .list
            .iter()
            .map(ToString::to_string)
            .collect();
        (cors, lines.join("\n"))
    }

    fn refused(origin: &str) -> String {
        let (_, problems) = verify(&[origin], "2h");
        problems.replace("cors.origins[0]: ", "")
    }

    #[test]
    fn no_origins_turn_cors_off_and_a_star_allows_every_one() {
        assert_eq!(verify(&[], "2h"), (None, String::new()));
        let (cors, problems) = verify(&["*"], "0s");
        assert_eq!(problems, "");
        let expected = Cors {
            origins: AllowedOrigins::Any,
            max_age: Duration::ZERO,
        };
        assert_eq!(cors, Some(expected));
    }

    #[test]
    fn an_origin_as_browsers_send_it_is_taken_as_it_stands() {
        let written = [
            "https://app.example.com",
            "http://localhost:3000",
            "http://127.0.0.1:8080",
            "http://[::1]:3000",
            "https://xn--bcher-kva.example",
            "https://my_app.example:8443",
        ];
        let (cors, problems) = verify(&written, "2h");
        assert_eq!(problems, "");
        let only = written.iter().map(ToString::to_string).collect();
        assert_eq!(cors.unwrap().origins, AllowedOrigins::Only(only));
    }

    #[test]
    fn another_spelling_of_an_origin_is_told_how_browsers_send_it() {
        for (written, sent) in [
            ("https://app.example.com/", "https://app.example.com"),
            (
                "https://app.example.com/chat?a#b",
                "https://app.example.com",
            ),
            ("https://App.Example.com", "https://app.example.com"),
            ("HTTPS://app.example.com", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://app.example.com:80", "http://app.example.com"),
            ("http://app.example.com:443", "http://app.example.com:443"),
            ("http://app.example.com:", "http://app.example.com"),
            (
                "http://app.example.com:08080",
                "http://app.example.com:8080",
            ),
        ] {
            let told = match refused(written) {
                problem if problem.is_empty() => written.to_owned(),
                problem => problem
                    .strip_prefix("must be as browsers send it: ")
                    .unwrap_or_else(|| panic!("{written}: {problem}"))
                    .trim_matches('"')
                    .to_owned(),
            };
            assert_eq!(told, sent, "{written}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused_with_what_to_write() {
        const SHAPE: &str = "must be an origin such as \"https://app.example.com\" or \
                             \"http://localhost:3000\": scheme, host and port";
        for (written, problem) in [
            ("", SHAPE),
            ("app.example.com", SHAPE),
            ("https://", SHAPE),
            ("https://:8443", SHAPE),
            ("ftp://app.example.com", SHAPE),
            ("https://app..example.com", SHAPE),
            ("https://app example.com", SHAPE),
            ("http://127.1", SHAPE),
            ("http://[0:0::1]", SHAPE),
            ("http://::1", SHAPE),
            (
                "null",
                "every sandboxed page and local file is \"null\", whoever wrote it: serve the page \
                 over http or https and write its origin",
            ),
            (
                "https://*.example.com",
                "no part of an origin can be \"*\": write each origin out, or \"*\" alone for all",
            ),
            (
                "https://bücher.example",
                "must have its host as browsers send it, in ASCII (xn--…)",
            ),
            (
                "http://localhost:70000",
                "must have a port from 1 to 65535, or none",
            ),
            (
                "http://localhost:0",
                "must have a port from 1 to 65535, or none",
            ),
            (
                "https://user:secret@example.com",
                "must have no user name and no password",
            ),
        ] {
            assert_eq!(refused(written), problem, "{written:?}");
        }
    }

    #[test]
    fn an_origin_twice_and_a_star_beside_others_are_refused() {
        let (_, problems) = verify(&["http://a.test", "http://b.test", "http://a.test"], "2h");
        assert_eq!(
            problems,
            "cors.origins[2]: \"http://a.test\" is already cors.origins[0]"
        );
        let (_, problems) = verify(&["*", "http://a.test"], "2h");
        assert_eq!(
            problems,
            "cors.origins[0]: is every origin: write it alone, or only the others"
        );
    }

    #[test]
    fn the_age_of_a_preflight_is_whole_seconds() {
        let told = |max_age| verify(&[], max_age).1;
        assert_eq!(told("24h"), "");
        assert_eq!(
            told("1500ms"),
            "cors.max_age: must be whole seconds, as access-control-max-age is, not 1s 500ms"
        );
    }
}
