//! The targets of one gateway.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use super::{
    budget::RetryBudget,
    target_state::{TargetKey, TargetSnapshot, TargetState},
};
use crate::{alive::Alive, providers::ProviderId, telemetry::metrics::Ejections};

/// What is known of all targets of a gateway, whatever settings come and go.
#[derive(Debug, Default)]
pub struct Targets {
    states: Mutex<States>,
    budget: RetryBudget,
    ejections: Ejections,
    /// Attempts that have begun and not ended, at all of them.
    alive: Alive,
}

/// In two steps, so that a look-up needs no key of its own.
type States = BTreeMap<ProviderId, BTreeMap<Arc<str>, Entry>>;

#[derive(Debug)]
struct Entry {
    state: Arc<TargetState>,
    /// Whether the settings in force name it, as far as is known.
    is_named: bool,
}

impl Entry {
    fn new(key: TargetKey, ejections: &Ejections, alive: &Alive) -> Self {
        let state = TargetState::counted(key, ejections.clone(), alive.clone());
        Self {
            state: Arc::new(state),
            is_named: true,
        }
    }

    /// Whether somebody still has to do with it: an attempt, or a request that is choosing.
    fn is_held(&self) -> bool {
        Arc::strong_count(&self.state) > 1
    }
}

impl Targets {
    /// What is known of a target; nothing of one that was not asked for before.
    #[must_use]
    pub fn state(&self, provider: &ProviderId, upstream_model: &str) -> Arc<TargetState> {
        let mut states = self.lock();
        let known = states.get(provider).and_then(|all| all.get(upstream_model));
        if let Some(known) = known {
            return Arc::clone(&known.state);
        }
        let key = TargetKey::new(provider, upstream_model);
        let entry = Entry::new(key, &self.ejections, &self.alive);
        let state = Arc::clone(&entry.state);
        let of_provider = states.entry(provider.clone()).or_default();
        of_provider.insert(upstream_model.into(), entry);
        state
    }

    /// Forgets all that `keep` does not name, those with something in flight as soon as that is over.
    pub fn retain(&self, keep: impl Fn(&TargetKey) -> bool) {
        let mut states = self.lock();
        for entry in states.values_mut().flat_map(BTreeMap::values_mut) {
            entry.is_named = keep(entry.state.key());
        }
        sweep(&mut states);
    }

    /// Knows these targets and forgets all others: those that new settings name.
    pub fn follow<'s>(&self, named: impl Iterator<Item = (&'s ProviderId, &'s str)>) {
        let named: BTreeSet<_> = named.collect();
        for (provider, upstream_model) in &named {
            drop(self.state(provider, upstream_model));
        }
        self.retain(|key| named.contains(&(&key.provider, &*key.upstream_model)));
    }

    /// All that is known of each, in the order of their names.
    #[must_use]
    pub fn snapshots(&self, now: Instant) -> Vec<TargetSnapshot> {
        let mut states = self.lock();
        sweep(&mut states);
        let entries = states.values().flat_map(BTreeMap::values);
        entries.map(|entry| entry.state.snapshot(now)).collect()
    }

    /// The retries of all of them together.
    #[must_use]
    pub fn budget(&self) -> &RetryBudget {
        &self.budget
    }

    /// How often each was left out.
    pub(crate) fn ejections(&self) -> &Ejections {
        &self.ejections
    }

    /// How many attempts there are, at all of them.
    #[cfg(any(test, feature = "testkit"))]
    pub(crate) fn attempts(&self) -> &Alive {
        &self.alive
    }

    fn lock(&self) -> MutexGuard<'_, States> {
        // Nothing in here can leave the map half changed.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of what nobody names and nobody holds. New holders come only by the lock.
fn sweep(states: &mut States) {
    states.retain(|_, of_provider| {
        of_provider.retain(|_, entry| entry.is_named || entry.is_held());
        !of_provider.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(targets: &Targets) -> Vec<String> {
        let snapshots = targets.snapshots(Instant::now());
        snapshots
            .iter()
            .map(|target| target.key.to_string())
            .collect()
    }

    #[test]
    fn a_target_is_its_provider_and_its_model_there_and_one_state_for_all() {
        let targets = Targets::default();
        let (a, b) = (ProviderId::new("a"), ProviderId::new("b"));
        let state = targets.state(&a, "x");
        assert!(Arc::ptr_eq(&state, &targets.state(&a, "x")));
        assert!(!Arc::ptr_eq(&state, &targets.state(&a, "y")));
        assert!(!Arc::ptr_eq(&state, &targets.state(&b, "x")));
        assert_eq!(names(&targets), ["x at a", "y at a", "x at b"]);
    }

    #[test]
    fn what_is_known_outlasts_new_settings_that_name_the_target_still() {
        let targets = Targets::default();
        let (a, b) = (ProviderId::new("a"), ProviderId::new("b"));
        let state = targets.state(&a, "x");
        targets.follow([(&b, "y"), (&a, "x")].into_iter());
        assert!(Arc::ptr_eq(&state, &targets.state(&a, "x")));
        assert_eq!(names(&targets), ["x at a", "y at b"]);
    }

    #[test]
    fn a_target_that_nobody_names_is_forgotten_when_nothing_is_in_flight_there() {
        let targets = Targets::default();
        let a = ProviderId::new("a");
        let in_flight = targets.state(&a, "x").begin(Instant::now());
        drop(targets.state(&a, "y"));
        targets.retain(|_| false);
        assert_eq!(names(&targets), ["x at a"]);
        drop(in_flight);
        assert!(names(&targets).is_empty());
        assert!(targets.lock().is_empty());
    }
}
