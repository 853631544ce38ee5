use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::{
    providers::ProviderId,
    routing::{
        outliers::{AttemptResult, OutlierRules},
        target_state::TargetKey,
    },
};

const OUTLIERS: OutlierRules = OutlierRules {
    consecutive_failures: 1,
    failure_ratio: 0.0,
    min_requests: 1,
    window: Duration::from_secs(30),
    ejection: Duration::from_secs(10),
    ejection_max: Duration::from_secs(300),
    max_ejected: 0.5,
};
const HEADROOM: HeadroomRules = HeadroomRules {
    below: 0.1,
    max_rest: Duration::from_secs(60),
};

fn targets<const N: usize>() -> [Arc<TargetState>; N] {
    std::array::from_fn(|number| {
        let key = TargetKey::new(&ProviderId::new(format!("p{number}")), "m");
        Arc::new(TargetState::new(key))
    })
}

fn members(targets: &[Arc<TargetState>]) -> Vec<Member<'_>> {
    let member = |target| Member {
        target,
        weight: 1,
        may_be_asked: true,
    };
    targets.iter().map(member).collect()
}

fn eject(target: &Arc<TargetState>, now: Instant) {
    target
        .begin(now)
        .note(AttemptResult::Failed, now, &OUTLIERS);
}

fn tell(target: &TargetState, head: &[(&'static str, &'static str)], now: Instant) {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    let headers = HeaderMap::from_iter(head.iter().map(pair));
    target.note_head(200, &headers, now, &HEADROOM);
}

/// How often each is picked of a thousand times, if each attempt ends before the next begins.
fn picked(members: &[Member<'_>], most_out: usize, now: Instant) -> Vec<usize> {
    let mut rng = Rng::with_seed(3);
    let mut picked = vec![0; members.len()];
    for _ in 0..1_000 {
        if let Some((place, _)) = pick(members, most_out, &HEADROOM, now, &mut rng) {
            picked[place] += 1;
        }
    }
    picked
}

#[test]
fn requests_go_round_who_is_left_out_rests_or_was_asked() {
    let (targets, now) = (targets::<4>(), Instant::now());
    let mut members = members(&targets);
    eject(&targets[0], now);
    tell(&targets[1], &[("retry-after", "5")], now);
    members[2].may_be_asked = false;
    assert_eq!(picked(&members, 2, now), [0, 0, 0, 1_000]);
    members[3].may_be_asked = false;
    assert_eq!(picked(&members, 2, now), [0; 4]);
}

#[test]
fn no_more_than_so_many_are_left_out_and_those_stay_that_would_be_back_soonest() {
    let (targets, now) = (targets::<3>(), Instant::now());
    let members = members(&targets);
    for (target, ago) in targets.iter().zip([2, 3, 1]) {
        eject(target, now - Duration::from_secs(ago));
    }
    assert_eq!(picked(&members, 2, now), [0, 1_000, 0]);
    assert!(picked(&members, 1, now)[2] == 0);
    assert!(picked(&members, 0, now).iter().all(|picked| *picked > 200));
}

#[test]
fn one_request_proves_a_target_that_was_left_out_while_the_others_go_elsewhere() {
    let (targets, now) = (targets::<2>(), Instant::now());
    let members = members(&targets);
    eject(&targets[0], now);
    let now = now + OUTLIERS.ejection;
    let mut rng = Rng::with_seed(3);
    let mut in_flight = Vec::new();
    for _ in 0..100 {
        let (place, attempt) = pick(&members, 1, &HEADROOM, now, &mut rng).unwrap();
        in_flight.push((place, attempt));
    }
    in_flight.retain(|(place, _)| *place == 0);
    let [(_, probe)] = &mut in_flight[..] else {
        panic!("{in_flight:?}");
    };
    probe.note(AttemptResult::Succeeded, now, &OUTLIERS);
    drop(in_flight);
    assert!(picked(&members, 1, now)[0] > 400);
}

#[test]
fn a_target_with_little_headroom_gets_less_before_it_refuses() {
    let (targets, now) = (targets::<2>(), Instant::now());
    let members = members(&targets);
    let quota = [
        ("x-ratelimit-limit-tokens", "1000"),
        ("x-ratelimit-remaining-tokens", "25"),
        ("x-ratelimit-reset-tokens", "30s"),
    ];
    tell(&targets[0], &quota, now);
    // A quarter of the bound: one part of five.
    let few = picked(&members, 1, now)[0];
    assert!((150..250).contains(&few), "{few}");
    let even = picked(&members, 1, now + Duration::from_secs(30))[0];
    assert!((400..600).contains(&even), "{even}");
}

#[test]
fn who_has_nobody_else_asks_the_one_that_is_back_soonest() {
    let (targets, now) = (targets::<3>(), Instant::now());
    let mut members = members(&targets);
    tell(&targets[0], &[("retry-after", "5")], now);
    tell(&targets[1], &[("retry-after", "4")], now);
    eject(&targets[2], now);
    assert_eq!(pick_anyway(&members, now).map(|(place, _)| place), Some(1));
    members[1].may_be_asked = false;
    assert_eq!(pick_anyway(&members, now).map(|(place, _)| place), Some(0));
    for member in &mut members {
        member.may_be_asked = false;
    }
    assert!(pick_anyway(&members, now).is_none());
}
