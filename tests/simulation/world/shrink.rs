//! Leaves out of a plan what its failure does not need.

use super::{
    checks::{Broken, judge},
    plan::Plan,
    play::{Run, play},
};

/// The least that still breaks the same thing, what it breaks, and its run.
pub(super) fn shrink(mut plan: Plan, broken: &Broken) -> (Broken, Run) {
    let breaks = |plan: &Plan| {
        let run = play(plan);
        let found = judge(&run).into_iter().find(|found| found.is_like(broken));
        found.map(|found| (found, run))
    };
    let mut least = breaks(&plan).unwrap_or_else(|| panic!("{broken}, but only once"));
    let mut goes_on = true;
    while goes_on {
        goes_on = false;
        for smaller in smaller(&plan) {
            if let Some(found) = breaks(&smaller) {
                (plan, least, goes_on) = (smaller, found, true);
                break;
            }
        }
    }
    least
}

/// The plan with one thing less in it, in each possible way.
fn smaller(plan: &Plan) -> Vec<Plan> {
    let mut plans = Vec::new();
    let mut without = |change: &dyn Fn(&mut Plan)| {
        let mut smaller = plan.clone();
        change(&mut smaller);
        plans.push(smaller);
    };
    for index in 0..plan.clients.len() {
        without(&|plan| drop(plan.clients.remove(index)));
        if plan.clients[index].asks.len() > 1 {
            without(&|plan| plan.clients[index].asks.truncate(1));
        }
        if plan.clients[index]
            .asks
            .iter()
            .any(|ask| ask.other.is_some())
        {
            without(&|plan| {
                plan.clients[index]
                    .asks
                    .iter_mut()
                    .for_each(|ask| ask.other = None)
            });
        }
        if plan.clients[index].asks.iter().any(|ask| ask.cut.is_some()) {
            without(&|plan| {
                plan.clients[index]
                    .asks
                    .iter_mut()
                    .for_each(|ask| ask.cut = None)
            });
        }
    }
    for index in 0..plan.operations.len() {
        without(&|plan| {
            plan.operations.remove(index);
        });
    }
    for provider in 0..plan.answers.len() {
        for index in 0..plan.answers[provider].1.len() {
            let answer = &plan.answers[provider].1[index];
            if !answer.headers.is_empty() {
                without(&|plan| plan.answers[provider].1[index].headers.clear());
            }
            if answer.speech.pieces.len() > 1 {
                without(&|plan| plan.answers[provider].1[index].speech.pieces.truncate(1));
            }
        }
    }
    plans
}
