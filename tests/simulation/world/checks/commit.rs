//! Promises 1, 2 and 9: one head before everything, when it is due and not before; no second attempt
//! behind it; and the settings that the request began with.

use std::time::Duration;

use super::{
    super::{
        case::{Case, TICK},
        format::Dialect,
    },
    Findings, attempts, value,
};

pub(super) fn check(case: &Case<'_>, found: &mut Findings) {
    check_head(case, found);
    check_generation(case, found);
    attempts::check(case, found);
    let (name, answer) = (case.name(), case.answer);
    let Some(said) = case.serving() else { return };
    if !answer.has_head() {
        return;
    }
    for other in &case.calls {
        found.unless(other.call.at <= answer.head_at, 2, || {
            format!(
                "{name}: a provider was asked at {:?}, behind the head",
                other.call.at
            )
        });
    }
    if answer.status != 200 {
        // What commits would have sent the head out.
        if case.ask.stream && said.answer.is_stream() && said.is_success() {
            let due = case.commit_due();
            let is_early = due.is_none_or(|(_, due)| due + TICK >= answer.head_at);
            found.unless(is_early || !case.is_eager(), 2, || {
                format!(
                    "{name}: status {} at {:?}, although the head was due at {due:?}",
                    answer.status, answer.head_at
                )
            });
        }
        return;
    }
    if answer.is_stream() {
        let due = case.commit_due();
        found.unless(due.is_some_and(|(due, _)| answer.head_at >= due), 2, || {
            format!(
                "{name}: the head went out at {:?}, due at {due:?}",
                answer.head_at
            )
        });
        let is_late = due.is_some_and(|(_, due)| answer.head_at > due + TICK);
        found.unless(!is_late || !case.is_eager(), 2, || {
            format!(
                "{name}: the head came as late as {:?}, due at {due:?}",
                answer.head_at
            )
        });
    } else {
        let whole = said.answer.whole_at;
        found.unless(
            whole.is_some_and(|whole| answer.head_at >= whole),
            2,
            || format!("{name}: the document went out before it was whole at {whole:?}"),
        );
    }
}

/// Promise 1.
fn check_head(case: &Case<'_>, found: &mut Findings) {
    let (name, answer) = (case.name(), case.answer);
    found.unless(answer.broken.is_none(), 1, || {
        format!("{name}: what came is no answer: {:?}", answer.broken)
    });
    found.unless(
        answer.interim.is_empty() && case.client.unasked == 0,
        1,
        || format!("{name}: more than one head, or bytes behind the answer"),
    );
    if !answer.has_head() {
        return;
    }
    for header in ["x-herald-request-id", "x-upstream-status", "content-type"] {
        found.unless(answer.all(header).count() <= 1, 1, || {
            format!("{name}: several {header}")
        });
    }
    let has_word = !matches!(case.ask.dialect, Dialect::Messages | Dialect::Cody(..));
    let is_due = case.ask.wants_metadata && has_word && answer.is_stream();
    let is_metadata = |name: Option<&str>| name == Some("metadata");
    let count = case
        .events
        .iter()
        .filter(|event| is_metadata(event.name.as_deref()))
        .count();
    let Some(first) = case.events.first() else {
        return;
    };
    found.unless(count == usize::from(is_due), 1, || {
        format!("{name}: {count} events `metadata`")
    });
    if is_due {
        found.unless(is_metadata(first.name.as_deref()), 1, || {
            format!("{name}: an event went before `metadata`")
        });
        let told = value(first.data.as_bytes());
        let status = told["upstream"]["status"].to_string();
        found.unless(
            answer.header("x-upstream-status") == Some(&status),
            1,
            || format!("{name}: the event `metadata` says {status}"),
        );
    }
}

/// Promise 9.
fn check_generation(case: &Case<'_>, found: &mut Findings) {
    let name = case.name();
    let (Some(sent), Some(generation)) = (case.exchange.head_sent_at, case.generation()) else {
        return;
    };
    let in_force = |at: Duration| {
        let begun = case.run.generations.iter().filter(|begun| **begun <= at);
        begun.count() as u64
    };
    let possible = in_force(sent.saturating_sub(TICK))..=in_force(sent + TICK);
    found.unless(possible.contains(&generation), 9, || {
        format!("{name}: served under generation {generation}, in force were {possible:?}")
    });
    if let Some(told) = case.answer.header("x-herald-settings-generation") {
        found.unless(told == generation.to_string(), 9, || {
            format!("{name}: told of generation {told}, served under {generation}")
        });
    }
}
