//! The provider's limits, for clients who know them by Sourcegraph's names alone.

use std::time::{Duration, SystemTime};

use actix_web::http::{
    StatusCode,
    header::{HeaderName, HeaderValue, RETRY_AFTER},
};

use super::{ResponseHead, X_UPSTREAM_STATUS};
use crate::{
    error::respond::retry_after,
    metadata::header_policy::{Fate, PolicyForKey},
};

const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RETRY_AFTER_MS: &str = "retry-after-ms";

/// Longest wait that is told: a hundred years, which every clock can add to now.
const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;

impl ResponseHead {
    /// The same, and where it is a provider's 429 that stays one, `x-ratelimit-limit`,
    /// `x-ratelimit-remaining` and `retry-after` say what its other headers have said of them.
    ///
    /// Told is only what a rule lets out, and only under a name that a rule lets out too. Limits of
    /// Herald's stand in other headers, and a refusal of Herald's has no such head.
    #[must_use]
    pub fn with_plain_limits(mut self, policy: PolicyForKey<'_>) -> Self {
        let is_theirs = self.value(X_UPSTREAM_STATUS.as_str()) == Some("429");
        if self.status != StatusCode::TOO_MANY_REQUESTS || !is_theirs {
            return self;
        }
        let mut told = Vec::new();
        let is_said = |name: &HeaderName| self.headers.iter().any(|(said, _)| said == name);
        if !is_said(&X_RATELIMIT_LIMIT) && !is_said(&X_RATELIMIT_REMAINING) {
            told = self.requests();
        }
        if !is_said(&RETRY_AFTER) {
            told.extend(self.wait());
        }
        told.retain(|(name, _)| matches!(policy.judge(name), Fate::Passes { .. }));
        self.headers.extend(told);
        self
    }

    /// The limit of requests and what is left of it, by OpenAI's names, else by Anthropic's; never one
    /// by these and the other by those.
    fn requests(&self) -> Vec<(HeaderName, HeaderValue)> {
        let named = [
            [
                "x-ratelimit-limit-requests",
                "x-ratelimit-remaining-requests",
            ],
            [
                "anthropic-ratelimit-requests-limit",
                "anthropic-ratelimit-requests-remaining",
            ],
        ];
        let both = named.map(|names| names.map(|name| whole(self.value(name)?)));
        let found = both.into_iter().find(|[limit, _]| limit.is_some());
        let [limit, remaining] = found.unwrap_or_default();
        let limit = limit.map(|limit| (X_RATELIMIT_LIMIT, HeaderValue::from(limit)));
        let remaining = remaining.map(|left| (X_RATELIMIT_REMAINING, HeaderValue::from(left)));
        limit.into_iter().chain(remaining).collect()
    }

    /// When a repeat can pass: by `retry-after-ms`; else once the limits are whole again of which
    /// nothing is left.
    fn wait(&self) -> Option<(HeaderName, HeaderValue)> {
        let told = self.value(RETRY_AFTER_MS).and_then(milliseconds);
        let reset = || {
            let resets = ["requests", "tokens"].into_iter().filter_map(|what| {
                let left = self.value(&format!("x-ratelimit-remaining-{what}"))?;
                let reset = self.value(&format!("x-ratelimit-reset-{what}"))?;
                duration(reset).filter(|_| whole(left) == Some(0))
            });
            resets.max()
        };
        if let Some(wait) = told.or_else(reset) {
            return Some(retry_after(
                wait.as_millis().div_ceil(1000).try_into().ok()?,
            ));
        }
        let kinds = ["requests", "tokens", "input-tokens", "output-tokens"];
        let resets = kinds.into_iter().filter_map(|what| {
            let left = self.value(&format!("anthropic-ratelimit-{what}-remaining"))?;
            let reset = self.value(&format!("anthropic-ratelimit-{what}-reset"))?;
            let reset: SystemTime = humantime::parse_rfc3339(reset).ok()?;
            (whole(left) == Some(0)).then_some(reset)
        });
        let date = httpdate::fmt_http_date(resets.max()?);
        Some((RETRY_AFTER, HeaderValue::from_str(&date).ok()?))
    }

    /// The only value of a name; two would contradict each other.
    fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(said, _)| said == name);
        let (_, value) = values.next()?;
        value.to_str().ok().filter(|_| values.next().is_none())
    }
}

/// A whole number of at most 15 digits, which a script can hold.
fn whole(text: &str) -> Option<u64> {
    let is_whole = (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_whole.then(|| text.parse().ok())?
}

/// A number of digits, with a fraction or none, and what stands behind it.
fn number(text: &str) -> Option<(f64, &str)> {
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let end = text.bytes().position(|byte| !is_part(byte));
    let (number, rest) = text.split_at(end.unwrap_or(text.len()));
    Some((number.parse().ok()?, rest))
}

fn milliseconds(text: &str) -> Option<Duration> {
    match number(text)? {
        (millis, "") => seconds(millis / 1000.0),
        _ => None,
    }
}

/// A length as OpenAI writes it, such as `6ms`, `1s` and `6m0s`, and Groq, `2m59.56s`.
fn duration(text: &str) -> Option<Duration> {
    let (mut sum, mut rest) = (0.0, text);
    loop {
        let (count, tail) = number(rest)?;
        let end = tail.bytes().position(|byte| !byte.is_ascii_alphabetic());
        let (unit, tail) = tail.split_at(end.unwrap_or(tail.len()));
        sum += count
            * match unit {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = tail;
        if rest.is_empty() {
            return seconds(sum);
        }
    }
}

fn seconds(seconds: f64) -> Option<Duration> {
    (seconds <= LONGEST).then(|| Duration::try_from_secs_f64(seconds).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::header_policy::{HeaderCaps, HeaderPolicy, HeaderRule, KeyHeaderRules};

    fn rules(names: &[&str]) -> Vec<HeaderRule> {
        let rule = |name: &&str| HeaderRule {
            name: (*name).to_owned(),
            rename: None,
        };
        names.iter().map(rule).collect()
    }

    /// What is told of a 429 whose head says this, with the default rules but for what a key hides.
    fn told(status: &'static str, said: &[(&'static str, &'static str)], hide: &[&str]) -> String {
        let caps = HeaderCaps {
            headers: 64,
            bytes: 1 << 14,
        };
        let allow = rules(&["x-ratelimit-*", "anthropic-ratelimit-*", "retry-after*"]);
        let policy = HeaderPolicy::compile(&allow, caps).unwrap();
        let hide: Vec<_> = hide.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyHeaderRules::default().hiding(&hide).unwrap();
        let status = ("x-upstream-status", status);
        let header = |(name, value): &(&'static str, &'static str)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        };
        let headers: Vec<_> = said.iter().chain([&status]).map(header).collect();
        let first = headers.len();
        let head = ResponseHead {
            status: StatusCode::TOO_MANY_REQUESTS,
            forwarded: 0..first - 1,
            headers,
        };
        let head = head.with_plain_limits(policy.for_key(Some(&key)));
        let told = head.headers[first..]
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        told.collect::<Vec<_>>().join(", ")
    }

    const OPENAI: [(&str, &str); 2] = [
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-remaining-requests", "0"),
    ];
    const ANTHROPIC: [(&str, &str); 2] = [
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "7"),
    ];

    #[test]
    fn a_limit_of_requests_is_told_by_sourcegraphs_names_and_by_one_providers_words() {
        let plain = "x-ratelimit-limit: 500, x-ratelimit-remaining: 0";
        assert_eq!(told("429", &OPENAI, &[]), plain);
        let plain = "x-ratelimit-limit: 50, x-ratelimit-remaining: 7";
        assert_eq!(told("429", &ANTHROPIC, &[]), plain);
        let mixed = [OPENAI[0], ANTHROPIC[0], ANTHROPIC[1]];
        assert_eq!(told("429", &mixed, &[]), "x-ratelimit-limit: 500");
    }

    #[test]
    fn nothing_is_told_of_another_status_or_beside_the_providers_own_word() {
        assert_eq!(told("503", &OPENAI, &[]), "");
        for own in ["x-ratelimit-limit", "x-ratelimit-remaining"] {
            assert_eq!(told("429", &[OPENAI[0], (own, "3")], &[]), "", "{own}");
        }
        let waits = [("retry-after", "3"), ("retry-after-ms", "9000")];
        assert_eq!(told("429", &waits, &[]), "");
    }

    #[test]
    fn nothing_is_told_that_the_key_hides() {
        for hide in ["x-ratelimit-limit", "x-ratelimit-*", "*"] {
            let told = told("429", &OPENAI, &[hide]);
            assert!(!told.contains("x-ratelimit-limit:"), "{hide}: {told}");
        }
        let wait = [("retry-after-ms", "9000")];
        assert_eq!(told("429", &wait, &["retry-after"]), "");
    }

    #[test]
    fn a_limit_that_is_no_whole_number_is_none() {
        for value in ["", "1.5", "-1", "500, 500;w=60", "1e3", "9999999999999999"] {
            let said = [("x-ratelimit-limit-requests", value)];
            assert_eq!(told("429", &said, &[]), "", "{value}");
        }
        assert_eq!(told("429", &[OPENAI[0], OPENAI[0]], &[]), "");
    }

    #[test]
    fn the_wait_is_told_in_seconds_that_are_enough() {
        for (millis, seconds) in [
            ("1500", Some("2")),
            ("1000", Some("1")),
            ("1", Some("1")),
            ("1500.7", Some("2")),
            ("soon", None),
            ("1s", None),
            ("1.2.3", None),
            (".", None),
            ("99999999999999999999", None),
        ] {
            let told = told("429", &[("retry-after-ms", millis)], &[]);
            let expected = seconds.map(|seconds| format!("retry-after: {seconds}"));
            assert_eq!(told, expected.unwrap_or_default(), "{millis}");
        }
    }

    #[test]
    fn of_resets_those_are_waited_for_of_which_nothing_is_left() {
        for (requests, tokens, expected) in [
            (("0", "6m0s"), ("9", "9h"), "retry-after: 360"),
            (("0", "6ms"), ("0", "2m59.56s"), "retry-after: 180"),
            (("1", "6m0s"), ("9", "1s"), ""),
            (("0", "1700000000"), ("9", "1s"), ""),
            (("0", "6 m"), ("0", "m"), ""),
        ] {
            let said = [
                ("x-ratelimit-remaining-requests", requests.0),
                ("x-ratelimit-reset-requests", requests.1),
                ("x-ratelimit-remaining-tokens", tokens.0),
                ("x-ratelimit-reset-tokens", tokens.1),
            ];
            let told = told("429", &said, &["x-ratelimit-remaining"]);
            assert_eq!(told, expected, "{requests:?} {tokens:?}");
        }
        let said = [
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            (
                "anthropic-ratelimit-input-tokens-reset",
                "2026-11-23T10:08:07Z",
            ),
            ("anthropic-ratelimit-requests-remaining", "3"),
            ("anthropic-ratelimit-requests-reset", "2027-11-23T10:08:07Z"),
        ];
        let date = "retry-after: Mon, 23 Nov 2026 10:08:07 GMT";
        let hide = ["x-ratelimit-limit", "x-ratelimit-remaining"];
        assert_eq!(told("429", &said, &hide), date);
    }
}
