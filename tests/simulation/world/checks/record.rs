//! One outcome for each request, which tells the truth; and nothing is left when all is over.

use super::{
    super::{
        case::{Case, TICK},
        plan::{CONCURRENT, Operation, PROBE},
        play::Run,
    },
    Findings,
};

pub(super) fn check_run(run: &Run, cases: &[Case<'_>], found: &mut Findings) {
    for leak in &run.leaks {
        found.unless(false, 0, || format!("leaked: {leak}"));
    }
    for oddity in &run.oddities {
        found.unless(false, 0, || {
            format!("a provider saw what it should not: {oddity}")
        });
    }
    for client in &run.clients {
        let key = client.plan.key_id();
        let lines = run.lines.iter().filter(|line| line.is_outcome());
        let lines = lines.filter(|line| line.field("key") == Some(&key)).count();
        let own = cases
            .iter()
            .filter(|case| case.client.plan.number == client.plan.number);
        let (mut least, mut most) = (0, 0);
        for case in own {
            most += 1;
            // One that is gone before Herald had its turn may have left no trace.
            let sent = case.exchange.sent_at;
            let is_seen =
                sent.is_some_and(|sent| case.left_at().is_none_or(|left| left > sent + TICK));
            least += usize::from(is_seen);
        }
        found.unless((least..=most).contains(&lines), 0, || {
            format!("{key} has {lines} outcomes for {most} requests")
        });
    }
    let counted = |line: &&str| line.starts_with("herald_requests_total{");
    let counts = run.metrics.lines().filter(counted);
    let sum: f64 = counts
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum();
    let lines = run.lines.iter().filter(|line| line.is_outcome()).count();
    found.unless(sum == lines as f64, 0, || {
        format!("metrics count {sum} requests, the log {lines}")
    });
    check_probe(run, cases, found);
}

/// Who comes when all others are gone finds Herald as new.
fn check_probe(run: &Run, cases: &[Case<'_>], found: &mut Findings) {
    let probe = cases.iter().find(|case| case.client.plan.number == PROBE);
    let Some(probe) = probe else {
        return found.unless(false, 0, || "the last client was not let in".to_owned());
    };
    let drains = [Operation::Drain, Operation::End];
    let is_draining = drains.iter().any(|drain| run.first(*drain).is_some());
    let expected = if is_draining { 503 } else { 200 };
    found.unless(probe.answer.status == expected, 0, || {
        format!(
            "the last client got {} and not {expected}",
            probe.answer.status
        )
    });
    if !is_draining {
        let left = format!("\"all-concurrent\";r={}", CONCURRENT - 1);
        let told = probe.answer.header("ratelimit").unwrap_or_default();
        found.unless(told.contains(&left), 0, || {
            format!("reservations are left: the last client is told {told:?}")
        });
    }
}

pub(super) fn check(case: &Case<'_>, found: &mut Findings) {
    let (name, answer) = (case.name(), case.answer);
    let Some(outcome) = case.outcome else { return };
    let kind = outcome.field("outcome").unwrap_or_default();
    let is_known = matches!(kind, "completed" | "failed" | "cancelled" | "stalled");
    found.unless(is_known, 0, || format!("{name}: the outcome is {kind:?}"));
    let code = outcome.field("error_code");
    found.unless(code.is_some() == (kind == "failed"), 0, || {
        format!("{name}: the outcome {kind} has the code {code:?}")
    });
    if answer.has_head() {
        let status = outcome
            .field("status")
            .and_then(|status| status.parse().ok());
        found.unless(status == Some(answer.status), 0, || {
            format!(
                "{name}: the client saw {}, the log {status:?}",
                answer.status
            )
        });
        let told = answer.header("x-herald-request-id");
        found.unless(told == outcome.field("request_id"), 0, || {
            format!("{name}: the client was told the id {told:?}")
        });
    }
    let is_whole = answer.whole_at.is_some();
    if case.is_eager() {
        let expected = if !is_whole {
            "a whole answer"
        } else if answer.status == 200 && case.heard.error.is_none() {
            "completed"
        } else {
            "failed"
        };
        found.unless(kind == expected, 0, || {
            format!("{name}: the client saw {expected}, the log {kind}")
        });
        let bytes = outcome.field("bytes").and_then(|bytes| bytes.parse().ok());
        found.unless(bytes == Some(answer.body.len()), 0, || {
            format!(
                "{name}: the client took {} bytes, the log has {bytes:?}",
                answer.body.len()
            )
        });
    }
    if kind == "completed" && is_whole {
        let is_good = answer.status == 200 && case.heard.error.is_none();
        found.unless(is_good, 0, || {
            format!("{name}: the log says completed, the client saw an error")
        });
    }
    if kind == "cancelled" {
        let has_reason = case.left_at().is_some() || case.client.stalled.is_some();
        found.unless(has_reason, 0, || {
            format!("{name}: cancelled, but the client stayed")
        });
    }
    if kind == "stalled" {
        let is_slow = !matches!(case.client.plan.reads, super::super::client::Reads::Eagerly);
        found.unless(is_slow, 0, || {
            format!("{name}: stalled, but the client took all at once")
        });
    }
    if kind == "completed"
        && let Some(said) = case.serving()
    {
        let told = outcome.usage();
        found.unless(told == said.heard.usage, 0, || {
            format!(
                "{name}: the provider counted {:?}, the log {told:?}",
                said.heard.usage
            )
        });
    }
}
