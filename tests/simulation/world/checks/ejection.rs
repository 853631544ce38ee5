//! Outlier ejection: who is surely left out is not asked while somebody else of its group may be, or a
//! group to fall back to.
//!
//! What surely has come of each call at a target is followed up to its first ejection, as long as they came
//! one after the other. Whatever leaves a doubt ends that: nothing is claimed of the target from there on.

use std::{ops::Range, time::Duration};

use super::{
    super::{
        answer::Fault,
        ask::Other,
        case::{Case, Said, TICK},
        format::Provider,
    },
    Findings,
};

/// The default of `outliers.consecutive_failures`, and that of `ejection`.
const DEFAULT: (u32, Duration) = (5, Duration::from_secs(10));

/// What came of one call for its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Good,
    /// Nothing that speaks for or against it.
    Nothing,
    Failed {
        at: Duration,
        /// It had done well before.
        behind_content: bool,
    },
}

pub(super) fn check_run(cases: &[Case<'_>], found: &mut Findings) {
    for target in Provider::SERVING {
        let calls = calls_at(cases, target);
        let Some(out) = first_ejection(&calls) else {
            continue;
        };
        for (case, said) in &calls {
            let at = said.call.at;
            let is_again = case
                .calls
                .iter()
                .any(|other| other.call.provider == target && other.call.at < at);
            if !out.contains(&at) || is_again {
                continue;
            }
            found.unless(!has_other(cases, case, target, at), 2, || {
                format!(
                    "{}: {target:?} was asked at {at:?}, and was left out for {out:?}",
                    case.name()
                )
            });
        }
    }
}

/// The calls at a target, one after the other.
fn calls_at<'c, 'r>(cases: &'c [Case<'r>], target: Provider) -> Vec<(&'c Case<'r>, &'c Said<'r>)> {
    let calls = cases
        .iter()
        .flat_map(|case| case.calls.iter().map(move |said| (case, said)));
    let mut calls: Vec<_> = calls
        .filter(|(_, said)| said.call.provider == target)
        .collect();
    calls.sort_by_key(|(_, said)| said.call.at);
    calls
}

/// From when until when a target is left out for the first time.
fn first_ejection(calls: &[(&Case<'_>, &Said<'_>)]) -> Option<Range<Duration>> {
    let mut in_a_row = 0;
    let mut over = Duration::ZERO;
    for (case, said) in calls {
        if said.call.at < over {
            return None;
        }
        over = said.over_at()?;
        match came(case, said)? {
            Came::Good => in_a_row = 0,
            Came::Nothing => {}
            Came::Failed { at, behind_content } => {
                in_a_row = if behind_content { 1 } else { in_a_row + 1 };
                let drawn = case.tuning()?.ejection;
                let (failures, length) =
                    drawn.map_or(DEFAULT, |drawn| (drawn.failures, drawn.length));
                if in_a_row >= failures {
                    return Some(at + 2 * TICK..at + length.saturating_sub(2 * TICK));
                }
            }
        }
    }
    None
}

/// `None` where that is not sure.
fn came(case: &Case<'_>, said: &Said<'_>) -> Option<Came> {
    let is_told_of_error = matches!(
        said.call.plan.fault,
        Some(Fault::ErrorAt(..) | Fault::ErrorDocument)
    );
    let is_alone = (0..case.calls.len()).all(|number| case.beside(number).is_none());
    if said.call.is_stale || is_told_of_error || !is_alone || !case.is_eager() {
        return None;
    }
    let is_last = std::ptr::eq(said, case.serving()?);
    if is_last && case.outcome_is("completed") {
        return Some(Came::Good);
    }
    let at = if is_last {
        case.outcome_at()?
    } else {
        said.over_at()?
    };
    let failed = Came::Failed {
        at,
        behind_content: case.answer.status == 200 && is_last && said.content_at().is_some(),
    };
    if said.answer.has_head() && !said.is_success() {
        let is_refusal = said.answer.status < 500;
        return Some(if is_refusal { Came::Nothing } else { failed });
    }
    let is_own = matches!(
        case.code()?,
        "upstream_reset"
            | "upstream_truncated"
            | "upstream_empty"
            | "upstream_bad_head"
            | "upstream_content_encoding"
            | "upstream_not_a_stream"
            | "upstream_not_json"
            | "upstream_bad_event"
            | "upstream_head"
            | "upstream_first_event"
            | "upstream_idle"
    );
    (is_last && is_own).then_some(failed)
}

/// Whether there was another one to ask.
fn has_other(cases: &[Case<'_>], case: &Case<'_>, target: Provider, at: Duration) -> bool {
    let Some(other) = case.ask.other else {
        return false;
    };
    // Of a last group nobody is left out.
    let is_beside = matches!(other, Other::Beside(_));
    if !is_beside && target != case.ask.provider {
        return false;
    }
    let mut targets = case.ask.targets();
    let Some(other) = targets.find(|other| *other != target) else {
        return false;
    };
    let before = calls_at(cases, other);
    let mut before = before.iter().filter(|(_, said)| said.call.at <= at);
    let is_free = before.all(|(case, said)| {
        let rests = said.answer.header("retry-after").is_some();
        let is_well =
            said.over_at().is_none_or(|over| over > at) || came(case, said) == Some(Came::Good);
        !rests && is_well
    });
    is_free && other.asked_in(case.ask.dialect).is_some()
}
