//! What the limits did so far, for metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::{ceilings::Ceiling, limit::Measure, redis::away::Away};
use crate::telemetry::metrics::RoundTrips;

/// What the limits of this process did since its start. All of it only counts up, but for
/// [`backend_is_up`](Counts::backend_is_up).
#[derive(Debug)]
pub struct Counters {
    admitted: AtomicU64,
    refused: [AtomicU64; 5],
    overloaded: [AtomicU64; 4],
    backend_errors: [AtomicU64; Away::ALL.len()],
    refused_without_backend: AtomicU64,
    decided_locally: AtomicU64,
    allowed_without_backend: AtomicU64,
    lost_corrections: AtomicU64,
    /// How many backends there were so far.
    backends: AtomicU64,
    backend_is_up: AtomicBool,
    round_trips: RoundTrips,
}

/// A backend, by its number: the settings may name another one while what was counted in it still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Backend(u64);

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that met limits and were let in.
    pub admitted: u64,
    /// Requests that a limit refused, by what it measures, in the order of [`Measure::ALL`].
    pub refused: [u64; 5],
    /// Requests that a ceiling refused, in the order of [`Ceiling::ALL`].
    pub overloaded: [u64; 4],
    /// Requests that the backend could not be asked about, by why, in the order of [`Away::ALL`].
    pub backend_errors: [u64; Away::ALL.len()],
    /// Of these the requests that were refused: `on_backend_error = "refuse"`.
    pub refused_without_backend: u64,
    /// Of these the requests that this process's own counts decided: `"local"`.
    pub decided_locally: u64,
    /// Of these the requests that were let in unlimited: `"allow"`.
    pub allowed_without_backend: u64,
    /// What was spent or given back, and the backend could not be told.
    pub lost_corrections: u64,
    /// Whether the backend answered last; always where it is `"local"`.
    pub backend_is_up: bool,
}

/// A process is its own backend until the settings name another.
impl Default for Counters {
    fn default() -> Self {
        Self {
            admitted: AtomicU64::default(),
            refused: Default::default(),
            overloaded: Default::default(),
            backend_errors: Default::default(),
            refused_without_backend: AtomicU64::default(),
            decided_locally: AtomicU64::default(),
            allowed_without_backend: AtomicU64::default(),
            lost_corrections: AtomicU64::default(),
            backends: AtomicU64::default(),
            backend_is_up: AtomicBool::new(true),
            round_trips: RoundTrips::default(),
        }
    }
}

impl Counters {
    /// All of them as they are now.
    #[must_use]
    pub fn read(&self) -> Counts {
        Counts {
            admitted: self.admitted.load(Relaxed),
            refused: all(&self.refused),
            overloaded: all(&self.overloaded),
            backend_errors: all(&self.backend_errors),
            refused_without_backend: self.refused_without_backend.load(Relaxed),
            decided_locally: self.decided_locally.load(Relaxed),
            allowed_without_backend: self.allowed_without_backend.load(Relaxed),
            lost_corrections: self.lost_corrections.load(Relaxed),
            backend_is_up: self.backend_is_up.load(Relaxed),
        }
    }

    /// How long the backend took to answer.
    pub(crate) fn round_trips(&self) -> &RoundTrips {
        &self.round_trips
    }

    pub(super) fn admitted(&self) {
        self.admitted.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self, measure: Measure) {
        self.refused[measure as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn overloaded(&self, ceiling: Ceiling) {
        self.overloaded[ceiling as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn backend_failed(&self, away: Away) {
        self.backend_errors[away as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn refused_without_backend(&self) {
        self.refused_without_backend.fetch_add(1, Relaxed);
    }

    pub(crate) fn decided_locally(&self) {
        self.decided_locally.fetch_add(1, Relaxed);
    }

    pub(super) fn allowed_without_backend(&self) {
        self.allowed_without_backend.fetch_add(1, Relaxed);
    }

    pub(super) fn lost_correction(&self) {
        self.lost_corrections.fetch_add(1, Relaxed);
    }

    /// A backend takes the place of the one before, and is not up yet.
    pub(super) fn new_backend(&self) -> Backend {
        let backend = Backend(self.backends.fetch_add(1, Relaxed) + 1);
        self.backend_is(backend, false);
        backend
    }

    /// Whether it answers; of one that the settings have left it is no matter.
    pub(super) fn backend_is(&self, backend: Backend, up: bool) {
        if backend.0 == self.backends.load(Relaxed) {
            self.backend_is_up.store(up, Relaxed);
        }
    }
}

fn all<const N: usize>(counts: &[AtomicU64; N]) -> [u64; N] {
    counts.each_ref().map(|count| count.load(Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_that_the_settings_have_left_does_not_tell_whether_the_one_in_force_is_up() {
        let counters = Counters::default();
        assert!(counters.read().backend_is_up);
        let old = counters.new_backend();
        counters.backend_is(old, true);
        let new = counters.new_backend();
        assert!(!counters.read().backend_is_up);
        counters.backend_is(old, true);
        assert!(!counters.read().backend_is_up);
        counters.backend_is(new, true);
        counters.backend_is(old, false);
        assert!(counters.read().backend_is_up);
    }
}
