//! Two Heralds that share their limits in a real `redis-server`, which is killed and begun anew.
//!
//! Where there is no `redis-server` on `PATH`, each test says so and passes; with
//! `HERALD_REQUIRE_REDIS` set, as in `.ci/run`, it fails.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "../api/support/client.rs"]
#[expect(dead_code, reason = "the suite api reads more of the answers")]
mod client;
mod server;

use std::time::Duration;

use futures_util::future::join_all;
use herald::{
    limits::counters::Counts,
    testkit::{Gate, Script, ScriptedProvider, TestGateway, chat as scripted},
};
use tokio::time::{Instant, timeout};

use client::{Client, Reply, chat, stream_request};
use server::RedisServer;

/// A Redis, a provider, and two Heralds between them.
struct Fleet {
    redis: RedisServer,
    provider: ScriptedProvider,
    heralds: [TestGateway; 2],
}

impl Fleet {
    /// `None` where there is no `redis-server`. `limits` stand in `[limits]`.
    async fn start(limits: &str, scripts: impl IntoIterator<Item = Script>) -> Option<Self> {
        let redis = RedisServer::start()?;
        let provider = ScriptedProvider::start(scripts).await;
        let settings = format!(
            "[limits]\nbackend = \"redis\"\nredis.url = \"redis://127.0.0.1:{}\"\n{limits}",
            redis.port()
        );
        let heralds = [
            TestGateway::tuned(&provider, &settings).await,
            TestGateway::tuned(&provider, &settings).await,
        ];
        Some(Self {
            redis,
            provider,
            heralds,
        })
    }

    async fn ask(&self, herald: usize) -> Reply {
        chat(self.heralds[herald].address(), &stream_request()).await
    }

    /// How many of so many requests at once, to both in turn, are let in.
    async fn let_in(&self, requests: usize) -> usize {
        let asked = (0..requests).map(|number| self.ask(number % 2));
        let replies = join_all(asked).await;
        replies.iter().filter(|reply| reply.status == 200).count()
    }

    fn counts(&self) -> [Counts; 2] {
        let counts = |herald: &TestGateway| herald.gateway().limits().counters().read();
        self.heralds.each_ref().map(counts)
    }

    /// Waits until both have found Redis there, or away.
    async fn until_redis_is(&self, up: bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self
            .counts()
            .iter()
            .any(|counts| counts.backend_is_up != up)
        {
            assert!(Instant::now() < deadline, "both find Redis up: {up}");
            tokio::task::yield_now().await;
        }
    }
}

/// An answer at once, whatever is asked.
fn always() -> [Script; 1] {
    [Script::chat(["Hi"]).repeat()]
}

const TWENTY: &str = "requests = { most = 20, per = \"1h\" }";

#[actix_web::test]
async fn while_redis_answers_no_number_of_replicas_exceeds_a_limit_of_requests() {
    let Some(fleet) = Fleet::start(TWENTY, always()).await else {
        return;
    };
    assert_eq!(fleet.let_in(60).await, 20);
    assert_eq!(fleet.provider.requests().len(), 20);
    let mut refused = fleet.ask(0).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(
        refused.json().await["error"]["code"],
        "gateway_rate_limited"
    );
    let [one, other] = fleet.counts();
    assert_eq!(one.admitted + other.admitted, 20);
    assert_eq!((one.backend_errors, other.backend_errors), (0, 0));
}

#[actix_web::test]
async fn tokens_are_settled_in_redis_so_that_the_other_replica_knows_what_was_spent() {
    let script = Script::sse()
        .event(scripted::text("a"))
        .event(scripted::finish("stop"))
        .event(scripted::usage(40, 60))
        .done()
        .finish();
    let limits = "tokens = { most = 1000, per = \"1h\" }\nanswer_tokens = 500";
    let Some(fleet) = Fleet::start(limits, [script.repeat()]).await else {
        return;
    };
    let prompt = (stream_request().to_string().len() as u64).div_ceil(4);
    fleet.ask(0).await.events().await;
    // The end is told to Redis after the client has it: the other replica sees it soon.
    let left = |reply: &Reply| {
        let (_, rest) = reply
            .header("ratelimit")
            .unwrap()
            .split_once(";r=")
            .unwrap();
        rest.split(';').next().unwrap().parse::<u64>().unwrap()
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while fleet.heralds[0].gateway().limits().level().open > 0 {
        assert!(Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
    let mut spent = 100;
    loop {
        let mut next = fleet.ask(1).await;
        if next.status == 200 && left(&next) == 1000 - spent - 500 - prompt {
            break;
        }
        // Asked too early; what this one took is in the count as well.
        assert!(Instant::now() < deadline, "{:?}", next.header("ratelimit"));
        if next.status == 200 {
            next.events().await;
            spent += 100;
        }
    }
}

#[actix_web::test]
async fn what_runs_at_one_replica_counts_at_the_other_until_it_ends() {
    let gate = Gate::new();
    let open = Script::sse()
        .event(scripted::text("a"))
        .wait(&gate)
        .done()
        .finish();
    let scripts = [open, Script::chat(["Hi"]).repeat()];
    let Some(fleet) = Fleet::start("concurrent = 1", scripts).await else {
        return;
    };
    let mut running = fleet.ask(0).await;
    assert_eq!(running.status, 200);
    let mut refused = fleet.ask(1).await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.json().await["error"]["code"],
        "gateway_concurrency_limited"
    );
    gate.open();
    running.events().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while fleet.ask(1).await.status != 200 {
        assert!(Instant::now() < deadline, "its end is told to the other");
    }
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
    fleet.until_redis_is(false).await;
    let without: u64 = fleet
        .counts()
        .iter()
        .map(|it| it.refused_without_backend)
        .sum();
    assert_eq!(without, 41);
    // Without persistence it has forgotten: one window anew, and no more than one.
    fleet.redis.restart();
    fleet.until_redis_is(true).await;
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
    fleet.until_redis_is(false).await;
    fleet.redis.restart();
    fleet.until_redis_is(true).await;
    assert_eq!(fleet.let_in(60).await, 20);
}

#[actix_web::test]
async fn with_allow_everything_passes_while_redis_is_away_and_a_counter_tells() {
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
    fleet.redis.signal("-CONT");
    fleet.until_redis_is(true).await;
    assert_eq!(fleet.ask(0).await.status, 200);
}

#[actix_web::test]
async fn a_redis_that_asks_for_a_password_is_away_without_it_and_the_password_is_told_nowhere() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let secret = std::env::temp_dir().join(format!("herald-redis-{}", redis.port()));
    std::fs::write(&secret, "not-its-password").unwrap();
    let provider = ScriptedProvider::start(always()).await;
    let gateway = TestGateway::tuned(
        &provider,
        &format!(
            "[limits]\nbackend = \"redis\"\n{TWENTY}\nredis.password = {{ file = {secret:?} }}\n\
             redis.url = \"redis://127.0.0.1:{}\"",
            redis.port()
        ),
    )
    .await;
    let reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.status, 503);
    let settings = format!("{:?}", gateway.gateway().settings());
    assert!(!settings.contains("not-its-password"));
    std::fs::remove_file(secret).unwrap();
}
