//! The counts of this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use super::{
    limit::Limit,
    window::{Reading, Window},
};

/// Counts that live as long as the process, whatever settings come and go.
///
/// One lock for all, because a request is let in by all its limits or counted by none; it is held for
/// some look-ups in memory, never across a wait.
#[derive(Debug)]
pub(super) struct LocalCounts {
    began: (SystemTime, Instant),
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    by_limit: HashMap<Arc<str>, Count>,
    /// At how many entries the idle ones are looked for.
    sweep_at: usize,
}

#[derive(Debug)]
enum Count {
    Window(Window),
    Running(u64),
}

impl Default for LocalCounts {
    fn default() -> Self {
        Self {
            began: (SystemTime::now(), Instant::now()),
            counts: Mutex::default(),
        }
    }
}

/// Fewest entries that are worth a sweep.
const SWEEP_FROM: usize = 1024;

impl LocalCounts {
    /// Milliseconds since 1970. They never go back, even if somebody sets the machine's clock.
    pub(super) fn now_ms(&self) -> u64 {
        let (wall, began) = self.began;
        let since = wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        u64::try_from((since + began.elapsed()).as_millis()).unwrap_or(u64::MAX)
    }

    /// Counts the costs of all the limits if each has room, and nothing at all if one has not. The
    /// readings stand in the order of the limits, the costs not counted in them.
    pub(super) fn reserve(&self, now_ms: u64, wishes: &[(Arc<Limit>, u64)]) -> Vec<Reading> {
        let mut counts = self.lock();
        let readings: Vec<_> = wishes
            .iter()
            .map(|(limit, cost)| counts.of(limit).read(now_ms, *cost, limit.most))
            .collect();
        if readings.iter().all(|reading| reading.wait_ms == 0) {
            for (limit, cost) in wishes {
                counts.of(limit).spend(now_ms, *cost);
            }
        }
        counts.sweep(now_ms);
        readings
    }

    /// Corrects what was spent at a moment, and ends what ran.
    pub(super) fn correct(&self, now_ms: u64, spent_at_ms: u64, corrections: &[(Arc<Limit>, i64)]) {
        let mut counts = self.lock();
        for (limit, by) in corrections {
            match counts.of(limit) {
                Count::Window(window) => window.correct(now_ms, spent_at_ms, *by),
                Count::Running(running) => *running = running.saturating_add_signed(*by),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Nothing in here can leave the counts half changed.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().by_limit.len()
    }
}

impl Counts {
    fn of(&mut self, limit: &Limit) -> &mut Count {
        if !self.by_limit.contains_key(&limit.id) {
            let count = match limit.cut() {
                Some(cut) => Count::Window(Window::new(cut)),
                None => Count::Running(0),
            };
            self.by_limit.insert(Arc::clone(&limit.id), count);
        }
        self.by_limit.get_mut(&limit.id).expect("it was put there")
    }

    /// Forgets what is idle, whenever there may be as much of that again as there was left last time:
    /// so what is kept is at most twice what is in use, at a cost that does not grow.
    fn sweep(&mut self, now_ms: u64) {
        if self.by_limit.len() < self.sweep_at.max(SWEEP_FROM) {
            return;
        }
        self.by_limit.retain(|_, count| match count {
            Count::Window(window) => !window.is_idle(now_ms),
            Count::Running(running) => *running > 0,
        });
        self.sweep_at = 2 * self.by_limit.len();
    }
}

/// What somebody is told to wait where nobody knows when a completion ends, in milliseconds.
pub(super) const RUNNING_WAIT_MS: u64 = 1_000;

impl Count {
    fn read(&mut self, now_ms: u64, cost: u64, most: u64) -> Reading {
        match self {
            Self::Window(window) => window.read(now_ms, cost, most),
            Self::Running(running) => Reading {
                used: *running,
                wait_ms: if *running < most { 0 } else { RUNNING_WAIT_MS },
                reset_ms: 0,
            },
        }
    }

    fn spend(&mut self, now_ms: u64, cost: u64) {
        match self {
            Self::Window(window) => window.spend(now_ms, cost),
            Self::Running(running) => *running += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::limit::{Measure, Scope};

    const MINUTE: Duration = Duration::from_secs(60);

    fn requests(id: &str, most: u64) -> Arc<Limit> {
        let scope = Scope::Key(id.to_owned());
        Arc::new(Limit::new(scope, Measure::Requests, most, MINUTE))
    }

    fn running(most: u64) -> Arc<Limit> {
        let limit = Limit::new(Scope::All, Measure::Concurrent, most, Duration::ZERO);
        Arc::new(limit)
    }

    fn is_let_in(readings: &[Reading]) -> bool {
        readings.iter().all(|reading| reading.wait_ms == 0)
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_counted_by_all_its_limits_or_by_none() {
        let counts = LocalCounts::default();
        let wishes = [(requests("a", 10), 1), (running(1), 1)];
        let now = counts.now_ms();
        assert!(is_let_in(&counts.reserve(now, &wishes)));
        let refused = counts.reserve(now, &wishes);
        assert_eq!((refused[0].wait_ms, refused[1].wait_ms), (0, 1_000));
        let after = counts.reserve(now, &[(requests("a", 10), 1)]);
        assert_eq!(after[0].used, 1, "the refused one was not counted");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_come_back_with_time_and_running_ones_with_their_end() {
        let counts = LocalCounts::default();
        let wishes = [(requests("a", 1), 1), (running(2), 1)];
        let began = counts.now_ms();
        assert!(is_let_in(&counts.reserve(began, &wishes)));
        let refused = counts.reserve(began, &wishes);
        assert!((60_000..=66_000).contains(&refused[0].wait_ms));
        tokio::time::advance(Duration::from_millis(refused[0].wait_ms)).await;
        assert!(is_let_in(&counts.reserve(counts.now_ms(), &wishes)));
        assert_eq!(
            counts.reserve(counts.now_ms(), &[(running(2), 1)])[0].used,
            2
        );
        counts.correct(counts.now_ms(), began, &[(running(2), -1)]);
        assert_eq!(
            counts.reserve(counts.now_ms(), &[(running(2), 1)])[0].used,
            1
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_idle_is_forgotten_so_that_keys_that_come_and_go_take_no_room() {
        let counts = LocalCounts::default();
        for number in 0..10 * SWEEP_FROM {
            let id = format!("key-{number}");
            counts.reserve(counts.now_ms(), &[(requests(&id, 1), 1)]);
            tokio::time::advance(MINUTE).await;
        }
        assert!(counts.len() <= SWEEP_FROM, "{}", counts.len());
    }
}
