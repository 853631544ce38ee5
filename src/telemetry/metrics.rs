//! What is counted and measured: the one place where a request's end becomes metrics.
//!
//! Nothing is counted here while a stream runs: its numbers gather in its record and are added at its
//! true end. What is true of this moment (open streams, queues) is looked up when somebody asks, and so
//! is what became of the limits' backend, which has counters of its own.
//! Labels come from closed sets: words of ours, and the ids of the settings. `docs/metrics.md` has a
//! row for each family.

mod catalogue;
mod exposition;
mod labels;
mod limits;
mod targets;

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Unit,
};

use crate::{
    error::Origin,
    limits::{
        LimitError,
        ceilings::Ceiling,
        counters::Counters,
        limit::{Measure, Scope},
    },
    routing::targets::Targets,
};

pub use exposition::TextFormat;
pub use labels::{LimitKind, LimitScope, ReloadResult};
pub(crate) use limits::RoundTrips;
pub(crate) use targets::Ejections;

use super::{finished_request::FinishedRequest, request_record::Outcome};
use catalogue::Catalogue;
use labels::{
    Change, Clock, Ended, Failure, HoldEnded, Limited, PhaseLabel, Reason, Reloaded, Status,
    StatusPair, Target, TokenKind, Version, Withheld,
};
use limits::LimitFamilies;

type Count<Labels> = Family<Labels, Counter>;
type Timing = Family<Target, Histogram, fn() -> Histogram>;

/// Every metric of a gateway. Cheap to share; each method may be called from any thread.
#[derive(Debug)]
pub struct Metrics {
    catalogue: Catalogue,
    requests: Count<(Target, Ended)>,
    failures: Count<(Target, Failure)>,
    responses: Count<StatusPair>,
    attempts: Count<Target>,
    failed_attempts: Count<(Target, Failure)>,
    expired_clocks: Count<(Target, Clock)>,
    holds: Count<(Target, HoldEnded)>,
    client_disconnects: Count<(Target, PhaseLabel)>,
    events: Count<Target>,
    altered_events: Count<(Target, Change)>,
    response_bytes: Count<Target>,
    tokens: Count<(Target, TokenKind)>,
    withheld_headers: Count<Withheld>,
    time_to_head: Timing,
    time_to_first_event: Timing,
    request_duration: Timing,
    reloads: Count<Reloaded>,
    limited: Count<Limited>,
    admin_refusals: Count<Reason>,
    limits: LimitFamilies,
    worker_lag: Histogram,
    open_streams: Family<PhaseLabel, Gauge>,
    queued_events: Gauge,
    queued_bytes: Gauge,
    settings_generation: Gauge,
    ready: Gauge,
}

/// Bounds of the buckets, in seconds: from what a cache needs to the default of `clocks.head`.
fn waits() -> Histogram {
    let bounds = [
        0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0,
    ];
    Histogram::new(bounds)
}

/// The same up to the default of `clocks.total`.
fn lengths() -> Histogram {
    let bounds = [
        0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0,
    ];
    Histogram::new(bounds)
}

/// Bounds of the buckets, in seconds: around the default of `server.overload_lag`.
fn lags() -> Histogram {
    let bounds = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 1.0, 5.0];
    Histogram::new(bounds)
}

impl Metrics {
    /// Those of a gateway whose limits count here, and that asks these targets.
    #[must_use]
    pub fn new(limits: &Counters, targets: &Arc<Targets>) -> Self {
        let mut c = Catalogue::default();
        c.info("build", "The running Herald", Version::ours());
        targets::register(&mut c, targets);
        Self {
            requests: c.count("requests", "Requests that are over, by how they ended"),
            failures: c.count(
                "failures",
                "Requests that failed, by error code and whose fault it was",
            ),
            responses: c.count(
                "responses",
                "Requests that are over, by Herald's status and the provider's",
            ),
            attempts: c.count("attempts", "Attempts at a provider"),
            failed_attempts: c.count(
                "failed_attempts",
                "Attempts that others followed, by why they failed",
            ),
            expired_clocks: c.count(
                "expired_clocks",
                "Requests that a clock ended, by the clock",
            ),
            holds: c.count("holds", "Streams by what ended the hold of their head"),
            client_disconnects: c.count(
                "client_disconnects",
                "Clients that left before the end, by how far the answer had come",
            ),
            events: c.count("events", "Events handed over to clients"),
            altered_events: c.count(
                "altered_events",
                "Events of providers that did not pass byte for byte",
            ),
            response_bytes: c.count_in(
                "response",
                Unit::Bytes,
                "Bytes of bodies that clients' connections took",
            ),
            tokens: c.count("tokens", "Tokens, as far as providers told them"),
            withheld_headers: c.count(
                "withheld_headers",
                "Allowed header values of providers that were kept back",
            ),
            time_to_head: c.timing(
                "time_to_head",
                "From a completion's request to Herald's head",
                waits,
            ),
            time_to_first_event: c.timing(
                "time_to_first_event",
                "From a completion's request to its first content event",
                waits,
            ),
            request_duration: c.timing(
                "request_duration",
                "From a completion's request to its true end",
                lengths,
            ),
            reloads: c.count("reloads", "Reloads of the settings, by what came of them"),
            limited: c.count("limited", "Requests that a limit of Herald's refused"),
            admin_refusals: c.count(
                "admin_refusals",
                "Requests that the admin listener's guard refused",
            ),
            limits: LimitFamilies::register(&mut c, limits),
            worker_lag: c.histogram(
                "worker_lag",
                "How late worker threads are, measured while completions come",
                lags(),
            ),
            open_streams: c.gauge(
                "open_streams",
                "Completions that are open now, by how far they have come",
            ),
            queued_events: c.gauge("queued_events", "Events that wait for slow readers now"),
            queued_bytes: c.gauge_in(
                "queued",
                Unit::Bytes,
                "Bytes that wait for slow readers now",
            ),
            settings_generation: c.gauge(
                "settings_generation",
                "The generation of the settings in force",
            ),
            ready: c.gauge("ready", "Whether requests may be sent here: 1 or 0"),
            catalogue: c,
        }
    }

    /// Counts a reload of the settings.
    pub fn reload(&self, result: ReloadResult) {
        add(&self.reloads, Reloaded::new(result), 1);
    }

    /// Counts a request that a limit of ours refused.
    pub fn limited(&self, scope: LimitScope, kind: LimitKind) {
        add(&self.limited, Limited::new(scope, kind), 1);
    }

    /// Counts a request that a limit refused; one whose limits could not be looked up is none.
    pub(crate) fn refused(&self, error: &LimitError) {
        let (scope, kind) = match error {
            LimitError::Unavailable => return,
            LimitError::Exceeded(exceeded) => {
                let scope = match exceeded.limit.scope {
                    Scope::All => LimitScope::Global,
                    Scope::Model(_) => LimitScope::Model,
                    Scope::Key(_) => LimitScope::Key,
                };
                let kind = match exceeded.limit.measure {
                    Measure::Requests | Measure::RequestsPerDay => LimitKind::Requests,
                    Measure::Tokens | Measure::TokensPerDay => LimitKind::Tokens,
                    Measure::Concurrent => LimitKind::Concurrent,
                };
                (scope, kind)
            }
            LimitError::Overloaded(ceiling) => match ceiling {
                Ceiling::Open => (LimitScope::Global, LimitKind::Concurrent),
                Ceiling::Waiting => (LimitScope::Global, LimitKind::Waiting),
                Ceiling::ProviderOpen => (LimitScope::Provider, LimitKind::Concurrent),
                Ceiling::ProviderWaiting => (LimitScope::Provider, LimitKind::Waiting),
            },
            LimitError::Late => (LimitScope::Global, LimitKind::Lag),
        };
        self.limited(scope, kind);
    }

    /// Measures how late a worker is.
    pub(crate) fn worker_lag(&self, lag: Duration) {
        self.worker_lag.observe(lag.as_secs_f64());
    }

    /// Counts a request that the admin listener's guard refused.
    pub(crate) fn refused_admin(&self, reason: &'static str) {
        add(&self.admin_refusals, Reason { reason }, 1);
    }

    /// Counts and measures a request that is over.
    pub(super) fn record(&self, request: &FinishedRequest<'_>) {
        let target = Target::of(request);
        let ended = Ended::new(request.outcome);
        add(&self.requests, target.with(ended), 1);
        if let Outcome::Failed { code, origin } = request.outcome {
            let failure = Failure::new(code, origin);
            add(&self.failures, target.with(failure), 1);
        }
        if request.outcome == Outcome::Cancelled {
            let phase = PhaseLabel::of_request(request.phase);
            add(&self.client_disconnects, target.with(phase), 1);
        }
        if let Some(clock) = Clock::that_ended(request.outcome) {
            add(&self.expired_clocks, target.with(clock), 1);
        }
        if let Some(status) = request.status {
            let pair = StatusPair {
                provider: target.provider.clone(),
                status: Status::of(status.as_u16()),
                upstream_status: Status::received(request.upstream_status),
            };
            add(&self.responses, pair, 1);
        }
        add(&self.response_bytes, target.clone(), request.bytes);
        if request.served.is_some() {
            self.record_completion(request, &target);
        }
    }

    fn record_completion(&self, request: &FinishedRequest<'_>, target: &Target) {
        let tally = &request.tally;
        let failed = request.failed_attempts;
        let last = u64::from(request.attempts).saturating_sub(failed.len() as u64);
        add(&self.attempts, target.clone(), last);
        for failed in failed {
            let target = Target {
                provider: failed.target.provider.id.as_str().into(),
                model: Arc::clone(&target.model),
            };
            let origin = match failed.error.is_own() {
                true => Origin::Gateway,
                false => Origin::Upstream,
            };
            let failure = Failure::new(failed.error.code(), origin);
            add(&self.failed_attempts, target.with(failure), 1);
            add(&self.attempts, target, 1);
        }
        add(&self.events, target.clone(), tally.events);
        for (change, count) in [
            (Change::EMPTY_DROPPED, tally.empty_events),
            (Change::UTF8_REPLACED, tally.replaced_utf8),
        ] {
            add(&self.altered_events, target.with(change), count);
        }
        if let Some(ended) = tally.hold {
            add(&self.holds, target.with(HoldEnded::new(ended)), 1);
        }
        if let Some(usage) = tally.usage {
            let kinds = [
                (TokenKind::PROMPT, usage.prompt_tokens),
                (TokenKind::COMPLETION, usage.completion_tokens),
            ];
            for (kind, count) in kinds {
                add(&self.tokens, target.with(kind), count);
            }
        }
        let (over_cap, invalid) = request.lost_headers;
        for (reason, count) in [("over_cap", over_cap), ("invalid", invalid)] {
            let provider = target.provider.clone();
            let withheld = Withheld { provider, reason };
            add(&self.withheld_headers, withheld, count as u64);
        }
        observe(&self.time_to_head, target, request.time_to_head);
        observe(&self.time_to_first_event, target, tally.time_to_first_event);
        observe(&self.request_duration, target, Some(request.duration));
    }
}

/// Adds to a count; a label set stands there from its first count on.
fn add<Labels>(family: &Count<Labels>, labels: Labels, count: u64)
where
    Labels: Clone + std::hash::Hash + Eq,
{
    if count > 0 {
        family.get_or_create(&labels).inc_by(count);
    }
}

fn observe(timing: &Timing, target: &Target, length: Option<Duration>) {
    if let Some(length) = length {
        timing.get_or_create(target).observe(length.as_secs_f64());
    }
}

#[cfg(test)]
mod tests;
