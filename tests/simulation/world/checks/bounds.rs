//! Promise 7: every wait ends when its clock says so, not later and not before; every buffer is bounded.

use std::time::Duration;

use super::{
    super::{
        case::{Case, Said, TICK},
        client::Reads,
        plan::{ERROR_BODY, MAX_EVENT},
    },
    Findings, leaving,
};

/// What may be under way beside the queue: the pipes, awc's and actix's buffers, and an event that is
/// not whole.
const BUFFERS: usize = 192 * 1024 + MAX_EVENT;

pub(super) fn check(case: &Case<'_>, found: &mut Findings) {
    let name = case.name();
    found.unless(!case.client.hangs, 7, || {
        format!("{name}: the client waits for good")
    });
    for event in &case.events {
        found.unless(event.data.len() <= MAX_EVENT || !case.passes(), 7, || {
            format!("{name}: an event of {} bytes passed", event.data.len())
        });
    }
    let Some(said) = case.serving() else { return };
    check_room(case, said, found);
    check_end(case, said, found);
    if case.is_eager() {
        check_late(case, said, found);
        check_early(case, said, found);
    }
}

/// Not more is read of the provider than there is room for on the way to the client.
fn check_room(case: &Case<'_>, said: &Said<'_>, found: &mut Findings) {
    let (name, Some(tuning)) = (case.name(), case.tuning()) else {
        return;
    };
    if !case.answer.is_stream() {
        return;
    }
    let most = BUFFERS + tuning.queue_bytes + case.client.plan.room;
    // What is read on for its usage waits for nobody.
    let read_on = leaving::read_on_until(case).and_then(|_| case.left_at());
    let (mut written, mut taken, mut reads) = (0, 0, case.client.reads.iter().peekable());
    let queued = said.call.written.iter();
    for (at, bytes) in queued.take_while(|(at, _)| read_on.is_none_or(|left| *at < left)) {
        while let Some((_, read)) = reads.next_if(|(read_at, _)| read_at <= at) {
            taken += read;
        }
        written += bytes.len();
        let waits = written.saturating_sub(taken);
        if waits > most {
            found.unless(false, 7, || {
                format!("{name}: {waits} bytes wait, {most} may")
            });
            return;
        }
    }
}

/// Whoever takes nothing, or is gone, holds nobody for longer than the clocks say.
fn check_end(case: &Case<'_>, said: &Said<'_>, found: &mut Findings) {
    let name = case.name();
    let (Some(tuning), Some(total)) = (case.tuning(), case.total()) else {
        return;
    };
    let begun = case.exchange.sent_at.unwrap_or(case.exchange.began_at);
    let rest = tuning.client_write + tuning.drain_after_end + ERROR_BODY + TICK;
    let over = said.over_at();
    found.unless(
        over.is_some_and(|over| over <= begun + total + rest),
        7,
        || format!("{name}: asked at {begun:?}, the provider was kept until {over:?}"),
    );
    if let (Reads::Stalls(..), Some((from, to))) = (case.client.plan.reads, case.client.stalled) {
        let read_on = leaving::read_on_until(case).unwrap_or_default();
        let quiet = said.last_written_at().unwrap_or(said.call.at).max(from);
        let quiet = quiet.max(read_on);
        let most = quiet + tuning.client_write + tuning.idle + tuning.head + rest;
        let is_freed = over.is_some_and(|over| over <= most);
        found.unless(is_freed || to < most, 7, || {
            format!("{name}: the reader stalls from {from:?}, the provider was kept until {over:?}")
        });
        // The kernel's patience begins with the bytes that found no room.
        let most = most
            + 2 * tuning
                .client_write
                .max(case.run.plan.tunings[0].client_write);
        let at = case.outcome_at();
        let is_freed = at.is_some_and(|at| at <= most) || !case.run.plan.has_user_timeout;
        found.unless(is_freed || to < most, 7, || {
            format!("{name}: the reader stalls from {from:?}, the outcome came at {at:?}")
        });
    }
}

/// What a clock may still be waiting for when its time is over.
fn check_late(case: &Case<'_>, said: &Said<'_>, found: &mut Findings) {
    let name = case.name();
    let (Some(tuning), Some(total), Some(at)) = (case.tuning(), case.total(), case.outcome_at())
    else {
        return;
    };
    let mut late = |clock: &str, since: Duration, length: Duration| {
        found.unless(at <= since + length + TICK, 7, || {
            format!("{name}: clocks.{clock} ran from {since:?} for {length:?}, and the end came at {at:?}")
        });
    };
    late(
        "total",
        case.exchange.sent_at.unwrap_or_default(),
        total + ERROR_BODY,
    );
    if !said.answer.has_head() {
        return late("head", said.call.at, tuning.head);
    }
    if !said.is_success() {
        return late("error_body", said.answer.head_at, ERROR_BODY);
    }
    if said.answer.is_stream() && said.content_at().is_none() && said.ended_at().is_none() {
        late("first_event", said.answer.head_at, tuning.first_event);
    }
    let ended = said.ended_at().or(said.error_at()).unwrap_or(at).min(at);
    let head = said.answer.head_at;
    let mut heard = head;
    let written = said.call.written.iter().map(|(at, _)| *at);
    for next in written
        .filter(|at| *at > head && *at < ended)
        .chain([ended])
    {
        if next > heard + tuning.idle + TICK {
            return late("idle", heard, tuning.idle);
        }
        heard = next;
    }
}

/// A clock that ran out had run for its whole length.
fn check_early(case: &Case<'_>, said: &Said<'_>, found: &mut Findings) {
    let name = case.name();
    let (Some(tuning), Some(total), Some(at)) = (case.tuning(), case.total(), case.outcome_at())
    else {
        return;
    };
    let sent = case.exchange.sent_at.unwrap_or_default();
    let head = said.answer.head_at;
    let due = match case.code() {
        Some("upstream_total") => sent + total,
        Some("upstream_head") => said.call.at + tuning.head,
        Some("upstream_first_event") => {
            let is_silent = said.content_at().is_none_or(|content| content + TICK >= at);
            found.unless(is_silent, 7, || {
                format!("{name}: clocks.first_event ran on behind content")
            });
            head + tuning.first_event
        }
        Some("upstream_idle") => {
            let before = said.call.written.iter().map(|(at, _)| *at);
            let last = before.filter(|written| *written + TICK < at).max();
            last.unwrap_or(head) + tuning.idle
        }
        _ => return,
    };
    found.unless(at + TICK >= due, 7, || {
        format!("{name}: {:?} at {at:?}, due at {due:?}", case.code())
    });
}
