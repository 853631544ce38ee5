//! Promise 3: of the provider's headers those that a rule names, and no others.

use super::{
    super::{case::Case, plan::allows_acme},
    Findings,
};

pub(super) fn check(case: &Case<'_>, found: &mut Findings) {
    let (name, answer) = (case.name(), case.answer);
    for (header, value) in &answer.headers {
        found.unless(!value.contains("leak"), 3, || {
            format!("{name}: {header}: {value} reached the client")
        });
    }
    let Some(said) = case.serving() else { return };
    // Whether the head of an answer that failed was read before it failed is told by its status.
    if answer.header("x-upstream-status").is_none() {
        return;
    }
    let foreign = answer.headers.iter().find(|(name, value)| {
        value.starts_with("ok-") && said.answer.all(name).all(|own| own != value)
    });
    found.unless(foreign.is_none(), 3, || {
        format!("{name}: {foreign:?} is not of who served")
    });
    let is_acme = |name: &str| name.starts_with("x-acme-");
    let acme = case.generation().is_some_and(allows_acme);
    let allowed = |name: &str| {
        (is_acme(name) && acme)
            || name == "x-request-id"
            || name.starts_with("x-ratelimit-remaining-")
            || name == "openai-processing-ms"
    };
    let mut names: Vec<_> = said.answer.headers.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    for header in names {
        let is_planted = |value: &&str| value.starts_with("ok-");
        let wanted: Vec<_> = if allowed(header) {
            said.answer.all(header).filter(is_planted).collect()
        } else {
            Vec::new()
        };
        let told: Vec<_> = answer.all(header).filter(is_planted).collect();
        found.unless(told == wanted, 3, || {
            format!("{name}: of {header} came {told:?}, allowed was {wanted:?}")
        });
    }
}
