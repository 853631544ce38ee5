//! Promise 6: the client leaves, the provider stops.

use std::time::Duration;

use super::{
    super::{
        case::{Case, TICK},
        plan::Operation,
    },
    Findings,
};

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
        let serves = case
            .serving()
            .is_some_and(|serving| std::ptr::eq(serving, said));
        let rest = read_on_until(case).zip(case.tuning()).filter(|_| serves);
        let rest = rest.map(|(until, tuning)| until + tuning.drain_after_end);
        let most = rest.unwrap_or_default().max(left + AT_MOST);
        let over = said.over_at();
        found.unless(over.is_some_and(|over| over <= most), 6, || {
            format!("{name}: the client left at {left:?}, the provider was kept until {over:?}")
        });
    }
    if case.outcome.is_some() {
        let at = case.outcome_at();
        let most = read_on_until(case).unwrap_or_default().max(left + AT_MOST);
        found.unless(at.is_some_and(|at| at <= most), 6, || {
            format!("{name}: the client left at {left:?}, the outcome came at {at:?}")
        });
    }
    check_usage(case, left, found);
}

/// Until when a stream may be read on whose client left, where that is asked for: so many events or so
/// long, from when it may have been noticed at the latest, and not into a shutdown. `None`: not at all, as
/// the head cannot have been out.
pub(super) fn read_on_until(case: &Case<'_>) -> Option<Duration> {
    let (said, rules) = (case.serving()?, case.tuning()?.read_on?);
    let noticed = case.left_at()? + AT_MOST;
    let (due, _) = case.commit_due()?;
    let is_stream = case.ask.stream && said.answer.is_stream() && said.is_success();
    if !is_stream || due > noticed {
        return None;
    }
    let events = said.events.iter().map(|event| said.answer.at(event.end));
    let mut behind = events.filter(|at| *at > noticed);
    let last = behind.nth(rules.events as usize - 1);
    let drain = case.run.first(Operation::Drain);
    let drain = drain.map(|at| at.max(noticed));
    let time = Some(noticed + rules.time);
    let ends = [time, last, drain].into_iter().flatten();
    Some(ends.min()? + TICK)
}

/// What is read on to its end tells the log what was counted.
fn check_usage(case: &Case<'_>, left: Duration, found: &mut Findings) {
    let name = case.name();
    let (Some(said), Some(tuning), Some(outcome)) = (case.serving(), case.tuning(), case.outcome)
    else {
        return;
    };
    let (Some(rules), Some(ended), Some(total)) = (tuning.read_on, said.ended_at(), case.total())
    else {
        return;
    };
    let operations = [Operation::Cancel, Operation::Drain, Operation::End];
    let is_ended = operations.iter().any(|end| case.run.first(*end).is_some());
    let is_within = said.events.len() <= rules.events as usize
        && ended + TICK < left + rules.time
        && ended + TICK < case.exchange.sent_at.unwrap_or_default() + total;
    let is_committed = case.answer.status == 200 && case.answer.is_stream();
    if !is_ended && is_within && is_committed && case.outcome_is("cancelled") {
        let told = outcome.usage();
        found.unless(told == said.heard.usage, 6, || {
            format!(
                "{name}: read on to the end, the provider counted {:?}, the log {told:?}",
                said.heard.usage
            )
        });
    }
}
