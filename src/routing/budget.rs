//! How many of the requests may be retries.

use std::{
    ops::AddAssign,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::recent::Recent;

/// Over how long requests and retries are compared.
const WINDOW: Duration = Duration::from_secs(10);

/// How many retries there may be within ten seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetRules {
    /// As a share of the requests, 0 or more. Settings `attempts.budget` and `attempts.hedge_budget`.
    pub share: f64,
    /// As many in any case. Setting `attempts.budget_min`.
    pub min: u32,
}

/// The retries and hedges of one gateway, each held to a share of its requests, so that a provider that is
/// going down is not asked all the more.
#[derive(Debug, Default)]
pub struct RetryBudget(Mutex<Recent<Spent>>);

#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    requests: u64,
    retries: u64,
    hedges: u64,
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.retries += other.retries;
        self.hedges += other.hedges;
    }
}

impl RetryBudget {
    /// Counts a client's request.
    pub fn note_request(&self, now: Instant) {
        let request = Spent {
            requests: 1,
            ..Spent::default()
        };
        self.with(|recent| recent.add(now, WINDOW, request));
    }

    /// Takes a retry out of the budget, if there is one left.
    pub fn try_retry(&self, now: Instant, rules: &BudgetRules) -> bool {
        let retry = Spent {
            retries: 1,
            ..Spent::default()
        };
        self.take(now, rules, retry, |spent| spent.retries)
    }

    /// Takes a second attempt beside a slow one out of a budget of its own, if there is one left.
    pub fn try_hedge(&self, now: Instant, rules: &BudgetRules) -> bool {
        let hedge = Spent {
            hedges: 1,
            ..Spent::default()
        };
        self.take(now, rules, hedge, |spent| spent.hedges)
    }

    fn take(
        &self,
        now: Instant,
        rules: &BudgetRules,
        one: Spent,
        of_its_sort: impl Fn(&Spent) -> u64,
    ) -> bool {
        self.with(|recent| {
            let spent = recent.sum(now);
            // The cast cuts off, and saturates.
            let share = (spent.requests as f64 * rules.share) as u64;
            let is_left = of_its_sort(&spent) < share.max(rules.min.into());
            if is_left {
                recent.add(now, WINDOW, one);
            }
            is_left
        })
    }

    fn with<R>(&self, act: impl FnOnce(&mut Recent<Spent>) -> R) -> R {
        // Nothing in here can leave the counts half changed.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: BudgetRules = BudgetRules { share: 0.2, min: 3 };

    fn retries(budget: &RetryBudget, now: Instant) -> usize {
        (0..1_000)
            .take_while(|_| budget.try_retry(now, &RULES))
            .count()
    }

    #[test]
    fn retries_are_a_share_of_the_requests_and_never_fewer_than_the_least() {
        for (requests, allowed) in [(0, 3), (10, 3), (19, 3), (20, 4), (1_000, 200)] {
            let (budget, now) = (RetryBudget::default(), Instant::now());
            for _ in 0..requests {
                budget.note_request(now);
            }
            assert_eq!(retries(&budget, now), allowed, "{requests}");
            assert_eq!(retries(&budget, now), 0);
        }
    }

    #[test]
    fn requests_and_retries_are_forgotten_when_the_window_has_passed_them() {
        let (budget, now) = (RetryBudget::default(), Instant::now());
        for _ in 0..100 {
            budget.note_request(now);
        }
        assert_eq!(retries(&budget, now), 20);
        assert_eq!(retries(&budget, now + WINDOW / 2), 0);
        assert_eq!(retries(&budget, now + WINDOW), 3);
    }

    #[test]
    fn retries_and_hedges_take_nothing_from_each_other() {
        let (budget, now) = (RetryBudget::default(), Instant::now());
        assert_eq!(retries(&budget, now), 3);
        assert!((0..3).all(|_| budget.try_hedge(now, &RULES)));
        assert!(!budget.try_hedge(now, &RULES));
    }

    #[test]
    fn a_share_of_nothing_and_a_least_of_nothing_allow_no_retry() {
        let (budget, now) = (RetryBudget::default(), Instant::now());
        budget.note_request(now);
        let none = BudgetRules { share: 0.0, min: 0 };
        assert!(!budget.try_retry(now, &none));
    }
}
