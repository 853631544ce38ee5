//! A second attempt beside a slow one: not before its time, only of what has said nothing, and only one
//! of both has the client.

use std::time::Duration;

use super::{
    super::case::{Case, Said, TICK},
    Findings, attempts,
};

pub(super) fn check(case: &Case<'_>, found: &mut Findings) {
    let Some(wait) = case.tuning().and_then(|tuning| Some(tuning.hedge?.wait)) else {
        return;
    };
    for (number, second) in case.calls.iter().enumerate() {
        if let Some(first) = case.beside(number) {
            check_pair(case, number, first, found);
            check_given_up(case, first, second, found);
            check_given_up(case, second, first, found);
        }
    }
    check_log(case, found);
    check_missing(case, wait, found);
}

/// Whether an attempt ended while another one went on, so that its end was not the request's.
pub(super) fn is_no_end(case: &Case<'_>, ended: &Said<'_>) -> bool {
    let Some(over) = ended.over_at() else {
        return false;
    };
    (1..case.calls.len()).any(|number| {
        let second = &case.calls[number];
        let Some(first) = case.beside(number) else {
            return false;
        };
        if std::ptr::eq(second, ended) {
            return first.over_at().is_none_or(|first| over <= first);
        }
        let is_first = std::ptr::eq(first, ended) && !attempts::is_refused(first);
        is_first && second.over_at().is_none_or(|second| over <= second)
    })
}

fn check_pair(case: &Case<'_>, number: usize, first: &Said<'_>, found: &mut Findings) {
    let (name, second) = (case.name(), &case.calls[number]);
    let before = &case.calls[..number];
    let asked = before
        .iter()
        .filter(|said| said.call.provider == second.call.provider);
    // Only a request that had gone to a connection about to be closed is sent once more.
    if asked
        .clone()
        .next_back()
        .is_some_and(|said| said.call.is_stale)
    {
        return;
    }
    found.unless(asked.count() == 0, 2, || {
        format!("{name}: a second attempt at one that was asked already")
    });
    let under_way = before.iter().filter(|said| {
        !said.call.is_stale
            && said
                .over_at()
                .is_none_or(|over| over > second.call.at + TICK)
    });
    found.unless(under_way.count() <= 1, 2, || {
        format!("{name}: three attempts at a time")
    });
    let due = hedged_at(case, first);
    found.unless(
        due.is_some_and(|due| second.call.at + TICK >= due),
        2,
        || {
            format!(
                "{name}: a second attempt at {:?}, due at {due:?}",
                second.call.at
            )
        },
    );
    let answered = answered_at(case, first);
    found.unless(
        answered.is_none_or(|at| at + TICK >= second.call.at),
        2,
        || format!("{name}: a second attempt beside one that had answered at {answered:?}"),
    );
}

/// When an attempt has been slow for long enough.
fn hedged_at(case: &Case<'_>, first: &Said<'_>) -> Option<Duration> {
    Some(first.began + case.tuning()?.hedge?.wait)
}

/// When what is waited for had come: the first content of a stream, the head of a document.
fn answered_at(case: &Case<'_>, said: &Said<'_>) -> Option<Duration> {
    if case.ask.stream {
        return Some(said.answer.at(*said.heard.texts.first()?));
    }
    said.is_success().then_some(said.answer.head_at)
}

/// The one that does not serve is let go before the client is told anything, was not ready first, and is
/// told of.
fn check_given_up(case: &Case<'_>, serving: &Said<'_>, other: &Said<'_>, found: &mut Findings) {
    let (name, answer) = (case.name(), case.answer);
    let serves = case
        .serving()
        .is_some_and(|said| std::ptr::eq(said, serving));
    if !serves || !answer.has_head() {
        return;
    }
    let over = other.over_at();
    found.unless(
        over.is_some_and(|over| over <= answer.head_at + TICK),
        2,
        || {
            format!(
                "{name}: told at {:?}, another attempt was kept until {over:?}",
                answer.head_at
            )
        },
    );
    if !case.is_eager() {
        return;
    }
    let ready = ready_at(case, other);
    found.unless(
        ready.is_none_or(|at| at + TICK >= answer.head_at),
        2,
        || {
            format!(
                "{name}: another attempt was ready at {ready:?}, this one at {:?}",
                answer.head_at
            )
        },
    );
    let is_refused = attempts::is_refused(other) && other.call.at < serving.call.at;
    let refused = other.answer.whole_at.filter(|_| is_refused);
    found.unless(
        refused.is_none_or(|at| at + TICK >= answer.head_at),
        2,
        || format!("{name}: the request was refused at {refused:?}, and another attempt went on"),
    );
}

/// When it would have served, if it was good.
fn ready_at(case: &Case<'_>, said: &Said<'_>) -> Option<Duration> {
    if !said.is_success() || said.call.plan.fault.is_some() {
        None
    } else if !case.ask.stream {
        said.answer.whole_at
    } else if said.answer.is_stream() {
        Some(case.commit_due_of(said)?.1)
    } else {
        None
    }
}

/// The log and the head tell of what was given up, and of nothing else that it was.
fn check_log(case: &Case<'_>, found: &mut Findings) {
    const GIVEN_UP: &str = "gateway_hedged";
    let (name, Some(outcome)) = (case.name(), case.outcome) else {
        return;
    };
    let told = outcome.field("failed_attempts").unwrap_or_default();
    let hedged: Vec<_> = told
        .split(',')
        .filter_map(|failed| failed.strip_suffix(GIVEN_UP)?.strip_suffix(':'))
        .collect();
    let mut pairs = (0..case.calls.len())
        .filter_map(|number| Some((&case.calls[number], case.beside(number)?)))
        .flat_map(|(second, first)| [(second, first), (first, second)]);
    let serving = case.serving().map(|said| said.call.provider);
    for provider in &hedged {
        let is_other = pairs
            .clone()
            .any(|(said, _)| said.call.provider.id() == *provider);
        let serves = serving.is_some_and(|serving| serving.id() == *provider);
        found.unless((is_other && !serves) || case.left_at().is_some(), 2, || {
            format!("{name}: {provider} is told to have been given up: {told}")
        });
    }
    let proxy = case.answer.header("proxy-status").unwrap_or_default();
    let is_same = proxy.matches(GIVEN_UP).count() == hedged.len();
    found.unless(is_same || !case.answer.has_head(), 4, || {
        format!("{name}: the log has {told}, proxy-status is {proxy:?}")
    });
    let is_given_up = |said: &Said<'_>| {
        let is_good = said.call.plan.fault.is_none() && said.call.plan.status == 200;
        let is_open = said.answer.whole_at.is_none() && said.call.left_at.is_some();
        is_good && is_open && serving != Some(said.call.provider)
    };
    let missing = pairs.find(|(said, _)| {
        is_given_up(said) && !hedged.contains(&said.call.provider.id()) && case.is_eager()
    });
    let missing = missing.map(|(said, _)| said.call.provider);
    // What a clock ended was not given up.
    let is_told = missing.is_none_or(|missing| told.contains(missing.id()));
    found.unless(is_told, 4, || {
        format!("{name}: {missing:?} was given up, the log has {told:?}")
    });
}

/// Where the first says nothing for long enough, and somebody else may be asked, somebody is.
fn check_missing(case: &Case<'_>, wait: Duration, found: &mut Findings) {
    let (name, [only]) = (case.name(), case.calls.as_slice()) else {
        return;
    };
    let due = only.call.at + wait + TICK;
    let is_slow = only.over_at().is_none_or(|over| over > due)
        && case.outcome_at().is_some_and(|at| at > due)
        && (!case.answer.has_head() || case.answer.head_at > due);
    let content = if case.ask.stream {
        only.content_at()
    } else {
        answered_at(case, only)
    };
    let is_silent = content.is_none_or(|at| at > due);
    found.unless(
        !(is_slow && is_silent && attempts::may_ask_another(case)),
        2,
        || format!("{name}: no second attempt at {due:?}"),
    );
}
