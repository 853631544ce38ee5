//! What is known of one target.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use actix_web::http::header::HeaderMap;
use tokio::time::Instant;

use super::{
    headroom::{HeadroomRules, Quota, QuotaKind, Quotas},
    outliers::{AttemptResult, Begun, Change, Health, OutlierRules, Phase, Tally},
    times::{Awaited, Times},
};
use crate::{
    alive::{Alive, Living},
    providers::ProviderId,
    telemetry::metrics::Ejections,
};

/// Which target: who is asked, for which model by the name that it has there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetKey {
    /// Setting `models.targets.provider`.
    pub provider: ProviderId,
    /// Setting `models.targets.model`.
    pub upstream_model: Arc<str>,
}

impl TargetKey {
    /// The target of these two settings.
    #[must_use]
    pub fn new(provider: &ProviderId, upstream_model: &str) -> Self {
        Self {
            provider: provider.clone(),
            upstream_model: upstream_model.into(),
        }
    }
}

impl fmt::Display for TargetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.upstream_model, self.provider)
    }
}

/// Whether a target may be asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    In,
    /// It was left out, and its time is over: the next request is the probe that decides.
    Trial,
    /// That probe is on its way; others go elsewhere.
    Probing,
    /// It failed too often.
    Ejected {
        /// When its trial begins.
        until: Instant,
    },
    /// It has nothing left of a quota, or said so.
    Resting {
        /// When it may be asked again.
        until: Instant,
    },
}

/// What is known of one target, shared by all workers.
#[derive(Debug)]
pub struct TargetState {
    key: TargetKey,
    in_flight: AtomicUsize,
    /// Attempts at all targets together.
    alive: Alive,
    known: Mutex<Known>,
    ejections: Ejections,
}

#[derive(Debug, Default)]
struct Known {
    health: Health,
    quotas: Quotas,
    times: Times,
}

impl Known {
    fn standing(&self, now: Instant) -> Standing {
        let rest = self.quotas.rests_until(now);
        match (self.health.phase(now), rest) {
            (Phase::Ejected { until }, _) => Standing::Ejected { until },
            (Phase::Probing, _) => Standing::Probing,
            (Phase::Trial | Phase::In, Some(until)) => Standing::Resting { until },
            (Phase::Trial, None) => Standing::Trial,
            (Phase::In, None) => Standing::In,
        }
    }
}

impl TargetState {
    /// A target that nothing is known of.
    #[must_use]
    pub fn new(key: TargetKey) -> Self {
        Self::counted(key, Ejections::default(), Alive::default())
    }

    /// The same, whose ejections and whose attempts are counted there.
    pub(super) fn counted(key: TargetKey, ejections: Ejections, alive: Alive) -> Self {
        Self {
            key,
            in_flight: AtomicUsize::new(0),
            alive,
            known: Mutex::default(),
            ejections,
        }
    }

    /// Which one it is.
    #[must_use]
    pub fn key(&self) -> &TargetKey {
        &self.key
    }

    /// Attempts that have begun and not ended.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// Begins an attempt, whatever the target's standing; it is the probe if the standing is
    /// [`Trial`](Standing::Trial). It is over when what is returned is dropped.
    pub fn begin(self: &Arc<Self>, now: Instant) -> InFlight {
        let begun = self.lock().health.begin(now);
        self.in_flight.fetch_add(1, Relaxed);
        InFlight {
            target: Arc::clone(self),
            begun,
            _living: self.alive.enter(),
        }
    }

    /// Takes over what a head of the target, whatever its status, tells of quotas and rests.
    pub fn note_head(&self, status: u16, headers: &HeaderMap, now: Instant, rules: &HeadroomRules) {
        self.lock().quotas.read(status, headers, now, rules);
    }

    /// Notes how long an attempt took until what is awaited came.
    pub fn note_time(&self, awaited: Awaited, length: Duration) {
        self.lock().times.note(awaited, length);
    }

    /// How long so many in a hundred of its recent attempts took at most; `None` while too few are known.
    #[must_use]
    pub fn usual_time(&self, awaited: Awaited, percent: u8) -> Option<Duration> {
        self.lock().times.percentile(awaited, percent)
    }

    /// Whether it may be asked.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Standing {
        self.lock().standing(now)
    }

    /// The share of its scarcest quota that is left, 0 to 1; `None` where nothing is known.
    #[must_use]
    pub fn headroom(&self, now: Instant) -> Option<f64> {
        self.lock().quotas.headroom(now)
    }

    /// Both at one look.
    pub(super) fn look(&self, now: Instant) -> (Standing, Option<f64>) {
        let known = self.lock();
        (known.standing(now), known.quotas.headroom(now))
    }

    /// All that is known.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> TargetSnapshot {
        let known = self.lock();
        TargetSnapshot {
            key: self.key.clone(),
            in_flight: self.in_flight(),
            standing: known.standing(now),
            is_ejected: known.health.phase(now) != Phase::In,
            consecutive_failures: known.health.consecutive_failures(),
            lately: known.health.lately(now),
            ejections: known.health.ejections(),
            headroom: known.quotas.headroom(now),
            quotas: known.quotas.known(now).collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing in here can leave it half changed.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt at a target that is on its way. Dropping it ends the attempt; a probe whose result was not
/// told then leaves its place to the next request.
#[derive(Debug)]
#[must_use = "dropping it ends the attempt"]
pub struct InFlight {
    target: Arc<TargetState>,
    begun: Begun,
    _living: Living,
}

impl InFlight {
    /// Whom it asks.
    #[must_use]
    pub fn target(&self) -> &Arc<TargetState> {
        &self.target
    }

    /// Whether this attempt decides if the target comes back, and has not done so yet.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.begun.is_probe()
    }

    /// Tells what came of it.
    ///
    /// A success may be told as soon as it is sure, such as when the head is committed, so that a probe
    /// need not last as long as its stream. If the attempt fails after that, the failure is told too.
    /// What says nothing of the target (the client left, the request was refused for what it asks) is not told.
    pub fn note(&mut self, result: AttemptResult, now: Instant, rules: &OutlierRules) {
        let target = &self.target;
        let change = target
            .lock()
            .health
            .note(&mut self.begun, result, now, rules);
        let TargetKey {
            provider,
            upstream_model,
        } = &target.key;
        match change {
            Some(Change::Ejected { length }) => {
                target.ejections.count(&target.key);
                tracing::warn!(
                    %provider,
                    upstream_model = &**upstream_model,
                    ejection_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX),
                    "a target fails and is left out"
                );
            }
            Some(Change::Back) => tracing::info!(
                %provider,
                upstream_model = &**upstream_model,
                "a target that was left out is back"
            ),
            None => {}
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.target.in_flight.fetch_sub(1, Relaxed);
        if self.begun.is_probe() {
            self.target.lock().health.end(&self.begun);
        }
    }
}

/// What is known of a target at one moment.
#[derive(Clone, Debug)]
pub struct TargetSnapshot {
    /// Which one it is.
    pub key: TargetKey,
    /// Attempts that have begun and not ended.
    pub in_flight: usize,
    /// Whether it may be asked.
    pub standing: Standing,
    /// Whether it was left out for its failures, and has not proved itself since.
    pub is_ejected: bool,
    /// Failures since the last success.
    pub consecutive_failures: u32,
    /// Requests and failures within `outliers.window`.
    pub lately: Tally,
    /// How often it was left out since it is known.
    pub ejections: u64,
    /// The share of its scarcest quota that is left, 0 to 1; `None` where nothing is known.
    pub headroom: Option<f64>,
    /// What is known of its quotas.
    pub quotas: Vec<(QuotaKind, Quota)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: OutlierRules = OutlierRules {
        consecutive_failures: 1,
        failure_ratio: 0.0,
        min_requests: 1,
        window: Duration::from_secs(30),
        ejection: Duration::from_secs(10),
        ejection_max: Duration::from_secs(300),
        max_ejected: 1.0,
    };
    const HEADROOM: HeadroomRules = HeadroomRules {
        below: 0.1,
        max_rest: Duration::from_secs(60),
    };

    fn target() -> Arc<TargetState> {
        let key = TargetKey::new(&ProviderId::new("p"), "m");
        Arc::new(TargetState::new(key))
    }

    fn head(name: &'static str, value: &'static str) -> HeaderMap {
        let name = actix_web::http::header::HeaderName::from_static(name);
        let value = actix_web::http::header::HeaderValue::from_static(value);
        HeaderMap::from_iter([(name, value)])
    }

    #[test]
    fn an_attempt_is_in_flight_until_it_is_dropped() {
        let (target, now) = (target(), Instant::now());
        let (one, other) = (target.begin(now), target.begin(now));
        assert_eq!(target.in_flight(), 2);
        drop(one);
        drop(other);
        assert_eq!(target.in_flight(), 0);
    }

    #[test]
    fn a_probe_that_is_dropped_without_a_result_leaves_its_place_to_the_next() {
        let (target, now) = (target(), Instant::now());
        target.begin(now).note(AttemptResult::Failed, now, &RULES);
        let until = now + RULES.ejection;
        assert_eq!(target.standing(now), Standing::Ejected { until });
        assert_eq!(target.standing(until), Standing::Trial);
        let probe = target.begin(until);
        assert!(probe.is_probe());
        assert_eq!(target.standing(until), Standing::Probing);
        drop(probe);
        assert_eq!(target.standing(until), Standing::Trial);
        let mut probe = target.begin(until);
        probe.note(AttemptResult::Succeeded, until, &RULES);
        assert_eq!(target.standing(until), Standing::In);
        drop(probe);
        assert_eq!(target.standing(until), Standing::In);
        assert_eq!(target.snapshot(until).ejections, 1);
    }

    #[test]
    fn a_target_rests_when_it_asks_for_it_and_its_trial_waits_for_that() {
        let (target, now) = (target(), Instant::now());
        target.note_head(200, &head("retry-after", "30"), now, &HEADROOM);
        let until = now + Duration::from_secs(30);
        assert_eq!(target.standing(now), Standing::Resting { until });
        assert_eq!(target.standing(until), Standing::In);
        target.begin(now).note(AttemptResult::Failed, now, &RULES);
        let trial = now + RULES.ejection;
        assert_eq!(target.standing(now), Standing::Ejected { until: trial });
        assert_eq!(target.standing(trial), Standing::Resting { until });
        assert_eq!(target.standing(until), Standing::Trial);
    }
}
