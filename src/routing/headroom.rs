//! What is left of a target's quotas, as far as its heads tell, and when it asked to be left alone.
//!
//! Whatever is odd in a head is passed over: providers write these headers in many ways, and to know
//! nothing of a quota is the state that every target begins in.

mod reset;

use std::time::{Duration, SystemTime};

use actix_web::http::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use tokio::time::Instant;

/// How quotas steer requests. Settings `[headroom]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadroomRules {
    /// The share of a quota, 0 to 1, below which its target's weight shrinks in proportion; 0: it never
    /// does. Setting `headroom.below`, default 0.1.
    pub below: f64,
    /// How long at most a target is left alone that has nothing left or asks for it; zero: it never is.
    /// Setting `headroom.max_rest`, default 60 s.
    pub max_rest: Duration,
}

/// What of its weight a target always keeps: else one that says that nothing is left would not be asked
/// when its rest is over, and nobody would learn that there is more again.
const LEAST_FACTOR: f64 = 0.01;

impl HeadroomRules {
    /// By what a target's weight is multiplied, 0.01 to 1.
    #[must_use]
    pub fn factor(&self, headroom: Option<f64>) -> f64 {
        match headroom {
            Some(left) if left < self.below => (left / self.below).max(LEAST_FACTOR),
            _ => 1.0,
        }
    }
}

/// What a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaKind {
    /// Requests.
    Requests,
    /// Tokens.
    Tokens,
    /// Tokens of prompts.
    InputTokens,
    /// Tokens of answers.
    OutputTokens,
    /// The provider does not say.
    Unnamed,
}

impl QuotaKind {
    /// Each of them.
    pub const ALL: [Self; 5] = [
        Self::Requests,
        Self::Tokens,
        Self::InputTokens,
        Self::OutputTokens,
        Self::Unnamed,
    ];

    /// Its name in the admin listener's answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Unnamed => "unnamed",
        }
    }

    /// The headers that tell of it: limit, what remains, and the reset; one triple for each way of
    /// writing them. OpenAI and those after it have the first, Anthropic the second (headers of recorded
    /// answers and both references, read in November 2026).
    fn headers(self) -> &'static [[HeaderName; 3]] {
        match self {
            Self::Requests => &REQUESTS,
            Self::Tokens => &TOKENS,
            Self::InputTokens => &INPUT_TOKENS,
            Self::OutputTokens => &OUTPUT_TOKENS,
            Self::Unnamed => &UNNAMED,
        }
    }
}

// Names and not text, which would be made a name anew for each head.
static REQUESTS: [[HeaderName; 3]; 2] = [
    [
        HeaderName::from_static("x-ratelimit-limit-requests"),
        HeaderName::from_static("x-ratelimit-remaining-requests"),
        HeaderName::from_static("x-ratelimit-reset-requests"),
    ],
    [
        HeaderName::from_static("anthropic-ratelimit-requests-limit"),
        HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
        HeaderName::from_static("anthropic-ratelimit-requests-reset"),
    ],
];
static TOKENS: [[HeaderName; 3]; 2] = [
    [
        HeaderName::from_static("x-ratelimit-limit-tokens"),
        HeaderName::from_static("x-ratelimit-remaining-tokens"),
        HeaderName::from_static("x-ratelimit-reset-tokens"),
    ],
    [
        HeaderName::from_static("anthropic-ratelimit-tokens-limit"),
        HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
        HeaderName::from_static("anthropic-ratelimit-tokens-reset"),
    ],
];
static INPUT_TOKENS: [[HeaderName; 3]; 1] = [[
    HeaderName::from_static("anthropic-ratelimit-input-tokens-limit"),
    HeaderName::from_static("anthropic-ratelimit-input-tokens-remaining"),
    HeaderName::from_static("anthropic-ratelimit-input-tokens-reset"),
]];
static OUTPUT_TOKENS: [[HeaderName; 3]; 1] = [[
    HeaderName::from_static("anthropic-ratelimit-output-tokens-limit"),
    HeaderName::from_static("anthropic-ratelimit-output-tokens-remaining"),
    HeaderName::from_static("anthropic-ratelimit-output-tokens-reset"),
]];
static UNNAMED: [[HeaderName; 3]; 1] = [[
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
]];
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// What a head told of one quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How much there is of it, at least 1.
    pub limit: u64,
    /// How much of that was left, at most all of it.
    pub remaining: u64,
    /// When the reading is worth nothing any more.
    pub reset: Instant,
}

impl Quota {
    /// The share that was left, 0 to 1.
    #[must_use]
    pub fn headroom(&self) -> f64 {
        // Whoever counts beyond 2^53 tokens is off by one.
        self.remaining as f64 / self.limit as f64
    }
}

/// The quotas of one target, as its last heads told them.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    readings: [Option<Reading>; QuotaKind::ALL.len()],
    /// Until when `retry-after` asked to be left alone.
    rest: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    quota: Quota,
    /// Until when there is nothing to be had of it.
    rest: Option<Instant>,
}

impl Quotas {
    /// Takes over what a head tells. A quota that it does not mention stays as it was.
    pub(super) fn read(
        &mut self,
        status: u16,
        headers: &HeaderMap,
        now: Instant,
        rules: &HeadroomRules,
    ) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let head = Head {
            headers,
            now,
            // Against the provider's own clock an absolute time is right, whatever ours says.
            date: date.and_then(|date| httpdate::parse_http_date(date).ok()),
        };
        for kind in QuotaKind::ALL {
            let told = kind.headers().iter().find_map(|names| head.quota(names));
            if let Some(quota) = told {
                let is_empty = quota.remaining == 0;
                let rest = is_empty.then(|| quota.reset.min(now + rules.max_rest));
                self.readings[kind as usize] = Some(Reading { quota, rest });
            }
        }
        if let Some(wait) = head.retry_after() {
            let until = now + wait.min(rules.max_rest);
            self.rest = Some(self.rest.map_or(until, |rest| rest.max(until)));
        } else if status == TOO_MANY_REQUESTS {
            self.rest_at_the_scarcest(now, rules);
        }
    }

    /// A refusal that does not say when to come back is taken to be for the quota that had least left.
    fn rest_at_the_scarcest(&mut self, now: Instant, rules: &HeadroomRules) {
        let readings = self.readings.iter_mut().flatten();
        let ahead = readings.filter(|reading| reading.quota.reset > now);
        let left = |reading: &Reading| reading.quota.headroom();
        if let Some(reading) = ahead.min_by(|a, b| left(a).total_cmp(&left(b))) {
            reading.rest = Some(reading.quota.reset.min(now + rules.max_rest));
        }
    }

    /// The smallest share of a quota that is left, 0 to 1; `None` where nothing is known.
    pub(super) fn headroom(&self, now: Instant) -> Option<f64> {
        let shares = self.known(now).map(|(_, quota)| quota.headroom());
        shares.min_by(f64::total_cmp)
    }

    /// Until when the target is to be left alone.
    pub(super) fn rests_until(&self, now: Instant) -> Option<Instant> {
        let of_quotas = self
            .readings
            .iter()
            .flatten()
            .filter_map(|reading| reading.rest);
        let latest = of_quotas.chain(self.rest).max();
        latest.filter(|until| *until > now)
    }

    /// What was told and still counts.
    pub(super) fn known(&self, now: Instant) -> impl Iterator<Item = (QuotaKind, Quota)> {
        let readings = QuotaKind::ALL.into_iter().zip(&self.readings);
        readings.filter_map(move |(kind, reading)| {
            let quota = reading.as_ref()?.quota;
            (quota.reset > now).then_some((kind, quota))
        })
    }
}

const TOO_MANY_REQUESTS: u16 = 429;

/// The headers of one head, and its moment.
struct Head<'h> {
    headers: &'h HeaderMap,
    now: Instant,
    date: Option<SystemTime>,
}

impl Head<'_> {
    /// The quota that the three headers tell of, if all of them are there and make sense. A limit of
    /// nothing is how some write that there is none.
    fn quota(&self, [limit, remaining, reset]: &[HeaderName; 3]) -> Option<Quota> {
        let limit = count(self.text(limit)?)?;
        let remaining = count(self.text(remaining)?)?.min(limit);
        let wait = reset::wait(self.text(reset)?, self.date)?;
        (limit > 0).then_some(Quota {
            limit,
            remaining,
            reset: self.now.checked_add(wait)?,
        })
    }

    /// How long it asks to be left alone, in the finer of the two headers.
    fn retry_after(&self) -> Option<Duration> {
        let millis = || {
            let millis: f64 = self.text(&RETRY_AFTER_MS)?.parse().ok()?;
            Duration::try_from_secs_f64(millis / 1000.0).ok()
        };
        millis().or_else(|| reset::wait(self.text(&RETRY_AFTER)?, self.date))
    }

    fn text(&self, name: &HeaderName) -> Option<&str> {
        let text = self.headers.get(name)?.to_str().ok()?;
        Some(text.trim())
    }
}

/// A count, as some write it with decimals.
fn count(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        // The cast cuts the decimals off, and saturates.
        (number.is_finite() && number >= 0.0).then_some(number as u64)
    })
}

#[cfg(test)]
mod tests;
