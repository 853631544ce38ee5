//! Promise 2, as far as there are several attempts: each but the last has failed in a way that another
//! may mend, is over before the next begins, and is told of; only the last speaks.

use super::{
    super::{
        answer::Fault,
        case::{Case, Said, TICK},
        plan::Operation,
    },
    Findings, hedge,
};

/// Most attempts for one request, and the statuses that another attempt may mend: the defaults.
const MOST: usize = 3;
const MENDABLE: [u16; 7] = [408, 429, 500, 502, 503, 504, 529];

pub(super) fn check(case: &Case<'_>, found: &mut Findings) {
    let (name, answer, count) = (case.name(), case.answer, case.calls.len());
    // On a kept connection that the provider was about to close a request is sent, and once more on a new
    // one; only twice in a row does that count.
    let stale = case.calls.iter().filter(|said| said.call.is_stale).count();
    let possible = (count - stale).max(1)..=count;
    found.unless(*possible.start() <= MOST, 2, || {
        format!("{name}: {count} attempts")
    });
    for said in &case.calls {
        let provider = said.call.provider;
        found.unless(
            case.ask.targets().any(|target| target == provider),
            2,
            || format!("{name}: {provider:?} was asked, and is no target"),
        );
    }
    for number in 1..count {
        if case.beside(number).is_none() {
            check_next(case, number, found);
        }
    }
    hedge::check(case, found);
    let per_target = case.tuning().map_or(1, |tuning| tuning.per_target as usize);
    for target in case.ask.targets() {
        let asked = case.calls.iter().filter(|said| !said.call.is_stale);
        let asked = asked.filter(|said| said.call.provider == target);
        found.unless(asked.count() <= per_target, 2, || {
            format!("{name}: {target:?} too often")
        });
    }
    if answer.has_head() && count > 0 {
        let told = answer.header("x-herald-attempts").map(str::parse);
        let told = told.map_or(1, Result::unwrap_or_default);
        found.unless(possible.contains(&told), 2, || {
            format!("{name}: {count} attempts, the client is told {told:?}")
        });
        let proxy = answer.header("proxy-status").unwrap_or_default();
        let failed = proxy.matches("attempt ").count();
        found.unless(failed + 1 == told, 4, || {
            format!("{name}: {told} attempts, proxy-status is {proxy:?}")
        });
    }
    if let (Some(outcome), Some(serving)) = (case.outcome, case.serving()) {
        let told = outcome.field("attempts");
        let told = told.and_then(|told| told.parse::<usize>().ok());
        let is_told = told.is_some_and(|told| possible.contains(&told));
        found.unless(is_told || case.left_at().is_some(), 0, || {
            format!("{name}: {count} attempts, the log has {told:?}")
        });
        let provider = serving.call.provider.id();
        found.unless(
            outcome.field("provider") == Some(provider) || case.left_at().is_some(),
            0,
            || {
                format!(
                    "{name}: {provider} served, the log has {:?}",
                    outcome.field("provider")
                )
            },
        );
    }
    check_missing(case, found);
}

/// All attempts before one have failed in a way that another may mend, and are over.
fn check_next(case: &Case<'_>, number: usize, found: &mut Findings) {
    let (name, next) = (case.name(), &case.calls[number]);
    for failed in &case.calls[..number] {
        found.unless(
            hedge::is_no_end(case, failed) || is_mendable(failed),
            2,
            || format!("{name}: another attempt behind {:?}", failed.answer.status),
        );
        let over = failed.over_at();
        found.unless(
            over.is_some_and(|over| over <= next.call.at + TICK),
            2,
            || {
                format!(
                    "{name}: an attempt at {:?} beside one until {over:?}",
                    next.call.at
                )
            },
        );
        let due = case.commit_due_of(failed).map(|(_, due)| due);
        let is_committed = failed.is_success() && failed.answer.is_stream() && case.ask.stream;
        let is_early = due.is_none_or(|due| over.is_some_and(|over| over <= due + TICK));
        found.unless(!is_committed || is_early, 2, || {
            format!("{name}: another attempt behind one that was to be told at {due:?}")
        });
    }
}

/// Whether it is the first to ask, stays, has somebody else to ask, and no operator meddles.
pub(super) fn may_ask_another(case: &Case<'_>) -> bool {
    let is_first = case
        .client
        .exchanges
        .first()
        .is_some_and(|first| std::ptr::eq(first, case.exchange));
    let is_alone = case.run.plan.clients.len() == 1 && is_first;
    let other = case.ask.other.map(super::super::ask::Other::provider);
    let may_serve = other.is_some_and(|other| other.asked_in(case.ask.dialect).is_some());
    let ends = [Operation::Cancel, Operation::Drain, Operation::End];
    let is_ended = ends.iter().any(|end| case.run.first(*end).is_some());
    is_alone && may_serve && !is_ended && case.is_eager() && case.code() != Some("upstream_total")
}

/// Whoever may ask another where it failed does so.
fn check_missing(case: &Case<'_>, found: &mut Findings) {
    let name = case.name();
    let [only] = case.calls.as_slice() else {
        return;
    };
    if !may_ask_another(case) {
        return;
    }
    let is_committed = case.answer.status == 200;
    let has_failed = only.answer.has_head() && MENDABLE.contains(&only.answer.status);
    found.unless(is_committed || !has_failed, 2, || {
        format!("{name}: no other attempt behind {}", only.answer.status)
    });
}

/// Whether a failure is one that another attempt may mend.
pub(super) fn is_mendable(said: &Said<'_>) -> bool {
    // Who told of an error in words named a status of those too.
    let is_silent = said.call.plan.fault == Some(Fault::Silent);
    !is_refused(said) && !is_silent
}

/// Whether it is the request that was refused.
pub(super) fn is_refused(said: &Said<'_>) -> bool {
    said.answer.has_head() && !said.is_success() && !MENDABLE.contains(&said.answer.status)
}
