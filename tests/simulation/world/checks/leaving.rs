//! Promise 6: the client leaves, the provider stops.

use std::time::Duration;

use super::{super::case::Case, Findings};

/// Within so much virtual time.
const AT_MOST: Duration = Duration::from_secs(1);

pub(super) fn check(case: &Case<'_>, found: &mut Findings) {
    let name = case.name();
    let Some(left) = case.left_at() else { return };
    for said in &case.calls {
        found.unless(said.call.at <= left + AT_MOST, 6, || {
            format!(
                "{name}: a provider was asked at {:?}, the client left at {left:?}",
                said.call.at
            )
        });
        let over = said.over_at();
        found.unless(over.is_some_and(|over| over <= left + AT_MOST), 6, || {
            format!("{name}: the client left at {left:?}, the provider was kept until {over:?}")
        });
    }
    if case.outcome.is_some() {
        let at = case.outcome_at();
        found.unless(at.is_some_and(|at| at <= left + AT_MOST), 6, || {
            format!("{name}: the client left at {left:?}, the outcome came at {at:?}")
        });
    }
}
