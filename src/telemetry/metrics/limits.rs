//! What is told of the limits' backend.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Unit,
};

use super::{Count, catalogue::Catalogue, labels::Reason};
use crate::limits::{
    counters::{Counters, Counts},
    redis::away::Away,
};

/// The families of the limits' backend. What they count gathers in [`Counters`], and is looked up.
#[derive(Debug)]
pub(super) struct LimitFamilies {
    backend_errors: Count<Reason>,
    fallbacks: Count<Policy>,
    lost_corrections: Counter,
    backend_up: Gauge,
}

/// What became of requests that the backend could not be asked about: `limits.on_backend_error`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Policy {
    policy: &'static str,
}

impl LimitFamilies {
    pub(super) fn register(c: &mut Catalogue, counters: &Counters) -> Self {
        let lost_corrections = Counter::default();
        c.register(
            "limits_lost_corrections",
            None,
            "Requests whose end the backend could not be told",
            lost_corrections.clone(),
        );
        c.register(
            "limits_round_trip",
            Some(Unit::Seconds),
            "From a question to Redis to its answer",
            counters.round_trips().0.clone(),
        );
        Self {
            backend_errors: c.count(
                "limits_backend_errors",
                "Requests whose limits the backend could not be asked about, by why",
            ),
            fallbacks: c.count(
                "limits_fallbacks",
                "What became of these requests: limits.on_backend_error",
            ),
            lost_corrections,
            backend_up: c.gauge(
                "limits_backend_up",
                "Whether limits can be counted where the settings say: 1 or 0",
            ),
        }
    }

    /// Takes over what was counted.
    pub(super) fn look_at(&self, counts: &Counts) {
        for (away, count) in Away::ALL.into_iter().zip(counts.backend_errors) {
            let reason = away.name();
            raise(&self.backend_errors, Reason { reason }, count);
        }
        for (policy, count) in [
            ("refuse", counts.refused_without_backend),
            ("local", counts.decided_locally),
            ("allow", counts.allowed_without_backend),
        ] {
            raise(&self.fallbacks, Policy { policy }, count);
        }
        let lost = self.lost_corrections.inner();
        lost.fetch_max(counts.lost_corrections, Relaxed);
        self.backend_up.set(counts.backend_is_up.into());
    }
}

/// Brings a count up to a number; of two that look at once, the later one's stays.
fn raise<Labels>(family: &Count<Labels>, labels: Labels, count: u64)
where
    Labels: Clone + std::hash::Hash + Eq,
{
    if count > 0 {
        family
            .get_or_create(&labels)
            .inner()
            .fetch_max(count, Relaxed);
    }
}

/// How long Redis takes to answer, by what it was asked.
#[derive(Clone, Debug)]
pub(crate) struct RoundTrips(Family<Asked, Histogram, fn() -> Histogram>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    asked: &'static str,
}

impl Default for RoundTrips {
    /// Bounds of the buckets in seconds: from the same machine to four times the default of
    /// `limits.redis.command`.
    fn default() -> Self {
        Self(Family::new_with_constructor(|| {
            let bounds = [
                0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
            ];
            Histogram::new(bounds)
        }))
    }
}

impl RoundTrips {
    /// `asked` is the name of a script.
    pub(crate) fn observe(&self, asked: &'static str, length: Duration) {
        let histogram = self.0.get_or_create(&Asked { asked });
        histogram.observe(length.as_secs_f64());
    }
}
