//! What happened lately.

use std::{collections::VecDeque, ops::AddAssign, time::Duration};

use tokio::time::Instant;

/// In how many slices a window is cut: more of them forget more evenly and take more room.
const SLICES: u64 = 10;

/// Sums over a sliding window, in the same room however much happens.
///
/// What is counted goes into the slice of its moment, and slices are forgotten whole. So a sum speaks of
/// nine tenths of the window at least, and of nothing that is older than all of it.
#[derive(Debug)]
pub(super) struct Recent<T> {
    window: Duration,
    /// Where slice 0 begins: at the first that was counted.
    origin: Option<Instant>,
    /// Number and sum, oldest first, the empty ones left out.
    slices: VecDeque<(u64, T)>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self {
            window: Duration::ZERO,
            origin: None,
            slices: VecDeque::new(),
        }
    }
}

impl<T: Copy + Default + AddAssign> Recent<T> {
    /// Counts in a window of this length. With another one than before all begins anew, as nobody knows
    /// any more what happened when.
    pub(super) fn add(&mut self, now: Instant, window: Duration, what: T) {
        if self.window != window {
            self.window = window;
            self.slices.clear();
        }
        self.origin.get_or_insert(now);
        let current = self.slice(now);
        self.slices.retain(|(number, _)| counts(*number, current));
        match self.slices.back_mut() {
            // Of two threads the later one may have been here first.
            Some((number, sum)) if *number >= current => *sum += what,
            _ => self.slices.push_back((current, what)),
        }
    }

    /// What was counted lately.
    pub(super) fn sum(&self, now: Instant) -> T {
        let current = self.slice(now);
        let mut sum = T::default();
        for (_, counted) in self
            .slices
            .iter()
            .filter(|(number, _)| counts(*number, current))
        {
            sum += *counted;
        }
        sum
    }

    pub(super) fn clear(&mut self) {
        self.slices.clear();
    }

    fn slice(&self, now: Instant) -> u64 {
        let since = self.origin.map_or(Duration::ZERO, |origin| {
            now.saturating_duration_since(origin)
        });
        let slice = (self.window.as_nanos() / u128::from(SLICES)).max(1);
        u64::try_from(since.as_nanos() / slice).unwrap_or(u64::MAX)
    }
}

fn counts(number: u64, current: u64) -> bool {
    number.saturating_add(SLICES) > current
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    #[test]
    fn another_length_of_the_window_begins_anew() {
        let (mut recent, now) = (Recent::default(), Instant::now());
        recent.add(now, WINDOW, 3);
        recent.add(now, WINDOW, 4);
        assert_eq!(recent.sum(now), 7);
        recent.add(now, 2 * WINDOW, 1);
        assert_eq!(recent.sum(now), 1);
    }

    proptest! {
        #[test]
        fn a_sum_has_nine_tenths_of_the_window_and_nothing_older_than_it(
            pauses in prop::collection::vec(0_u64..2_000, 1..200),
        ) {
            let (mut recent, begin) = (Recent::default(), Instant::now());
            let (mut now, mut counted) = (begin, Vec::new());
            for pause in pauses {
                now += Duration::from_millis(pause);
                recent.add(now, WINDOW, 1_u32);
                counted.push(now);
                let within = |length: Duration| {
                    let young = counted.iter().filter(|at| now - **at <= length);
                    u32::try_from(young.count()).unwrap()
                };
                let sum = recent.sum(now);
                prop_assert!(within(WINDOW * 9 / 10) <= sum && sum <= within(WINDOW));
                prop_assert!(recent.slices.len() as u64 <= SLICES);
            }
            prop_assert_eq!(recent.sum(now + WINDOW), 0);
        }
    }
}
