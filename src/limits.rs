//! Admission, second part: how much?
//!
//! A request meets the limits of all, of its model and of its key, and is counted by all of them or by
//! none. What it holds is a [`Reservation`] in the request's record, so that whatever the request's end
//! is, it is settled there: tokens by what they came to, what runs at once by its end. Beside the limits
//! stand ceilings on what is open at all ([`ceilings`]).
//!
//! **Invariants.** Counts belong to the process and outlast reloads: they are kept by whom a limit is for,
//! what it measures and the length of its window. No worker waits for a lock while another one waits for
//! anything.

pub mod ceilings;
pub mod counters;
pub mod limit;
pub mod reservation;
pub mod window;

pub mod redis;

mod headers;
mod local;

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::header::{HeaderName, HeaderValue};

use self::redis::{RedisCounts, RedisSettings};
use crate::{
    alive::Alive,
    settings::{LimitBackend, LimitSettings, OnBackendError, VerifiedProvider, VerifiedSettings},
};
use ceilings::{Ceiling, Ceilings, Level, OpenPermit, WaitingPermit};
use counters::Counters;
use limit::{Limit, Measure};
use local::LocalCounts;
use reservation::{Counter, Estimate, Held, Reservation};
use window::Reading;

/// The limits' state of one gateway.
#[derive(Debug, Default)]
pub struct Limits {
    counters: Arc<Counters>,
    local: Arc<LocalCounts>,
    redis: Mutex<Option<RedisCounts>>,
    ceilings: Arc<Ceilings>,
    reservations: Alive,
}

/// Why a request was not let in, although its key is good.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LimitError {
    /// A limit of the settings.
    #[error("{}", .0.limit)]
    Exceeded(Box<Exceeded>),
    /// The counts of the fleet cannot be asked, and `limits.on_backend_error` is `"refuse"`.
    #[error("the limits cannot be looked up at the moment")]
    Unavailable,
    /// A ceiling on what is open at once.
    #[error("too many completions are open ({})", .0.setting())]
    Overloaded(Ceiling),
    /// The worker that the request came to has more to do than it can.
    #[error("the gateway has more to do than it can at the moment (server.overload_lag)")]
    Late,
}

impl LimitError {
    /// The code under which clients and logs know it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exceeded(exceeded) => match exceeded.limit.measure {
                Measure::Requests | Measure::Tokens => "gateway_rate_limited",
                Measure::RequestsPerDay | Measure::TokensPerDay => "gateway_quota_exhausted",
                Measure::Concurrent => "gateway_concurrency_limited",
            },
            Self::Unavailable => "gateway_limits_unavailable",
            Self::Overloaded(_) | Self::Late => "gateway_overloaded",
        }
    }
}

/// A limit that has no room for a request.
#[derive(Clone, Debug)]
pub struct Exceeded {
    /// The one that the client has to wait for longest.
    pub limit: Arc<Limit>,
    /// Seconds until a repeat can be let in, at least 1.
    pub retry_after: u64,
    /// What all of the request's limits said.
    readings: Vec<(Arc<Limit>, Reading)>,
}

impl Exceeded {
    /// `RateLimit-Policy`, `RateLimit` and OpenAI's `x-ratelimit-*`.
    #[must_use]
    pub fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        headers::of_refused(&self.readings)
    }

    /// `x-ratelimit-limit` and `x-ratelimit-remaining`, as Sourcegraph has them: of the limit that the
    /// client has to wait for longest.
    #[must_use]
    pub fn plain_headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        headers::plain(&self.limit, &self.readings)
    }
}

impl Limits {
    /// Counts a request with all of its limits, if each has room for it.
    ///
    /// # Errors
    /// One has not; or nobody can tell, and the settings say that it is refused then.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, nothing stays counted.
    pub async fn reserve(
        &self,
        settings: &LimitSettings,
        limits: impl Iterator<Item = &Arc<Limit>>,
        estimate: Estimate,
    ) -> Result<Reservation, LimitError> {
        let wishes: Vec<_> = limits
            .map(|limit| (Arc::clone(limit), limit.cost(estimate.total())))
            .collect();
        if wishes.is_empty() {
            return Ok(Reservation::none());
        }
        let LimitBackend::Redis(redis) = &settings.backend else {
            return self.judged(self.reserve_here(wishes, estimate));
        };
        match self.redis(redis).reserve(wishes.clone(), estimate).await {
            Ok(reservation) => self.judged(reservation),
            Err(away) => {
                self.counters.backend_failed(away);
                match settings.on_backend_error {
                    OnBackendError::Refuse => {
                        self.counters.refused_without_backend();
                        Err(LimitError::Unavailable)
                    }
                    OnBackendError::Local => {
                        self.counters.decided_locally();
                        self.judged(self.reserve_here(wishes, estimate))
                    }
                    OnBackendError::Allow => {
                        self.counters.allowed_without_backend();
                        Ok(Reservation::none())
                    }
                }
            }
        }
    }

    /// Counts in this process.
    fn reserve_here(&self, wishes: Vec<(Arc<Limit>, u64)>, estimate: Estimate) -> Reservation {
        let at_ms = self.local.now_ms();
        let readings = self.local.reserve(at_ms, &wishes);
        let is_counted = readings.iter().all(|reading| reading.wait_ms == 0);
        let counted_by = if is_counted {
            Counter::Local(Arc::clone(&self.local))
        } else {
            Counter::Nobody
        };
        let held = Held {
            wishes,
            readings,
            at_ms,
            estimate,
        };
        Reservation::new(held, counted_by)
    }

    /// The counts in the Redis of these settings; connected to when it is first met.
    fn redis(&self, settings: &RedisSettings) -> RedisCounts {
        // Nothing in here can leave it half changed, and nothing in here waits.
        let mut redis = self.redis.lock().unwrap_or_else(PoisonError::into_inner);
        match &*redis {
            Some(counts) if counts.is_of(settings) => counts.clone(),
            _ => redis
                .insert(RedisCounts::start(settings, &self.counters))
                .clone(),
        }
    }

    /// Lets a request in if its limits did.
    fn judged(&self, mut reservation: Reservation) -> Result<Reservation, LimitError> {
        let held = reservation.held();
        let waits = held.readings.iter().map(|reading| reading.wait_ms);
        let longest = waits.enumerate().max_by_key(|(_, wait)| *wait);
        let Some((index, wait_ms)) = longest.filter(|(_, wait)| *wait > 0) else {
            self.counters.admitted();
            reservation.alive = Some(self.reservations.enter());
            return Ok(reservation);
        };
        let limit = Arc::clone(&held.wishes[index].0);
        self.counters.refused(limit.measure);
        let limits = held.wishes.iter().map(|(limit, _)| Arc::clone(limit));
        Err(LimitError::Exceeded(Box::new(Exceeded {
            limit,
            retry_after: wait_ms.div_ceil(1000).max(1),
            readings: limits.zip(held.readings.iter().copied()).collect(),
        })))
    }

    /// Takes a place among the open completions and among those that wait for the provider's head.
    ///
    /// # Errors
    /// A ceiling is met.
    pub fn enter(
        &self,
        settings: &VerifiedSettings,
        provider: &VerifiedProvider,
    ) -> Result<(OpenPermit, WaitingPermit), LimitError> {
        let all = settings.upstream.ceilings;
        let entered = self.ceilings.enter(&provider.id, all, provider.ceilings);
        entered.map_err(|ceiling| {
            self.counters.overloaded(ceiling);
            LimitError::Overloaded(ceiling)
        })
    }

    /// What is open now.
    #[must_use]
    pub fn level(&self) -> Level {
        self.ceilings.level()
    }

    /// The permits of ceilings that are out.
    #[cfg(feature = "testkit")]
    pub(crate) fn permits(&self) -> &Alive {
        self.ceilings.permits()
    }

    /// The reservations that were let in by and are not settled.
    #[cfg(feature = "testkit")]
    pub(crate) fn reservations(&self) -> &Alive {
        &self.reservations
    }

    /// What was done so far, for metrics.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
