//! While Redis is away: what each policy bounds, and the metrics that tell.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::{
    client::Client,
    fleet::{Fleet, TWENTY, always},
};

/// Both tell on `/metrics` that Redis is away, why, and what became of so many requests to both in turn.
async fn told(fleet: &Fleet, policy: &str, requests: u64) {
    fleet.until_redis_is(false).await;
    assert_eq!(fleet.metric("backend_up").await, [0, 0]);
    let decided = fleet
        .metric(&format!("fallbacks_total{{policy=\"{policy}\"}}"))
        .await;
    assert_eq!(decided.iter().sum::<u64>(), requests);
    assert!(
        decided.iter().all(|count| *count >= requests / 2),
        "{decided:?}"
    );
    assert_eq!(
        fleet.metric("fallbacks_total").await,
        decided,
        "by no other"
    );
    assert_eq!(fleet.metric("backend_errors_total").await, decided);
    // It was killed, and nobody listens in its place.
    let lost = fleet.metric("backend_errors_total{reason=\"lost\"}").await;
    let unreachable = fleet
        .metric("backend_errors_total{reason=\"unreachable\"}")
        .await;
    let both = [lost[0] + unreachable[0], lost[1] + unreachable[1]];
    assert_eq!(both, decided);
}

#[actix_web::test]
async fn with_refuse_nothing_passes_while_redis_is_away_and_one_window_at_most_is_granted_anew() {
    let limits = format!("{TWENTY}\non_backend_error = \"refuse\"");
    let Some(mut fleet) = Fleet::start(&limits, always()).await else {
        return;
    };
    assert_eq!(fleet.let_in(15).await, 15);
    fleet.redis.kill();
    assert_eq!(fleet.let_in(40).await, 0);
    let mut refused = fleet.ask(1).await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(
        refused.header("proxy-status"),
        Some(r#"herald;error=proxy_internal_error;details="gateway_limits_unavailable""#)
    );
    let error = refused.json().await["error"].clone();
    assert_eq!(error["code"], "gateway_limits_unavailable");
    let without: u64 = fleet
        .counts()
        .iter()
        .map(|it| it.refused_without_backend)
        .sum();
    assert_eq!(without, 41);
    told(&fleet, "refuse", 41).await;
    // Without persistence it has forgotten: one window anew, and no more than one.
    fleet.redis.restart();
    fleet.until_redis_is(true).await;
    assert_eq!(fleet.metric("backend_up").await, [1, 1]);
    assert_eq!(fleet.let_in(60).await, 20);
    assert_eq!(fleet.provider.requests().len(), 35);
}

#[actix_web::test]
async fn with_local_each_replica_gives_the_limit_out_once_at_most_while_redis_is_away() {
    let limits = format!("{TWENTY}\non_backend_error = \"local\"");
    let Some(mut fleet) = Fleet::start(&limits, always()).await else {
        return;
    };
    assert_eq!(fleet.let_in(30).await, 20);
    fleet.redis.kill();
    assert_eq!(fleet.let_in(100).await, 40, "replicas × limit");
    let refused = fleet.ask(0).await;
    assert_eq!(refused.status, 429);
    let [one, other] = fleet.counts();
    assert_eq!(one.decided_locally + other.decided_locally, 101);
    told(&fleet, "local", 101).await;
    fleet.redis.restart();
    fleet.until_redis_is(true).await;
    assert_eq!(fleet.metric("backend_up").await, [1, 1]);
    assert_eq!(fleet.let_in(60).await, 20);
}

#[actix_web::test]
async fn with_allow_everything_passes_while_redis_is_away_and_the_metrics_tell() {
    let limits = format!("{TWENTY}\non_backend_error = \"allow\"");
    let Some(mut fleet) = Fleet::start(&limits, always()).await else {
        return;
    };
    assert_eq!(fleet.let_in(30).await, 20);
    fleet.redis.kill();
    assert_eq!(fleet.let_in(50).await, 50);
    // Nobody can tell what is left, so nothing is told.
    assert_eq!(fleet.ask(0).await.header("ratelimit"), None);
    let [one, other] = fleet.counts();
    assert_eq!(
        one.allowed_without_backend + other.allowed_without_backend,
        51
    );
    told(&fleet, "allow", 51).await;
}

#[actix_web::test]
async fn a_redis_that_does_not_answer_holds_nobody_longer_than_its_clock_and_no_worker() {
    let limits = format!("{TWENTY}\nredis.command = \"400ms\"");
    let Some(fleet) = Fleet::start(&limits, always()).await else {
        return;
    };
    assert_eq!(fleet.let_in(2).await, 2);
    fleet.redis.signal("-STOP");
    let asked = async { fleet.ask(0).await.status };
    let health = async {
        let mut client = Client::connect(fleet.heralds[0].address()).await;
        client
            .send("GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n")
            .await;
        let before = Instant::now();
        assert_eq!(client.reply().await.status, 200);
        before.elapsed()
    };
    let (status, health) = tokio::join!(timeout(Duration::from_secs(5), asked), health);
    assert_eq!(status.expect("within the clock"), 503);
    assert!(health < Duration::from_millis(400), "{health:?}");
    let timeouts = "backend_errors_total{reason=\"timeout\"}";
    assert_eq!(fleet.metric(timeouts).await, [1, 0]);
    assert_eq!(
        fleet.metric("fallbacks_total{policy=\"refuse\"}").await,
        [1, 0]
    );
    assert!(!fleet.counts()[0].backend_is_up);
    fleet.redis.signal("-CONT");
    fleet.until_redis_is(true).await;
    assert_eq!(fleet.ask(0).await.status, 200);
}
