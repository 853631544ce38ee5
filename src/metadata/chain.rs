//! What the next Herald of a chain says of those behind it.
//!
//! None of these headers is ever copied: each is parsed here, what is odd in it is dropped, and the head
//! is written anew from what is left ([`ResponseHead`](crate::response::head::ResponseHead)). So a
//! client of a chain sees one account, however long the chain is, and nobody's bytes but Herald's.

mod hop_failure;
mod members;
mod timings;

use actix_web::http::{
    StatusCode,
    header::{HeaderMap, HeaderValue},
};

pub use hop_failure::HopFailure;

use super::{clean_text, proxy_status::Member};
use crate::{error::UpstreamReport, settings::VerifiedProvider, translation::Losses};

/// Most Heralds that a request may pass, and most whose word is taken.
pub const MAX_HOPS: usize = 8;

/// How many Heralds a request has passed: written by each that asks another.
pub const X_HERALD_HOPS: &str = "x-herald-hops";

/// Longest name of a model, in bytes: 256 characters, percent-encoded.
const MAX_MODEL: usize = 1024;

/// Longest name of a provider and longest id of a request, in bytes.
const MAX_ID: usize = 64;

/// What the next Herald said in its head, as far as it makes sense.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NextHop {
    /// Its `Proxy-Status`, 8 members at most, the one nearest to the origin first.
    pub members: Vec<Member>,
    /// The origin's own status (`x-upstream-status`).
    status: Option<u16>,
    /// Who served, by its name in the last Herald (`x-upstream-provider`).
    pub provider: Option<HeaderValue>,
    /// The model by the origin's name, percent-encoded (`x-upstream-model`).
    pub model: Option<HeaderValue>,
    /// Milliseconds to the first content event at the next Herald.
    pub time_to_first_token: Option<u64>,
    /// `Server-Timing`, each name with the number of its Herald before it, such as `hop2-connect`, and
    /// milliseconds.
    pub timings: Vec<(String, f64)>,
    /// What could not be carried behind it (`x-herald-dropped`).
    pub lost: Losses,
    /// Whether it said that a repeat is of no use.
    pub is_repeat_useless: bool,
}

impl NextHop {
    /// Reads the head of an answer of `provider`; `None` where it is no Herald.
    #[must_use]
    pub fn read(provider: &VerifiedProvider, headers: &HeaderMap) -> Option<Self> {
        if !provider.kind.is_herald() {
            return None;
        }
        let fit = |value: &HeaderValue| !provider.repeats_key(value.as_bytes());
        let only = |name: &str| only(headers, name).filter(|value| fit(value));
        let number = |name| digits(only(name)?.to_str().ok()?);
        let all = |name: &str| {
            let values = headers.get_all(name).filter(|value| fit(value));
            values.filter_map(|value| value.to_str().ok())
        };
        let mut lost = Losses::default();
        for value in all("x-herald-dropped") {
            lost.read(value);
        }
        let status = number("x-upstream-status").and_then(|status| u16::try_from(status).ok());
        Some(Self {
            members: members::read(all("proxy-status")),
            status: status.filter(|status| (100..=599).contains(status)),
            provider: only("x-upstream-provider")
                .filter(|id| is_name(id, MAX_ID))
                .cloned(),
            model: only("x-upstream-model")
                .filter(|model| is_name(model, MAX_MODEL))
                .cloned(),
            time_to_first_token: number("x-upstream-time-to-first-token"),
            timings: timings::read(all("server-timing")),
            lost,
            is_repeat_useless: only("x-should-retry").is_some_and(|value| value == "false"),
        })
    }

    /// Of an error that the origin told in its own words in a stream: whose it is.
    #[must_use]
    pub fn origin_of_event(&self) -> Option<UpstreamReport> {
        let text = |value: &Option<HeaderValue>| Some(value.as_ref()?.to_str().ok()?.to_owned());
        Some(UpstreamReport {
            provider: text(&self.provider)?,
            model: text(&self.model)?,
            status: self.status,
            code: "upstream_error_event".into(),
            error: None,
        })
    }

    /// The origin's own status. `received` is that of the next Herald, which is the origin itself if it
    /// asked nobody; if it asked, and nobody answered, there is none.
    #[must_use]
    pub fn origin_status(&self, received: StatusCode) -> Option<u16> {
        match self.provider {
            Some(_) => self.status,
            None => Some(received.as_u16()),
        }
    }
}

/// The id under which the next Herald logged the request.
#[must_use]
pub fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = only(headers, "x-herald-request-id")?.to_str().ok()?;
    let is_plain = id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_plain && (1..=MAX_ID).contains(&id.len())).then(|| id.to_owned())
}

/// How many Heralds a request has passed; what is no number is none, and one too large is the most.
#[must_use]
pub fn hops(headers: &HeaderMap) -> usize {
    let passed = only(headers, X_HERALD_HOPS).and_then(|value| digits(value.to_str().ok()?));
    passed.map_or(0, |passed| usize::try_from(passed).unwrap_or(usize::MAX))
}

/// The value of a header that stands there once; two would contradict each other.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name);
    let first = values.next();
    first.filter(|_| values.next().is_none())
}

/// A whole number of at most 15 digits, which every reader of JSON can hold.
fn digits(text: &str) -> Option<u64> {
    let is_whole = (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_whole.then(|| text.parse().ok())?
}

fn is_name(value: &HeaderValue, longest: usize) -> bool {
    let text = value.to_str().unwrap_or_default();
    (1..=longest).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && !clean_text::holds_markup_or_secret(text)
}

#[cfg(test)]
mod tests;
