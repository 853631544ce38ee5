//! What one request holds of its limits, until it is settled.

use std::{fmt, sync::Arc};

use actix_web::http::header::{HeaderName, HeaderValue};

use super::{headers, limit::Limit, local::LocalCounts, redis::RedisLease, window::Reading};
use crate::alive::Living;

/// How many tokens a request may come to, as far as can be told before it is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Of the prompt: a quarter of the request's bytes.
    pub prompt: u64,
    /// Of the answer: the client's own bound, else `limits.answer_tokens`; for each choice.
    pub answer: u64,
}

impl Estimate {
    /// From the length of a request's body and what it bounds the answer to.
    #[must_use]
    pub fn new(body_bytes: usize, answer: u64) -> Self {
        Self {
            prompt: tokens_of(body_bytes as u64),
            answer,
        }
    }

    /// Both.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.prompt.saturating_add(self.answer)
    }
}

/// About as many tokens as some bytes of text have: four bytes each.
#[must_use]
pub fn tokens_of(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

/// What a request holds of its limits: its share of what may run at once, and what it is counted with.
///
/// Dropping it ends its running. Unless [`settle`](Self::settle) said before what it spent, nobody was
/// asked, and all of it is given back.
pub struct Reservation {
    held: Held,
    counted_by: Counter,
    spent_tokens: Option<u64>,
    /// `None` until a request was let in by it.
    pub(super) alive: Option<Living>,
}

/// What was counted, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// The limits and what was counted in each.
    pub(super) wishes: Vec<(Arc<Limit>, u64)>,
    /// What each said, in the same order, the costs not in it.
    pub(super) readings: Vec<Reading>,
    /// When, by the clock of whoever counts, in milliseconds since 1970.
    pub(super) at_ms: u64,
    pub(super) estimate: Estimate,
}

/// Who counted it.
pub(super) enum Counter {
    Nobody,
    Local(Arc<LocalCounts>),
    Redis(RedisLease),
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reservation").field(&self.held).finish()
    }
}

impl Reservation {
    pub(super) fn new(held: Held, counted_by: Counter) -> Self {
        Self {
            held,
            counted_by,
            spent_tokens: None,
            alive: None,
        }
    }

    /// What was counted, or what refused: then nothing was counted.
    pub(super) fn held(&self) -> &Held {
        &self.held
    }

    /// Nothing of any limit.
    #[must_use]
    pub fn none() -> Self {
        Self::new(Held::default(), Counter::Nobody)
    }

    /// The estimate that it was counted with.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        self.held.estimate
    }

    /// `RateLimit-Policy` and `RateLimit` of what it meets; nothing where it meets no limit.
    #[must_use]
    pub fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        headers::of_admitted(&self.held.wishes, &self.held.readings, self.held.at_ms)
    }

    /// Says that a provider was asked, and what it came to in tokens.
    pub fn settle(&mut self, spent_tokens: u64) {
        self.spent_tokens = Some(spent_tokens);
    }

    /// By how much each count is to be changed.
    fn corrections(&self) -> Vec<(Arc<Limit>, i64)> {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let correction = |(limit, cost): &(Arc<Limit>, u64)| {
            let by = match self.spent_tokens {
                _ if limit.cut().is_none() => -1,
                None => -signed(*cost),
                Some(spent) if limit.measure.counts_tokens() => signed(spent) - signed(*cost),
                Some(_) => 0,
            };
            (by != 0).then(|| (Arc::clone(limit), by))
        };
        self.held.wishes.iter().filter_map(correction).collect()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let corrections = self.corrections();
        if corrections.is_empty() {
            return;
        }
        match &self.counted_by {
            Counter::Nobody => {}
            Counter::Local(counts) => {
                counts.correct(counts.now_ms(), self.held.at_ms, &corrections);
            }
            Counter::Redis(lease) => lease.correct(self.held.at_ms, corrections),
        }
    }
}
