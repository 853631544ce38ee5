//! The scripts against the counts in memory: the same arithmetic twice.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{scripts::Scripts, *};
use crate::limits::{
    limit::{Measure, Scope},
    local::LocalCounts,
};

#[path = "../../../tests/redis/server.rs"]
#[expect(dead_code, reason = "the suite over sockets kills and restarts it")]
mod server;

fn settings(port: u16, prefix: String) -> RedisSettings {
    RedisSettings {
        host: "127.0.0.1".into(),
        port,
        database: 0,
        user: None,
        password: None,
        tls: None,
        prefix,
        connect: Duration::from_secs(5),
        command: Duration::from_secs(5),
        lease: Duration::from_secs(3600),
        queue: 16,
    }
}

fn limits(most: u64, per: Duration) -> Vec<Arc<Limit>> {
    Measure::ALL
        .into_iter()
        .map(|measure| Arc::new(Limit::new(Scope::All, measure, most, per)))
        .collect()
}

/// What happens at a moment: milliseconds after the last, and a wish for so many tokens, or a
/// correction of an earlier one that was granted.
#[derive(Clone, Debug)]
enum Step {
    Wish { after: u64, tokens: u64 },
    Correct { after: u64, which: usize, by: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let after = || 0_u64..400;
    let wish = (after(), 1_u64..20).prop_map(|(after, tokens)| Step::Wish { after, tokens });
    let correct = (after(), any::<usize>(), -20_i64..20)
        .prop_map(|(after, which, by)| Step::Correct { after, which, by });
    prop::collection::vec(prop_oneof![3 => wish, 1 => correct], 1..60)
}

#[test]
fn whatever_is_asked_redis_and_this_process_say_the_same() {
    let Some(server) = server::RedisServer::start(&[]) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let scripts = Scripts::default();
    let mut runner = TestRunner::new(Config {
        cases: 100,
        failure_persistence: None,
        ..Config::default()
    });
    let given = (steps(), 1_u64..30, 1_000_u64..3_000);
    let outcome = runner.run(&given, |(steps, most, per)| {
        let settings = settings(server.port(), Uuid::now_v7().to_string());
        let limits = limits(most, Duration::from_millis(per));
        runtime.block_on(async {
            let (mut connection, _) = settings.connect(&scripts).await.unwrap();
            let local = LocalCounts::default();
            // Redis forgets by its own clock, so the moments must not be those of the past.
            let mut now = local.now_ms();
            let mut granted = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Wish { after, tokens } => {
                        now += after;
                        let wishes = limits
                            .iter()
                            .map(|limit| (Arc::clone(limit), limit.cost(tokens)));
                        let wishes: Vec<_> = wishes.collect();
                        let here = local.reserve(now, &wishes);
                        let lease = format!("lease-{number}");
                        let there = scripts
                            .reserve(&mut connection, &settings, now, &lease, &wishes)
                            .await
                            .unwrap();
                        prop_assert_eq!(&there, &(now, here.clone()));
                        if here.iter().all(|reading| reading.wait_ms == 0) {
                            granted.push((now, lease));
                        }
                    }
                    Step::Correct { after, which, by } => {
                        now += after;
                        if granted.is_empty() {
                            continue;
                        }
                        let which = which % granted.len();
                        let (at, lease) = granted.remove(which);
                        let of = |limit: &Arc<Limit>| {
                            let by = if limit.cut().is_none() { -1 } else { by };
                            (Arc::clone(limit), by)
                        };
                        let corrections: Vec<_> = limits.iter().map(of).collect();
                        local.correct(now, at, &corrections);
                        scripts
                            .correct(&mut connection, &settings, now, &lease, at, &corrections)
                            .await
                            .unwrap();
                    }
                }
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failed| panic!("{failed}"));
}

#[tokio::test]
async fn what_runs_counts_until_its_lease_is_over_and_a_renewed_one_stays() {
    let Some(server) = server::RedisServer::start(&[]) else {
        return;
    };
    let settings = settings(server.port(), "leases".into());
    let scripts = Scripts::default();
    let (mut connection, _) = settings.connect(&scripts).await.unwrap();
    let limit = Limit::new(Scope::All, Measure::Concurrent, 1, Duration::ZERO);
    let wishes = [(Arc::new(limit), 1)];
    let began = LocalCounts::default().now_ms();
    let lease_ms = 3_600_000;
    let mut used_at = async |now, lease| {
        let asked = scripts.reserve(&mut connection, &settings, now, lease, &wishes);
        asked.await.unwrap().1[0].used
    };
    // Long before now, so that renewing, which goes by the server's clock, makes it longer.
    assert_eq!(used_at(began - 2 * lease_ms, "dead").await, 0);
    assert_eq!(used_at(began - lease_ms - 1, "other").await, 1);
    assert_eq!(used_at(began - lease_ms, "alive").await, 0);
    let (mut connection, _) = settings.connect(&scripts).await.unwrap();
    let running = [(settings.key(&wishes[0].0), "alive".to_owned())];
    let renewed = scripts.renew(&mut connection, &settings, &running);
    renewed.await.unwrap();
    assert_eq!(used_at(began + lease_ms - 60_000, "third").await, 1);
}

#[tokio::test]
async fn who_does_not_wait_for_the_answer_gives_back_what_was_counted() {
    let Some(server) = server::RedisServer::start(&[]) else {
        return;
    };
    let counters = Arc::new(Counters::default());
    let counts = RedisCounts::start(&settings(server.port(), "left".into()), &counters);
    let limit = Limit::new(Scope::All, Measure::Concurrent, 1, Duration::ZERO);
    let limit = Arc::new(limit);
    let ask = || counts.reserve(vec![(Arc::clone(&limit), 1)], Estimate::default());
    assert!(futures_util::future::poll_immediate(ask()).await.is_none());
    // The lease is an hour long, so only giving it back makes room.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let asked = ask().await.unwrap();
        if asked.held().readings[0].wait_ms == 0 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "it is given back");
    }
}
