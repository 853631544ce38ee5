//! Promise 10: no key, no prompt, no completion where it does not belong.

use super::{
    super::{ask::COOKIE, case::Case, format::Provider, play::Run},
    Findings,
};

/// What stands in every prompt, in every completion, in every client's key.
const PROMPT: &str = "prompt:";
const SAID: &str = "said-";
const CLIENT_KEY: &str = "hk-of-client-";
const PROVIDER_KEY: &str = "sk-of-provider-";

pub(super) fn check_run(run: &Run, found: &mut Findings) {
    let secrets = [PROMPT, SAID, CLIENT_KEY, PROVIDER_KEY, COOKIE];
    for secret in secrets {
        for line in &run.lines {
            let holder = line.fields.iter().find(|(_, value)| value.contains(secret));
            found.unless(holder.is_none(), 10, || {
                format!("{} holds {secret}: {holder:?}", line.target)
            });
        }
        found.unless(!run.metrics.contains(secret), 10, || {
            format!("a metric holds {secret}")
        });
    }
}

pub(super) fn check(case: &Case<'_>, found: &mut Findings) {
    let (name, answer) = (case.name(), case.answer);
    let head: Vec<_> = answer
        .headers
        .iter()
        .map(|(_, value)| value.as_str())
        .collect();
    let (head, body) = (head.join("\n"), String::from_utf8_lossy(&answer.body));
    for secret in [PROMPT, CLIENT_KEY, PROVIDER_KEY, COOKIE] {
        found.unless(!head.contains(secret), 10, || {
            format!("{name}: the head holds {secret}")
        });
        found.unless(!body.contains(secret), 10, || {
            format!("{name}: the body holds {secret}")
        });
    }
    if answer.status != 200 {
        found.unless(!body.contains(SAID), 10, || {
            format!("{name}: the error holds the answer")
        });
    }
    for said in &case.calls {
        let (head, own) = (&said.call.head, said.call.provider.key());
        for secret in [CLIENT_KEY, COOKIE] {
            found.unless(!head.contains(secret), 10, || {
                format!("{name}: {secret} went upstream")
            });
        }
        found.unless(head.contains(&own), 10, || {
            format!("{name}: the provider's key is missing")
        });
        let others = Provider::ALL
            .iter()
            .filter(|other| **other != said.call.provider);
        for other in others {
            found.unless(!head.contains(&other.key()), 10, || {
                format!("{name}: another provider's key went upstream")
            });
        }
    }
}
