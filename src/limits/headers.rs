//! How limits are told to clients: the fields of the IETF draft, and OpenAI's.

use std::{sync::Arc, time::Duration};

use actix_web::http::header::{HeaderName, HeaderValue};
use sfv::{KeyRef, ListSerializer, StringRef, key_ref, string_ref};

use super::{
    limit::{Limit, Measure},
    window::Reading,
};

/// draft-ietf-httpapi-ratelimit-headers-10, section 3.
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Section 4 of the same.
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");

const QUOTA: &KeyRef = key_ref("q");
const QUOTA_UNIT: &KeyRef = key_ref("qu");
const WINDOW: &KeyRef = key_ref("w");
const REMAINING: &KeyRef = key_ref("r");
const RESET: &KeyRef = key_ref("t");

type Wish = (Arc<Limit>, u64);

/// What remains of a limit, and when all of it is back.
struct Told<'a> {
    limit: &'a Limit,
    remaining: u64,
    reset_ms: u64,
}

/// The fields on the answer to a request that was let in.
pub(super) fn of_admitted(
    wishes: &[Wish],
    readings: &[Reading],
    at_ms: u64,
) -> Vec<(HeaderName, HeaderValue)> {
    let told = wishes.iter().zip(readings).map(|((limit, cost), reading)| {
        let reset = limit.cut().map(|cut| cut.reset_ms(at_ms));
        Told {
            limit,
            remaining: limit
                .most
                .saturating_sub(reading.used.saturating_add(*cost)),
            reset_ms: reset.unwrap_or_default(),
        }
    });
    standard(&told.collect::<Vec<_>>())
}

/// The fields on a refusal: no provider was asked, so OpenAI's names are ours to use.
pub(super) fn of_refused(limits: &[(Arc<Limit>, Reading)]) -> Vec<(HeaderName, HeaderValue)> {
    let told = limits.iter().map(|(limit, reading)| Told {
        limit,
        remaining: limit.most.saturating_sub(reading.used),
        reset_ms: reading.reset_ms,
    });
    let told: Vec<_> = told.collect();
    let mut headers = standard(&told);
    headers.extend(openai(&told, "requests", |measure| {
        matches!(measure, Measure::Requests | Measure::RequestsPerDay)
    }));
    headers.extend(openai(&told, "tokens", Measure::counts_tokens));
    headers
}

/// The fields of Sourcegraph (`cmd/frontend/internal/httpapi/completions`, read November 2026).
pub(super) fn plain(
    exceeded: &Arc<Limit>,
    readings: &[(Arc<Limit>, Reading)],
) -> Vec<(HeaderName, HeaderValue)> {
    let reading = readings
        .iter()
        .find(|(limit, _)| Arc::ptr_eq(limit, exceeded));
    let used = reading.map_or(exceeded.most, |(_, reading)| reading.used);
    vec![
        (X_RATELIMIT_LIMIT, HeaderValue::from(exceeded.most)),
        (
            X_RATELIMIT_REMAINING,
            HeaderValue::from(exceeded.most.saturating_sub(used)),
        ),
    ]
}

fn standard(told: &[Told<'_>]) -> Vec<(HeaderName, HeaderValue)> {
    let (mut policies, mut states) = (ListSerializer::new(), ListSerializer::new());
    for Told {
        limit,
        remaining,
        reset_ms,
    } in told
    {
        let name = format!("{}-{}", limit.scope.name(), limit.measure.name());
        let name = StringRef::from_str(&name).expect("names of ours are ASCII");
        let mut policy = policies
            .bare_item(name)
            .parameter(QUOTA, integer(limit.most));
        if let Some(unit) = unit(limit.measure) {
            policy = policy.parameter(QUOTA_UNIT, unit);
        }
        let mut state = states
            .bare_item(name)
            .parameter(REMAINING, integer(*remaining));
        if limit.cut().is_some() {
            policy = policy.parameter(WINDOW, integer(limit.per.as_secs().max(1)));
            state = state.parameter(RESET, integer(reset_ms.div_ceil(1000)));
        }
        // Each writes into its list, which is what is taken in the end.
        let _ = (policy.finish(), state.finish());
    }
    let value = |text: String| HeaderValue::try_from(text).expect("structured fields are ASCII");
    let policies = policies
        .finish()
        .map(|text| (RATELIMIT_POLICY, value(text)));
    let states = states.finish().map(|text| (RATELIMIT, value(text)));
    policies.into_iter().chain(states).collect()
}

/// What is counted, where it is not requests; "tokens" is not registered, and means what it says.
fn unit(measure: Measure) -> Option<&'static StringRef> {
    match measure {
        Measure::Requests | Measure::RequestsPerDay => None,
        Measure::Tokens | Measure::TokensPerDay => Some(string_ref("tokens")),
        Measure::Concurrent => Some(string_ref("concurrent-requests")),
    }
}

/// A structured field's integer has fifteen digits at most (RFC 9651 section 3.3.1).
fn integer(number: u64) -> sfv::Integer {
    let number = number.min(999_999_999_999_999);
    sfv::Integer::try_from(number).expect("it has fifteen digits at most")
}

/// `x-ratelimit-limit-requests` and the like (OpenAI, "Rate limits", read November 2026): of several
/// limits the one of which least is left.
fn openai(
    told: &[Told<'_>],
    what: &str,
    is_it: impl Fn(Measure) -> bool,
) -> Vec<(HeaderName, HeaderValue)> {
    let limits = told.iter().filter(|told| is_it(told.limit.measure));
    let Some(least) = limits.min_by_key(|told| told.remaining) else {
        return Vec::new();
    };
    let reset = go_duration(Duration::from_millis(least.reset_ms));
    [
        ("limit", least.limit.most.to_string()),
        ("remaining", least.remaining.to_string()),
        ("reset", reset),
    ]
    .into_iter()
    .map(|(part, value)| {
        let name = format!("x-ratelimit-{part}-{what}");
        let name = HeaderName::try_from(name).expect("names of ours are header names");
        (
            name,
            HeaderValue::try_from(value).expect("numbers are ASCII"),
        )
    })
    .collect()
}

/// A duration as OpenAI writes it: `120ms`, `6s`, `1m30s`, `24h0m0s`.
fn go_duration(length: Duration) -> String {
    let seconds = length.as_millis().div_ceil(1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        _ if length < Duration::from_secs(1) => format!("{}ms", length.as_millis()),
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::limit::Scope;

    fn limit(measure: Measure, most: u64) -> Arc<Limit> {
        let scope = Scope::Key("team-a".into());
        Arc::new(Limit::new(scope, measure, most, Duration::from_secs(60)))
    }

    fn texts(headers: Vec<(HeaderName, HeaderValue)>) -> Vec<String> {
        let text = |(name, value): (HeaderName, HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        headers.into_iter().map(text).collect()
    }

    #[test]
    fn an_answer_tells_what_is_left_after_it() {
        let wishes = [
            (limit(Measure::Requests, 10), 1),
            (limit(Measure::Tokens, 500), 120),
            (limit(Measure::Concurrent, 4), 1),
        ];
        let used = |used| Reading {
            used,
            ..Reading::default()
        };
        let headers = of_admitted(&wishes, &[used(3), used(400), used(0)], 3_000);
        assert_eq!(
            texts(headers),
            [
                r#"ratelimit-policy: "key-requests";q=10;w=60, "key-tokens";q=500;qu="tokens";w=60, "key-concurrent";q=4;qu="concurrent-requests""#,
                r#"ratelimit: "key-requests";r=6;t=63, "key-tokens";r=0;t=63, "key-concurrent";r=3"#,
            ]
        );
        assert_eq!(of_admitted(&[], &[], 0), []);
    }

    #[test]
    fn a_refusal_tells_openais_fields_of_the_limit_of_which_least_is_left() {
        let reading = |used, reset_ms| Reading {
            used,
            wait_ms: 0,
            reset_ms,
        };
        let headers = of_refused(&[
            (limit(Measure::Requests, 10), reading(4, 90_000)),
            (limit(Measure::RequestsPerDay, 100), reading(99, 86_399_001)),
            (limit(Measure::Tokens, 500), reading(700, 17)),
        ]);
        assert_eq!(
            texts(headers)[2..],
            [
                "x-ratelimit-limit-requests: 100",
                "x-ratelimit-remaining-requests: 1",
                "x-ratelimit-reset-requests: 24h0m0s",
                "x-ratelimit-limit-tokens: 500",
                "x-ratelimit-remaining-tokens: 0",
                "x-ratelimit-reset-tokens: 17ms",
            ]
        );
    }
}
