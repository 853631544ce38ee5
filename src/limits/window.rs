//! What was spent in a window of time, and when more may be.
//!
//! A window is cut into slices. What is spent is counted in the slice of its moment, and all slices
//! that a window ending now could touch are counted against the limit. So no window, wherever it
//! begins, ever sees more than the limit, the whole limit may be spent at once, and who spends it
//! evenly gets all but a tenth of it. A day's quota is the same with one slice: the day.
//!
//! `redis/reserve.lua` has the same arithmetic, in whole milliseconds and whole units, and a test
//! holds the two to each other.

use std::time::Duration;

/// In how many slices a rolling window is cut: more of them waste less of the limit and take more room.
const SLICES: u64 = 10;

/// How a window is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cut {
    /// Length of a slice in milliseconds, at least 1.
    pub slice_ms: u64,
    /// How many slices count, the one of now among them.
    pub slices: u64,
}

impl Cut {
    /// A window of this length that ends now, wherever now is.
    #[must_use]
    pub fn rolling(length: Duration) -> Self {
        let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Self {
            slice_ms: length.div_ceil(SLICES).max(1),
            // A window that does not begin with a slice touches one more.
            slices: SLICES + 1,
        }
    }

    /// The day, in UTC.
    #[must_use]
    pub fn day() -> Self {
        Self {
            slice_ms: 24 * 60 * 60 * 1000,
            slices: 1,
        }
    }

    /// The number of the slice of a moment.
    #[must_use]
    pub fn slice(&self, now_ms: u64) -> u64 {
        now_ms / self.slice_ms
    }

    /// Milliseconds until what is spent now does not count any more.
    #[must_use]
    pub fn reset_ms(&self, now_ms: u64) -> u64 {
        self.forgotten_at(self.slice(now_ms)) - now_ms
    }

    /// When a slice stops to count.
    fn forgotten_at(&self, slice: u64) -> u64 {
        (slice + self.slices) * self.slice_ms
    }
}

/// What a limit says to a wish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What counts against the limit now, the wish not among it.
    pub used: u64,
    /// Milliseconds until the wish would fit, if nothing else is spent; 0 if it fits now.
    pub wait_ms: u64,
    /// Milliseconds until all of the limit is there again, the wish not counted.
    pub reset_ms: u64,
}

/// What was spent, by slice; no more slices than count.
#[derive(Clone, Debug)]
pub(super) struct Window {
    cut: Cut,
    /// Number and amount, oldest first, none of them empty for long.
    spent: Vec<(u64, u64)>,
}

impl Window {
    pub(super) fn new(cut: Cut) -> Self {
        Self {
            cut,
            spent: Vec::new(),
        }
    }

    /// Whether nothing that it knows matters any more.
    pub(super) fn is_idle(&mut self, now_ms: u64) -> bool {
        self.forget(now_ms);
        self.spent.is_empty()
    }

    /// What a wish for `cost` meets under a limit of `most`; a cost above the limit asks for all of it.
    pub(super) fn read(&mut self, now_ms: u64, cost: u64, most: u64) -> Reading {
        self.forget(now_ms);
        let used: u64 = self.spent.iter().map(|(_, amount)| amount).sum();
        let mut missing = (used + cost.min(most)).saturating_sub(most);
        let mut wait_ms = 0;
        for (slice, amount) in &self.spent {
            if missing == 0 {
                break;
            }
            missing = missing.saturating_sub(*amount);
            wait_ms = self.cut.forgotten_at(*slice) - now_ms;
        }
        let last = self.spent.last();
        Reading {
            used,
            wait_ms,
            reset_ms: last.map_or(0, |(slice, _)| self.cut.forgotten_at(*slice) - now_ms),
        }
    }

    /// Counts `cost` as spent now.
    pub(super) fn spend(&mut self, now_ms: u64, cost: u64) {
        self.correct(now_ms, now_ms, i64::try_from(cost).unwrap_or(i64::MAX));
    }

    /// Corrects what was spent at a moment, as long as that counts.
    pub(super) fn correct(&mut self, now_ms: u64, spent_at_ms: u64, by: i64) {
        self.forget(now_ms);
        let slice = self.cut.slice(spent_at_ms);
        if self.cut.forgotten_at(slice) <= now_ms {
            return;
        }
        let place = self.spent.partition_point(|(known, _)| *known < slice);
        match self.spent.get_mut(place) {
            Some((known, amount)) if *known == slice => *amount = amount.saturating_add_signed(by),
            _ => self
                .spent
                .insert(place, (slice, 0_u64.saturating_add_signed(by))),
        }
        self.spent.retain(|(_, amount)| *amount > 0);
    }

    fn forget(&mut self, now_ms: u64) {
        let cut = self.cut;
        self.spent
            .retain(|(slice, _)| cut.forgotten_at(*slice) > now_ms);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Cut = Cut {
        slice_ms: 6_000,
        slices: 11,
    };

    #[test]
    fn the_whole_limit_may_be_spent_at_once_and_comes_back_when_its_window_is_over() {
        let mut window = Window::new(Cut::rolling(Duration::from_secs(60)));
        assert_eq!(window.cut, MINUTE);
        for _ in 0..3 {
            assert_eq!(window.read(7_000, 1, 3).wait_ms, 0);
            window.spend(7_000, 1);
        }
        let full = window.read(7_000, 1, 3);
        assert_eq!(
            (full.used, full.wait_ms, full.reset_ms),
            (3, 65_000, 65_000)
        );
        assert_eq!(window.read(71_999, 1, 3).wait_ms, 1);
        assert_eq!(window.read(72_000, 1, 3), Reading::default());
    }

    #[test]
    fn a_wish_waits_for_as_many_slices_as_it_needs_and_no_longer() {
        let mut window = Window::new(MINUTE);
        for (at, cost) in [(0, 40), (6_000, 30), (12_000, 20)] {
            window.spend(at, cost);
        }
        for (cost, wait) in [
            (10, 0),
            (11, 54_000),
            (50, 54_000),
            (51, 60_000),
            (81, 66_000),
        ] {
            assert_eq!(window.read(12_000, cost, 100).wait_ms, wait, "{cost}");
        }
        // More than there ever is: all of it is asked for.
        assert_eq!(window.read(12_000, 1_000, 100).wait_ms, 66_000);
    }

    #[test]
    fn a_day_is_one_slice_that_ends_at_midnight() {
        let mut window = Window::new(Cut::day());
        let midnight = 20_000 * 86_400_000;
        window.spend(midnight - 1, 5);
        assert_eq!(window.read(midnight - 1, 1, 5).wait_ms, 1);
        assert_eq!(window.read(midnight, 1, 5), Reading::default());
    }

    #[test]
    fn a_correction_counts_where_the_spending_did_and_never_below_nothing() {
        let mut window = Window::new(MINUTE);
        window.spend(0, 10);
        window.spend(6_000, 10);
        window.correct(7_000, 0, -4);
        assert_eq!(window.read(7_000, 0, 100).used, 16);
        window.correct(7_000, 0, -100);
        assert_eq!(window.read(7_000, 0, 100).used, 10);
        window.correct(7_000, 6_500, 90);
        assert_eq!(window.read(7_000, 1, 100).wait_ms, 65_000);
        // What is forgotten is not brought back.
        window.correct(66_000, 5_999, 50);
        assert_eq!(window.read(66_000, 0, 100).used, 100);
    }

    proptest! {
        /// Requests at any moments, of any cost: whatever is let in, no window of the limit's length,
        /// wherever it begins, holds more than the limit.
        #[test]
        fn no_window_ever_sees_more_than_the_limit(
            length in 1_000_u64..5_000,
            most in 1_u64..40,
            wishes in prop::collection::vec((0_u64..700, 1_u64..8), 1..200),
        ) {
            let mut window = Window::new(Cut::rolling(Duration::from_millis(length)));
            let (mut now, mut let_in) = (1_700_000_000_000, Vec::new());
            for (pause, cost) in wishes {
                now += pause;
                let cost = cost.min(most);
                let reading = window.read(now, cost, most);
                if reading.wait_ms == 0 {
                    window.spend(now, cost);
                    let_in.push((now, cost));
                } else {
                    // What it was told to wait is enough, and a moment less is not.
                    let mut later = window.clone();
                    prop_assert_eq!(later.read(now + reading.wait_ms, cost, most).wait_ms, 0);
                    let mut sooner = window.clone();
                    prop_assert_eq!(sooner.read(now + reading.wait_ms - 1, cost, most).wait_ms, 1);
                }
                prop_assert!(window.spent.len() as u64 <= window.cut.slices);
            }
            for (begin, _) in &let_in {
                let within = let_in.iter().filter(|(at, _)| (*begin..begin + length).contains(at));
                prop_assert!(within.map(|(_, cost)| cost).sum::<u64>() <= most);
            }
        }
    }
}
