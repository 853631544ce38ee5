//! Targets that fail are left out for a while, and come back by a request that proves them.

use std::{ops::AddAssign, time::Duration};

use tokio::time::Instant;

use super::recent::Recent;

/// When a target is left out, and for how long. Settings `[outliers]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutlierRules {
    /// As many failures in a row; 0: that is no reason. Setting `outliers.consecutive_failures`, default 5.
    pub consecutive_failures: u32,
    /// Such a share of the requests within the window, 0 to 1; 0: that is no reason. Setting
    /// `outliers.failure_ratio`, default 0.5.
    pub failure_ratio: f64,
    /// From how many requests within the window on the share says something. Setting
    /// `outliers.min_requests`, default 20.
    pub min_requests: u32,
    /// Of how long the requests are looked at. Setting `outliers.window`, default 30 s.
    pub window: Duration,
    /// How long a target is left out, times how often in a row. Setting `outliers.ejection`, default 10 s.
    pub ejection: Duration,
    /// The most that it comes to. Setting `outliers.ejection_max`, default 5 min.
    pub ejection_max: Duration,
    /// The share of a group's targets that may be left out at a time, 0 to 1. Setting
    /// `outliers.max_ejected`, default 0.5.
    pub max_ejected: f64,
}

impl OutlierRules {
    /// How many of a group's targets may be left out at a time.
    ///
    /// One always stays, unless there is a group to fall back to: then one may always go, even the only
    /// one, so that a lone target that is dead does not cost each request the wait for it.
    #[must_use]
    pub fn most_out(&self, targets: usize, has_fallback: bool) -> usize {
        if self.max_ejected <= 0.0 {
            return 0;
        }
        // Shares of so few lose nothing in floating point, and casts from it saturate.
        let share = (self.max_ejected * targets as f64) as usize;
        if has_fallback {
            share.clamp(1, targets.max(1))
        } else {
            share.min(targets.saturating_sub(1))
        }
    }
}

/// What came of an attempt, as far as it speaks of the target. One that the client left, or that the
/// provider refused for what was asked, says nothing and is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The target did its part.
    Succeeded,
    /// It did not: unreachable, silent, an error of its own, an answer cut short.
    Failed,
}

/// How often a target was asked lately, and how often it failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Attempts whose result was told.
    pub requests: u64,
    /// Failures among them.
    pub failures: u64,
}

impl Tally {
    /// The share of failures, 0 to 1; `None` where nothing was asked.
    #[must_use]
    pub fn failure_ratio(&self) -> Option<f64> {
        // Counts of one window are far below what a float holds exactly. An attempt that fails after it
        // had succeeded may fall into a later window than its success.
        (self.requests > 0).then(|| (self.failures as f64 / self.requests as f64).min(1.0))
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.failures += other.failures;
    }
}

/// Whether a target is left out because it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    In,
    /// Nobody asks it before.
    Ejected {
        until: Instant,
    },
    /// Its time is over: the next request proves it.
    Trial,
    /// That request is on its way, and nobody else asks it.
    Probing,
}

/// What a result changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Ejected { length: Duration },
    Back,
}

/// Of one attempt, what its result has to be judged by.
#[derive(Debug)]
pub(super) struct Begun {
    /// How often the target had been ejected by then. What began before an ejection is no news after it.
    ejections: u64,
    is_probe: bool,
    is_counted: bool,
}

impl Begun {
    pub(super) fn is_probe(&self) -> bool {
        self.is_probe
    }
}

/// The results of one target.
#[derive(Debug, Default)]
pub(super) struct Health {
    consecutive_failures: u32,
    lately: Recent<Tally>,
    out: Option<Out>,
    /// Ejections in a row.
    row: u32,
    back_since: Option<Instant>,
    ejections: u64,
}

#[derive(Clone, Copy, Debug)]
struct Out {
    until: Instant,
    is_probed: bool,
}

impl Health {
    pub(super) fn phase(&self, now: Instant) -> Phase {
        match self.out {
            None => Phase::In,
            Some(Out {
                is_probed: true, ..
            }) => Phase::Probing,
            Some(Out { until, .. }) if now < until => Phase::Ejected { until },
            Some(_) => Phase::Trial,
        }
    }

    pub(super) fn consecutive_failures(&self) -> u32 {
        self.consecutive_failures
    }

    pub(super) fn lately(&self, now: Instant) -> Tally {
        self.lately.sum(now)
    }

    pub(super) fn ejections(&self) -> u64 {
        self.ejections
    }

    /// An attempt begins; it is the probe if one is due and none is on its way.
    pub(super) fn begin(&mut self, now: Instant) -> Begun {
        let is_probe = self.phase(now) == Phase::Trial;
        if let Some(out) = self.out.as_mut().filter(|_| is_probe) {
            out.is_probed = true;
        }
        Begun {
            ejections: self.ejections,
            is_probe,
            is_counted: false,
        }
    }

    /// An attempt is over; a probe that proved nothing leaves its place to the next.
    pub(super) fn end(&mut self, begun: &Begun) {
        if let Some(out) = self.out.as_mut().filter(|_| begun.is_probe) {
            out.is_probed = false;
        }
    }

    /// Takes a result. An attempt may succeed and fail after that, in this order.
    ///
    /// While the target is out only the probe's counts: others were asked before, or because nobody else
    /// was left.
    pub(super) fn note(
        &mut self,
        begun: &mut Begun,
        result: AttemptResult,
        now: Instant,
        rules: &OutlierRules,
    ) -> Option<Change> {
        if begun.ejections != self.ejections {
            return None;
        }
        if self.out.is_none() {
            return self.note_in(begun, result, now, rules);
        }
        if !std::mem::take(&mut begun.is_probe) {
            return None;
        }
        match result {
            AttemptResult::Succeeded => {
                begun.is_counted = true;
                self.out = None;
                self.back_since = Some(now);
                Some(Change::Back)
            }
            AttemptResult::Failed => Some(self.eject(now, rules)),
        }
    }

    fn note_in(
        &mut self,
        begun: &mut Begun,
        result: AttemptResult,
        now: Instant,
        rules: &OutlierRules,
    ) -> Option<Change> {
        let has_failed = result == AttemptResult::Failed;
        let is_first = !std::mem::replace(&mut begun.is_counted, true);
        let tally = Tally {
            requests: is_first.into(),
            failures: has_failed.into(),
        };
        self.lately.add(now, rules.window, tally);
        if !has_failed {
            self.consecutive_failures = 0;
            return None;
        }
        self.consecutive_failures = self.consecutive_failures.saturating_add(1);
        if !self.is_outlier(now, rules) {
            return None;
        }
        let is_new_row = |back| now.saturating_duration_since(back) >= rules.window;
        if self.back_since.is_none_or(is_new_row) {
            self.row = 0;
        }
        Some(self.eject(now, rules))
    }

    fn is_outlier(&self, now: Instant, rules: &OutlierRules) -> bool {
        let in_a_row = rules.consecutive_failures;
        if in_a_row > 0 && self.consecutive_failures >= in_a_row {
            return true;
        }
        let lately = self.lately(now);
        rules.failure_ratio > 0.0
            && lately.requests >= u64::from(rules.min_requests)
            && lately
                .failure_ratio()
                .is_some_and(|ratio| ratio >= rules.failure_ratio)
    }

    fn eject(&mut self, now: Instant, rules: &OutlierRules) -> Change {
        self.row = self.row.saturating_add(1);
        let length = rules
            .ejection
            .saturating_mul(self.row)
            .min(rules.ejection_max);
        self.out = Some(Out {
            until: now + length,
            is_probed: false,
        });
        self.ejections += 1;
        self.consecutive_failures = 0;
        self.lately.clear();
        Change::Ejected { length }
    }
}

#[cfg(test)]
mod tests;
