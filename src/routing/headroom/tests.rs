use actix_web::http::header::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const RULES: HeadroomRules = HeadroomRules {
    below: 0.1,
    max_rest: Duration::from_secs(60),
};

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

fn read(quotas: &mut Quotas, status: u16, head: &[(&str, &str)], now: Instant) {
    let mut headers = HeaderMap::new();
    for (name, value) in head {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    quotas.read(status, &headers, now, &RULES);
}

fn told(head: &[(&str, &str)], now: Instant) -> Quotas {
    let mut quotas = Quotas::default();
    read(&mut quotas, 200, head, now);
    quotas
}

/// An OpenAI head with so much left of a hundred requests, for so long.
fn requests<'a>(remaining: &'a str, reset: &'a str) -> [(&'static str, &'a str); 3] {
    [
        ("x-ratelimit-limit-requests", "100"),
        ("x-ratelimit-remaining-requests", remaining),
        ("x-ratelimit-reset-requests", reset),
    ]
}

#[test]
fn the_headroom_is_that_of_the_scarcest_quota_until_its_reset() {
    let now = Instant::now();
    let quotas = told(
        &[
            ("x-ratelimit-limit-requests", "100"),
            ("x-ratelimit-remaining-requests", "20"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-limit-tokens", "2000"),
            ("x-ratelimit-remaining-tokens", "1000"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ],
        now,
    );
    assert_eq!(quotas.headroom(now), Some(0.2));
    assert_eq!(quotas.headroom(now + seconds(1)), Some(0.5));
    assert_eq!(quotas.headroom(now + seconds(360)), None);
    assert_eq!(quotas.known(now + seconds(360)).count(), 0);
}

#[test]
fn anthropics_four_quotas_are_read_by_its_own_clock() {
    let now = Instant::now();
    let names = ["requests", "tokens", "input-tokens", "output-tokens"];
    let mut head = vec![(
        "date".to_owned(),
        "Thu, 05 Nov 2026 12:00:00 GMT".to_owned(),
    )];
    for (name, remaining) in names.iter().zip(["50", "40", "30", "20"]) {
        let header = |what| format!("anthropic-ratelimit-{name}-{what}");
        head.push((header("limit"), "100".to_owned()));
        head.push((header("remaining"), remaining.to_owned()));
        head.push((header("reset"), "2026-11-05T12:00:30Z".to_owned()));
    }
    let head: Vec<_> = head
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let quotas = told(&head, now);
    let known: Vec<_> = quotas
        .known(now)
        .map(|(kind, quota)| (kind.name(), quota.remaining, quota.reset - now))
        .collect();
    let expected = [
        ("requests", 50, seconds(30)),
        ("tokens", 40, seconds(30)),
        ("input_tokens", 30, seconds(30)),
        ("output_tokens", 20, seconds(30)),
    ];
    assert_eq!(known, expected);
    assert_eq!(quotas.headroom(now), Some(0.2));
}

#[test]
fn quotas_without_a_name_are_read_too_and_a_later_head_replaces_an_earlier_one() {
    let now = Instant::now();
    let head = |remaining| {
        [
            ("x-ratelimit-limit", "10"),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset", "30"),
        ]
    };
    let mut quotas = told(&head("1"), now);
    assert_eq!(quotas.headroom(now), Some(0.1));
    read(&mut quotas, 200, &head("9"), now);
    assert_eq!(quotas.headroom(now), Some(0.9));
    // A head that says nothing of it leaves it as it was.
    read(&mut quotas, 200, &[], now);
    assert_eq!(quotas.headroom(now), Some(0.9));
}

#[test]
fn a_quota_with_nothing_left_rests_until_its_reset_and_no_longer_than_the_most() {
    let now = Instant::now();
    for (reset, rest) in [("7s", 7), ("6m0s", 60)] {
        let quotas = told(&requests("0", reset), now);
        assert_eq!(quotas.rests_until(now), Some(now + seconds(rest)));
        assert_eq!(quotas.rests_until(now + seconds(rest)), None);
    }
    // When there is more again before that, the rest is over.
    let mut quotas = told(&requests("0", "6m0s"), now);
    read(&mut quotas, 200, &requests("3", "6m0s"), now);
    assert_eq!(quotas.rests_until(now), None);
}

#[test]
fn retry_after_is_obeyed_on_any_status_in_its_finer_form_and_bounded() {
    let now = Instant::now();
    for (head, millis) in [
        (&[("retry-after", "7")][..], 7_000),
        (&[("retry-after-ms", "250"), ("retry-after", "1")], 250),
        (&[("retry-after-ms", "odd"), ("retry-after", "2")], 2_000),
        (
            &[
                ("retry-after", "Thu, 05 Nov 2026 12:00:05 GMT"),
                ("date", "Thu, 05 Nov 2026 12:00:00 GMT"),
            ],
            5_000,
        ),
        (&[("retry-after", "86400")], 60_000),
    ] {
        let until = now + Duration::from_millis(millis);
        assert_eq!(told(head, now).rests_until(now), Some(until), "{head:?}");
    }
    for head in [
        ("retry-after", "0"),
        ("retry-after", "-1"),
        ("retry-after", "later"),
    ] {
        assert_eq!(told(&[head], now).rests_until(now), None, "{head:?}");
    }
}

#[test]
fn a_head_without_retry_after_or_with_a_shorter_one_does_not_end_the_rest() {
    let now = Instant::now();
    let mut quotas = told(&[("retry-after", "30")], now);
    read(&mut quotas, 200, &[("retry-after", "1")], now);
    read(&mut quotas, 200, &requests("100", "1s"), now);
    assert_eq!(quotas.rests_until(now), Some(now + seconds(30)));
}

#[test]
fn a_429_that_does_not_say_when_to_come_back_rests_at_the_scarcest_quota() {
    let now = Instant::now();
    let mut quotas = told(&requests("5", "9s"), now);
    assert_eq!(quotas.rests_until(now), None);
    read(&mut quotas, 429, &[], now);
    assert_eq!(quotas.rests_until(now), Some(now + seconds(9)));
    // Where nothing is known, there is nothing to rest for.
    let mut quotas = Quotas::default();
    read(&mut quotas, 429, &[], now);
    assert_eq!(quotas.rests_until(now), None);
}

#[test]
fn what_is_odd_or_not_there_is_passed_over() {
    let now = Instant::now();
    for (name, value) in [
        ("x-ratelimit-limit-requests", "0"),
        ("x-ratelimit-limit-requests", "many"),
        ("x-ratelimit-limit-requests", "10, 10;w=1"),
        ("x-ratelimit-remaining-requests", "-1"),
        ("x-ratelimit-remaining-requests", ""),
        ("x-ratelimit-reset-requests", "soon"),
        ("x-ratelimit-reset-requests", "0s"),
    ] {
        let mut head = requests("1", "5s").to_vec();
        head.retain(|(known, _)| *known != name);
        assert_eq!(told(&head, now).headroom(now), None, "without {name}");
        head.push((name, value));
        assert_eq!(told(&head, now).headroom(now), None, "{name}: {value}");
    }
    let quotas = told(&requests("250.0", "5s"), now);
    assert_eq!(quotas.headroom(now), Some(1.0));
}

#[test]
fn a_weight_shrinks_in_proportion_below_the_bound_and_never_to_nothing() {
    for (headroom, factor) in [
        (None, 1.0),
        (Some(1.0), 1.0),
        (Some(0.1), 1.0),
        (Some(0.05), 0.5),
        (Some(0.0), 0.01),
    ] {
        assert_eq!(RULES.factor(headroom), factor, "{headroom:?}");
    }
    let off = HeadroomRules {
        below: 0.0,
        ..RULES
    };
    assert_eq!(off.factor(Some(0.0)), 1.0);
}

proptest! {
    /// Any values at all in the headers that are read.
    #[test]
    fn whatever_a_provider_sends_a_headroom_is_a_share_and_a_rest_is_bounded(
        values in prop::collection::vec("[ -~]{0,24}|[0-9]{0,20}|[0-9]{1,3}(ms|s|m|h)", 8),
        status in 100_u16..600,
    ) {
        let names = [
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
            "retry-after",
            "retry-after-ms",
        ];
        let head: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
        let (mut quotas, now) = (Quotas::default(), Instant::now());
        read(&mut quotas, status, &head, now);
        prop_assert!(quotas.headroom(now).is_none_or(|left| (0.0..=1.0).contains(&left)));
        prop_assert!(quotas.rests_until(now).is_none_or(|until| until <= now + RULES.max_rest));
    }
}
