//! Ceilings on what is open: beyond them nobody waits, the answer is 503 at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    alive::{Alive, Living},
    providers::ProviderId,
};

/// How many completions may be open at once, and how many of them may wait for the provider's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CeilingSettings {
    /// Settings `upstream.max_open` (default 10000) and `providers.max_open` (default none).
    pub open: usize,
    /// Settings `upstream.max_waiting` (default 5000) and `providers.max_waiting` (default none).
    pub waiting: usize,
}

/// A ceiling that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// `upstream.max_open`.
    Open,
    /// `upstream.max_waiting`.
    Waiting,
    /// `providers.max_open`.
    ProviderOpen,
    /// `providers.max_waiting`.
    ProviderWaiting,
}

impl Ceiling {
    /// Each of them, in the order in which they are counted.
    pub const ALL: [Self; 4] = [
        Self::Open,
        Self::Waiting,
        Self::ProviderOpen,
        Self::ProviderWaiting,
    ];

    /// The setting that it is.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::Open => "upstream.max_open",
            Self::Waiting => "upstream.max_waiting",
            Self::ProviderOpen => "providers.max_open",
            Self::ProviderWaiting => "providers.max_waiting",
        }
    }
}

/// What is open now, in this process. It outlasts reloads.
#[derive(Debug, Default)]
pub(super) struct Ceilings {
    levels: Mutex<Levels>,
    permits: Alive,
}

#[derive(Debug, Default)]
struct Levels {
    all: Level,
    /// Only those with something open.
    by_provider: HashMap<ProviderId, Level>,
}

/// How much is open now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Completions that have begun and not ended.
    pub open: usize,
    /// Of these, the ones that wait for a connection or for the provider's head.
    pub waiting: usize,
}

impl Ceilings {
    /// Counts one more for the provider, waiting, if no ceiling is in the way.
    pub(super) fn enter(
        self: &Arc<Self>,
        provider: &ProviderId,
        all: CeilingSettings,
        own: CeilingSettings,
    ) -> Result<(OpenPermit, WaitingPermit), Ceiling> {
        let mut levels = self.lock();
        let level = levels.by_provider.get(provider).copied();
        let level = level.unwrap_or_default();
        let met = [
            (levels.all.open >= all.open, Ceiling::Open),
            (levels.all.waiting >= all.waiting, Ceiling::Waiting),
            (level.open >= own.open, Ceiling::ProviderOpen),
            (level.waiting >= own.waiting, Ceiling::ProviderWaiting),
        ];
        if let Some((_, ceiling)) = met.into_iter().find(|(is_met, _)| *is_met) {
            return Err(ceiling);
        }
        let level = levels.by_provider.entry(provider.clone()).or_default();
        level.open += 1;
        level.waiting += 1;
        levels.all.open += 1;
        levels.all.waiting += 1;
        let place = || Place {
            ceilings: Arc::clone(self),
            provider: provider.clone(),
            _alive: self.permits.enter(),
        };
        Ok((OpenPermit(place()), WaitingPermit(place())))
    }

    /// What is open now.
    pub(super) fn level(&self) -> Level {
        self.lock().all
    }

    /// The permits that are out.
    #[cfg(feature = "testkit")]
    pub(super) fn permits(&self) -> &Alive {
        &self.permits
    }

    fn lock(&self) -> MutexGuard<'_, Levels> {
        // Nothing in here can leave the counts half changed.
        self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Place {
    ceilings: Arc<Ceilings>,
    provider: ProviderId,
    _alive: Living,
}

impl Place {
    fn leave(&self, leave: impl Fn(&mut Level)) {
        let mut levels = self.ceilings.lock();
        leave(&mut levels.all);
        if let Some(level) = levels.by_provider.get_mut(&self.provider) {
            leave(level);
            if *level == Level::default() {
                levels.by_provider.remove(&self.provider);
            }
        }
    }
}

/// A completion's place among those that are open; dropping it gives it back.
#[derive(Debug)]
pub struct OpenPermit(Place);

impl Drop for OpenPermit {
    fn drop(&mut self) {
        self.0.leave(|level| level.open -= 1);
    }
}

/// Its place among those that wait for the provider's head; dropping it gives it back.
#[derive(Debug)]
pub struct WaitingPermit(Place);

impl Drop for WaitingPermit {
    fn drop(&mut self) {
        self.0.leave(|level| level.waiting -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: CeilingSettings = CeilingSettings {
        open: 100,
        waiting: 100,
    };

    fn settings(open: usize, waiting: usize) -> CeilingSettings {
        CeilingSettings { open, waiting }
    }

    #[test]
    fn each_ceiling_is_met_by_its_own_count_and_left_by_dropping() {
        let ceilings = Arc::new(Ceilings::default());
        let (a, b) = (ProviderId::new("a"), ProviderId::new("b"));
        let (open, waiting) = ceilings.enter(&a, FREE, FREE).unwrap();
        for (provider, all, own, met) in [
            (&b, settings(1, 9), FREE, Ceiling::Open),
            (&b, settings(9, 1), FREE, Ceiling::Waiting),
            (&a, FREE, settings(1, 9), Ceiling::ProviderOpen),
            (&a, FREE, settings(9, 1), Ceiling::ProviderWaiting),
        ] {
            assert_eq!(ceilings.enter(provider, all, own).unwrap_err(), met);
        }
        // Another provider's ceilings are its own.
        drop(ceilings.enter(&b, FREE, settings(1, 1)).unwrap());
        drop(waiting);
        drop(ceilings.enter(&a, settings(9, 1), settings(9, 1)).unwrap());
        drop(open);
        drop(ceilings.enter(&a, settings(1, 1), settings(1, 1)).unwrap());
        assert_eq!(ceilings.level(), Level::default());
        assert!(ceilings.lock().by_provider.is_empty());
    }
}
