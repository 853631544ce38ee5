//! `[outliers]` and `[headroom]`: which targets are asked less, or not at all for a while.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{diagnostics::Problems, schema::between, units::Time};
use crate::routing::{headroom::HeadroomRules, outliers::OutlierRules};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OutliersSection {
    #[schemars(range(min = 0, max = 1000))]
    consecutive_failures: u32,
    #[schemars(range(min = 0, max = 1))]
    failure_ratio: f64,
    #[schemars(range(min = 1, max = 1_000_000))]
    min_requests: u32,
    #[schemars(transform = between("1s", "1h"))]
    window: Time,
    #[schemars(transform = between("1ms", "24h"))]
    ejection: Time,
    #[schemars(transform = between("1ms", "24h"))]
    ejection_max: Time,
    #[schemars(range(min = 0, max = 1))]
    max_ejected: f64,
}

impl OutliersSection {
    pub(super) fn verify(&self, problems: &mut Problems<'_>) -> OutlierRules {
        self.hold_the_first_within_the_most(problems);
        OutlierRules {
            consecutive_failures: self.consecutive_failures,
            failure_ratio: self.failure_ratio,
            min_requests: self.min_requests,
            window: self.window.0,
            ejection: self.ejection.0,
            ejection_max: self.ejection_max.0,
            max_ejected: self.max_ejected,
        }
    }

    fn hold_the_first_within_the_most(&self, problems: &mut Problems<'_>) {
        const FIRST: &str = "outliers.ejection";
        const MOST: &str = "outliers.ejection_max";
        if self.ejection <= self.ejection_max || problems.is_told(FIRST) || problems.is_told(MOST) {
            return;
        }
        let (first, most) = (self.ejection, self.ejection_max);
        // Told where the admin wrote: a default is nobody's mistake.
        if problems.is_built_in(FIRST) {
            problems
                .error(MOST, format!("{most} is shorter than {FIRST} ({first})"))
                .hint(format!("lengthen it, or shorten {FIRST}"))
                .tell();
        } else {
            problems
                .error(FIRST, format!("{first} is longer than {MOST} ({most})"))
                .hint(format!("shorten it, or lengthen {MOST}"))
                .beside(MOST, "no ejection is longer")
                .tell();
        }
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeadroomSection {
    #[schemars(range(min = 0, max = 1))]
    below: f64,
    #[schemars(transform = between("0s", "1h"))]
    max_rest: Time,
}

impl HeadroomSection {
    pub(super) fn verified(&self) -> HeadroomRules {
        HeadroomRules {
            below: self.below,
            max_rest: self.max_rest.0,
        }
    }
}
