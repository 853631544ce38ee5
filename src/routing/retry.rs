//! Which failures another attempt may mend, which speak against the target, and how long to wait.

use std::time::Duration;

use fastrand::Rng;

use crate::{
    settings::{AttemptRules, RetryClass},
    upstream::{UpstreamError, clocks::Clock},
};

/// The sort of a failure before the commit; `None` where no other attempt is worth its time: the request
/// itself was refused, the call's time is over, or Herald ended it.
#[must_use]
pub fn class_of(error: &UpstreamError, rules: &AttemptRules) -> Option<RetryClass> {
    let is_named = |status: &u16| rules.statuses.contains(status);
    match error {
        UpstreamError::Connect(_) => Some(RetryClass::Connect),
        UpstreamError::Reset | UpstreamError::Truncated | UpstreamError::Empty => {
            Some(RetryClass::Reset)
        }
        UpstreamError::Status { status, .. } => is_named(status).then_some(RetryClass::Status),
        UpstreamError::ErrorEvent(error) => {
            let is_such = error.status.as_ref().is_none_or(is_named);
            is_such.then_some(RetryClass::ErrorEvent)
        }
        UpstreamError::BadHead(_)
        | UpstreamError::ContentEncoding
        | UpstreamError::NotAStream(_)
        | UpstreamError::NotJson
        | UpstreamError::BadEvent => Some(RetryClass::BadAnswer),
        UpstreamError::Clock { clock, .. } => match clock {
            Clock::Connect => Some(RetryClass::Connect),
            Clock::Head => Some(RetryClass::Head),
            Clock::FirstEvent | Clock::Idle => Some(RetryClass::FirstEvent),
            Clock::Total => None,
        },
        UpstreamError::EventTooLarge { .. }
        | UpstreamError::BodyTooLarge { .. }
        | UpstreamError::Draining
        | UpstreamError::Cancelled
        | UpstreamError::Hedged => None,
    }
}

/// Whether a failure, before the commit or after it, is the target's own. One that the request brought
/// about is not, nor one that its quota did: the quota is known by itself.
#[must_use]
pub fn is_of_target(error: &UpstreamError) -> bool {
    match error {
        UpstreamError::Status { .. } | UpstreamError::ErrorEvent(_) => {
            error.named_status().is_none_or(|status| status >= 500)
        }
        UpstreamError::Clock { clock, .. } => *clock != Clock::Total,
        UpstreamError::EventTooLarge { .. }
        | UpstreamError::BodyTooLarge { .. }
        | UpstreamError::Draining
        | UpstreamError::Cancelled
        | UpstreamError::Hedged => false,
        UpstreamError::Connect(_)
        | UpstreamError::Reset
        | UpstreamError::Truncated
        | UpstreamError::Empty
        | UpstreamError::BadHead(_)
        | UpstreamError::ContentEncoding
        | UpstreamError::NotAStream(_)
        | UpstreamError::NotJson
        | UpstreamError::BadEvent => true,
    }
}

/// How long to wait before a target is asked again that was asked so often already: drawn evenly from
/// nothing to a bound that doubles each time, so that those who failed together do not come back together.
#[must_use]
pub fn backoff(asked: u32, rules: &AttemptRules, rng: &mut Rng) -> Duration {
    let doubled = 2_u32.saturating_pow(asked.saturating_sub(1));
    let bound = rules.backoff.saturating_mul(doubled).min(rules.backoff_max);
    bound.mul_f64(rng.f64())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{completion::ProviderError, settings::Settings};

    fn rules() -> AttemptRules {
        let settings = Settings::from_toml("").unwrap();
        settings.verify(&HashMap::new()).unwrap().attempts
    }

    fn event(status: Option<u16>) -> UpstreamError {
        UpstreamError::ErrorEvent(ProviderError {
            status,
            ..ProviderError::default()
        })
    }

    fn status(status: u16) -> UpstreamError {
        let error = ProviderError::default();
        UpstreamError::Status { status, error }
    }

    #[test]
    fn statuses_are_mended_where_the_settings_name_them_in_heads_and_in_events() {
        let rules = rules();
        for named in [408, 429, 500, 502, 503, 504, 529] {
            assert_eq!(class_of(&status(named), &rules), Some(RetryClass::Status));
            let class = class_of(&event(Some(named)), &rules);
            assert_eq!(class, Some(RetryClass::ErrorEvent));
        }
        for other in [301, 400, 401, 403, 404, 413, 422, 501] {
            assert_eq!(class_of(&status(other), &rules), None, "{other}");
            assert_eq!(class_of(&event(Some(other)), &rules), None, "{other}");
        }
        let class = class_of(&event(None), &rules);
        assert_eq!(class, Some(RetryClass::ErrorEvent));
    }

    #[test]
    fn what_herald_or_the_client_ended_is_never_mended() {
        let length = Duration::from_secs(1);
        let total = UpstreamError::Clock {
            clock: Clock::Total,
            length,
        };
        let too_large = UpstreamError::BodyTooLarge { limit: 1 };
        for error in [
            total,
            too_large,
            UpstreamError::Draining,
            UpstreamError::Cancelled,
            UpstreamError::Hedged,
        ] {
            assert_eq!(class_of(&error, &rules()), None, "{error:?}");
            assert!(!is_of_target(&error), "{error:?}");
        }
    }

    #[test]
    fn a_refusal_and_a_quota_speak_not_against_the_target_and_a_failure_does() {
        for (error, expected) in [
            (status(400), false),
            (status(429), false),
            (event(Some(429)), false),
            (status(500), true),
            (event(None), true),
            (UpstreamError::Reset, true),
        ] {
            assert_eq!(is_of_target(&error), expected, "{error:?}");
        }
    }

    #[test]
    fn the_wait_is_drawn_evenly_below_a_bound_that_doubles_up_to_the_most() {
        let rules = AttemptRules {
            backoff: Duration::from_millis(100),
            backoff_max: Duration::from_millis(300),
            ..rules()
        };
        let mut rng = Rng::with_seed(3);
        for (asked, bound) in [(1, 100), (2, 200), (3, 300), (9, 300), (u32::MAX, 300)] {
            let mut drawn = || backoff(asked, &rules, &mut rng).as_secs_f64() * 1000.0;
            let waits: Vec<f64> = (0..2_000).map(|_| drawn()).collect();
            let mean = waits.iter().sum::<f64>() / waits.len() as f64;
            let bound = f64::from(bound);
            assert!(waits.iter().all(|wait| *wait <= bound));
            assert!((mean - bound / 2.0).abs() < bound * 0.05, "{asked}: {mean}");
        }
    }
}
