use proptest::prelude::*;

use super::*;
use AttemptResult::{Failed, Succeeded};

const SECOND: Duration = Duration::from_secs(1);

const RULES: OutlierRules = OutlierRules {
    consecutive_failures: 3,
    failure_ratio: 0.5,
    min_requests: 10,
    window: Duration::from_secs(30),
    ejection: Duration::from_secs(10),
    ejection_max: Duration::from_secs(25),
    max_ejected: 0.5,
};

/// One attempt from its begin to its result.
fn attempt(health: &mut Health, result: AttemptResult, now: Instant) -> Option<Change> {
    let mut begun = health.begin(now);
    let change = health.note(&mut begun, result, now, &RULES);
    health.end(&begun);
    change
}

/// A target that is out from now on.
fn ejected(now: Instant) -> Health {
    let mut health = Health::default();
    for _ in 0..2 {
        assert_eq!(attempt(&mut health, Failed, now), None);
    }
    let length = RULES.ejection;
    assert_eq!(
        attempt(&mut health, Failed, now),
        Some(Change::Ejected { length })
    );
    health
}

#[test]
fn failures_in_a_row_eject_and_a_success_between_them_ends_the_row() {
    let (mut health, now) = (Health::default(), Instant::now());
    for result in [Failed, Failed, Succeeded, Failed, Failed] {
        assert_eq!(attempt(&mut health, result, now), None);
    }
    assert_eq!(health.consecutive_failures(), 2);
    assert!(attempt(&mut health, Failed, now).is_some());
    let until = now + RULES.ejection;
    assert_eq!(health.phase(now), Phase::Ejected { until });
    assert_eq!(health.ejections(), 1);
}

#[test]
fn a_share_of_failures_ejects_once_there_are_enough_requests_to_tell() {
    let (mut health, now) = (Health::default(), Instant::now());
    for _ in 0..4 {
        assert_eq!(attempt(&mut health, Failed, now), None);
        assert_eq!(attempt(&mut health, Succeeded, now), None);
    }
    assert_eq!(attempt(&mut health, Succeeded, now), None);
    assert_eq!(health.lately(now).failure_ratio(), Some(4.0 / 9.0));
    // The tenth request makes it five of ten.
    assert!(attempt(&mut health, Failed, now).is_some());
}

#[test]
fn failures_that_are_older_than_the_window_are_forgotten() {
    let (mut health, now) = (Health::default(), Instant::now());
    for _ in 0..4 {
        attempt(&mut health, Failed, now);
        attempt(&mut health, Succeeded, now);
    }
    let later = now + RULES.window;
    for _ in 0..6 {
        assert_eq!(attempt(&mut health, Succeeded, later), None);
    }
    assert_eq!(attempt(&mut health, Failed, later), None);
}

#[test]
fn a_rule_of_zero_is_off() {
    let rules = OutlierRules {
        consecutive_failures: 0,
        failure_ratio: 0.0,
        ..RULES
    };
    let (mut health, now) = (Health::default(), Instant::now());
    for _ in 0..100 {
        let mut begun = health.begin(now);
        assert_eq!(health.note(&mut begun, Failed, now, &rules), None);
    }
    assert_eq!(health.phase(now), Phase::In);
}

#[test]
fn one_request_is_the_probe_and_its_success_brings_the_target_back() {
    let begin = Instant::now();
    let mut health = ejected(begin);
    let now = begin + RULES.ejection;
    assert_eq!(health.phase(now), Phase::Trial);
    let mut probe = health.begin(now);
    assert!(probe.is_probe());
    assert_eq!(health.phase(now), Phase::Probing);
    let other = health.begin(now);
    assert!(!other.is_probe());
    health.end(&other);
    assert_eq!(health.phase(now), Phase::Probing);
    assert_eq!(
        health.note(&mut probe, Succeeded, now, &RULES),
        Some(Change::Back)
    );
    assert_eq!(health.phase(now), Phase::In);
    health.end(&probe);
    assert_eq!(health.phase(now), Phase::In);
}

#[test]
fn each_probe_that_fails_makes_the_ejection_longer_up_to_the_most() {
    let mut now = Instant::now();
    let mut health = ejected(now);
    for (before, length) in [(10, 20), (20, 25), (25, 25)] {
        now += SECOND * before;
        let length = SECOND * length;
        let change = attempt(&mut health, Failed, now);
        assert_eq!(change, Some(Change::Ejected { length }));
        let until = now + length;
        assert_eq!(health.phase(now), Phase::Ejected { until });
    }
}

#[test]
fn a_row_of_ejections_is_over_after_a_whole_window_in() {
    for (stay, length) in [(29, 20), (30, 10)] {
        let begin = Instant::now();
        let mut health = ejected(begin);
        let back = begin + RULES.ejection;
        assert_eq!(attempt(&mut health, Succeeded, back), Some(Change::Back));
        let now = back + SECOND * stay;
        attempt(&mut health, Failed, now);
        attempt(&mut health, Failed, now);
        let length = SECOND * length;
        assert_eq!(
            attempt(&mut health, Failed, now),
            Some(Change::Ejected { length })
        );
    }
}

#[test]
fn a_probe_without_a_result_leaves_its_place_to_the_next() {
    let begin = Instant::now();
    let mut health = ejected(begin);
    let now = begin + RULES.ejection;
    let probe = health.begin(now);
    health.end(&probe);
    assert_eq!(health.phase(now), Phase::Trial);
    assert_eq!(attempt(&mut health, Succeeded, now), Some(Change::Back));
}

#[test]
fn what_began_before_an_ejection_says_nothing_after_it() {
    let begin = Instant::now();
    let mut health = Health::default();
    let mut early: Vec<_> = (0..20).map(|_| health.begin(begin)).collect();
    for _ in 0..3 {
        attempt(&mut health, Failed, begin);
    }
    let back = begin + RULES.ejection;
    for (at, result) in [(begin, Succeeded), (begin, Failed)] {
        let mut begun = early.pop().unwrap();
        assert_eq!(health.note(&mut begun, result, at, &RULES), None);
    }
    assert!(attempt(&mut health, Succeeded, back).is_some());
    for mut begun in early {
        assert_eq!(health.note(&mut begun, Failed, back, &RULES), None);
    }
    assert_eq!(health.consecutive_failures(), 0);
}

#[test]
fn while_a_target_is_out_only_the_probe_is_believed() {
    let begin = Instant::now();
    let mut health = ejected(begin);
    for result in [Succeeded, Failed] {
        assert_eq!(attempt(&mut health, result, begin), None);
    }
    let until = begin + RULES.ejection;
    assert_eq!(health.phase(begin), Phase::Ejected { until });
}

#[test]
fn an_attempt_that_fails_after_it_succeeded_is_one_request_and_one_failure() {
    let (mut health, now) = (Health::default(), Instant::now());
    let mut begun = health.begin(now);
    health.note(&mut begun, Succeeded, now, &RULES);
    health.note(&mut begun, Failed, now, &RULES);
    let expected = Tally {
        requests: 1,
        failures: 1,
    };
    assert_eq!(health.lately(now), expected);
}

#[test]
fn one_always_stays_unless_there_is_a_group_to_fall_back_to() {
    let share = |max_ejected| OutlierRules {
        max_ejected,
        ..RULES
    };
    for (max_ejected, targets, alone, with_fallback) in [
        (0.5, 1, 0, 1),
        (0.5, 2, 1, 1),
        (0.5, 3, 1, 1),
        (0.5, 5, 2, 2),
        (0.1, 5, 0, 1),
        (1.0, 3, 2, 3),
        (0.0, 3, 0, 0),
        (1.0, 0, 0, 1),
    ] {
        let rules = share(max_ejected);
        let of = (
            rules.most_out(targets, false),
            rules.most_out(targets, true),
        );
        assert_eq!(of, (alone, with_fallback), "{max_ejected} of {targets}");
    }
}

proptest! {
    /// Whatever is begun, told and dropped in whatever order: at most one probe is on its way, it is on
    /// its way exactly while the target is being probed, and an ejection is never longer than the most.
    #[test]
    fn there_is_never_more_than_one_probe(
        steps in prop::collection::vec((0_u8..5, 0_usize..8, 0_u64..8_000), 1..300),
    ) {
        let (mut health, mut now) = (Health::default(), Instant::now());
        let mut open: Vec<Begun> = Vec::new();
        for (step, which, pause) in steps {
            now += Duration::from_millis(pause);
            let which = which.min(open.len().saturating_sub(1));
            match step {
                0 | 1 => open.push(health.begin(now)),
                _ if open.is_empty() => {}
                2 => health.end(&open.remove(which)),
                3 => drop(health.note(&mut open[which], Succeeded, now, &RULES)),
                _ => drop(health.note(&mut open[which], Failed, now, &RULES)),
            }
            let probes = open.iter().filter(|begun| begun.is_probe()).count();
            prop_assert_eq!(probes, usize::from(health.phase(now) == Phase::Probing));
            if let Phase::Ejected { until } = health.phase(now) {
                prop_assert!(until <= now + RULES.ejection_max);
            }
        }
    }
}
