//! `[attempts]`: when a request is sent again, and how often.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{diagnostics::Problems, schema::between, units::Time};
use crate::routing::budget::BudgetRules;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AttemptsSection {
    #[schemars(range(min = 1, max = 10))]
    max: u32,
    #[schemars(range(min = 1, max = 10))]
    per_target: u32,
    on: Vec<RetryClass>,
    statuses: Vec<u16>,
    #[schemars(transform = between("0s", "1m"))]
    backoff: Time,
    #[schemars(transform = between("0s", "10m"))]
    backoff_max: Time,
    #[schemars(transform = between("0s", "10m"))]
    retry_after_max: Time,
    #[schemars(range(min = 0, max = 1))]
    budget: f64,
    #[schemars(range(min = 0, max = 1000))]
    budget_min: u32,
    hedge: HedgeWord,
    #[schemars(transform = between("1ms", "10m"))]
    hedge_min: Time,
    #[schemars(range(min = 0, max = 1))]
    hedge_budget: f64,
}

/// After which percentile of a target's times another attempt begins beside the first.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum HedgeWord {
    Off,
    P50,
    P75,
    P90,
    P95,
    P99,
}

impl HedgeWord {
    fn percentile(self) -> Option<u8> {
        match self {
            Self::Off => None,
            Self::P50 => Some(50),
            Self::P75 => Some(75),
            Self::P90 => Some(90),
            Self::P95 => Some(95),
            Self::P99 => Some(99),
        }
    }
}

/// A sort of failure before the commit, by the name that the settings have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryClass {
    /// No connection stood, so that nothing was asked.
    Connect,
    /// The connection broke, or the answer ended, before any content.
    Reset,
    /// A status that `attempts.statuses` names.
    Status,
    /// An error in place of an answer that began well, with such a status or with none.
    ErrorEvent,
    /// An answer that is none: no event stream, no JSON, encoded, or with a malformed head.
    BadAnswer,
    /// `clocks.head` ran out.
    Head,
    /// `clocks.first_event` ran out, or `clocks.idle` before any content.
    FirstEvent,
}

/// When a request is sent again before its commit. Settings `[attempts]`.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRules {
    /// Most attempts for one request, the first included, from 1 to 10. Setting `attempts.max`, default 3.
    pub max: u32,
    /// How often one target may be asked for one request, from 1 to 10. Setting `attempts.per_target`,
    /// default 1.
    pub per_target: u32,
    /// After which failures there is another attempt. Setting `attempts.on`.
    pub on: Vec<RetryClass>,
    /// Which statuses are failures that another attempt may mend, each from 300 to 599. Setting
    /// `attempts.statuses`.
    pub statuses: Vec<u16>,
    /// Most that is waited before a target is asked a second time; it doubles each time. Setting
    /// `attempts.backoff`, default 100 ms.
    pub backoff: Duration,
    /// Most that is waited before any attempt. Setting `attempts.backoff_max`, default 2 s.
    pub backoff_max: Duration,
    /// The longest `retry-after` of a provider that is waited for before the same target is asked again.
    /// Setting `attempts.retry_after_max`, default 5 s.
    pub retry_after_max: Duration,
    /// How many repeats there may be at providers that had been asked already. Settings `attempts.budget` and
    /// `attempts.budget_min`.
    pub budget: BudgetRules,
    /// When another attempt begins beside one that is slow; `None` for never, which is the default.
    pub hedge: Option<HedgeRules>,
}

/// When another attempt begins beside one that is slow.
#[derive(Clone, Debug, PartialEq)]
pub struct HedgeRules {
    /// After which percentile of the target's recent times, 1 to 99. Setting `attempts.hedge`.
    pub percentile: u8,
    /// Not before so long. Setting `attempts.hedge_min`, default 200 ms.
    pub min: Duration,
    /// How many there may be. Setting `attempts.hedge_budget`, default 0.05; above 0 one in ten seconds in
    /// any case.
    pub budget: BudgetRules,
}

impl AttemptsSection {
    pub(super) fn verify(&self, problems: &mut Problems<'_>) -> AttemptRules {
        for (index, status) in self.statuses.iter().enumerate() {
            if !(300..=599).contains(status) {
                let problem = format!("{status} is no status of a failure: 300 to 599");
                problems.at(&format!("attempts.statuses[{index}]"), problem);
            }
        }
        if self.backoff > self.backoff_max && !problems.is_built_in("attempts.backoff") {
            let problem = format!("is longer than attempts.backoff_max ({})", self.backoff_max);
            problems.at("attempts.backoff", problem);
        }
        AttemptRules {
            max: self.max,
            per_target: self.per_target,
            on: self.on.clone(),
            statuses: self.statuses.clone(),
            backoff: self.backoff.0,
            backoff_max: self.backoff_max.0,
            retry_after_max: self.retry_after_max.0,
            budget: BudgetRules {
                share: self.budget,
                min: self.budget_min,
            },
            hedge: self.hedge.percentile().map(|percentile| HedgeRules {
                percentile,
                min: self.hedge_min.0,
                budget: BudgetRules {
                    share: self.hedge_budget,
                    min: u32::from(self.hedge_budget > 0.0),
                },
            }),
        }
    }
}

impl AttemptRules {
    /// Whether another attempt may follow a failure of this class.
    #[must_use]
    pub fn mends(&self, class: RetryClass) -> bool {
        self.on.contains(&class)
    }
}
