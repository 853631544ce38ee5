//! While Redis answers: what no number of replicas exceeds, and what it costs to ask.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use herald::{
    limits::redis::away::Away,
    testkit::{Gate, Script, chat as scripted},
};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::{
    client::{Reply, stream_request},
    fleet::{Fleet, TWENTY, always},
    server::RedisServer,
};

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
    assert_eq!(
        (one.backend_errors, other.backend_errors),
        ([0; Away::ALL.len()], [0; Away::ALL.len()])
    );
}

/// One request meets all three of them.
#[actix_web::test]
async fn two_heralds_that_hammer_one_key_never_exceed_the_least_of_its_limits() {
    let Some(redis) = RedisServer::start(&[]) else {
        return;
    };
    let key = hex::encode(Sha256::digest("team"));
    let limits = format!(
        "requests = {{ most = 50, per = \"1h\" }}\n\
         [[keys]]\nid = \"team\"\nsha256 = \"{key}\"\nlimits.requests_per_day = 17\n"
    );
    let model = "limits.requests = { most = 30, per = \"1h\" }";
    let fleet = Fleet::around(redis, &limits, model, always()).await;
    let rounds = join_all((0..5).map(|_| fleet.let_in(40))).await;
    assert_eq!(rounds.iter().sum::<usize>(), 17, "{rounds:?}");
    assert_eq!(fleet.provider.requests().len(), 17);
    // What one limit refused was counted by none: the others have as much left as was let in.
    let told = fleet.ask(1).await;
    let left = told.header("ratelimit").unwrap();
    for part in ["\"all-requests\";r=33;", "\"model-requests\";r=13;"] {
        assert!(left.contains(part), "{left}");
    }
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

/// Waits until Redis knows of so many ends.
async fn until_told(fleet: &Fleet, ends: usize) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let told = fleet.metric("round_trip_seconds_count{asked=\"correct\"}");
        let told = told.await.iter().sum::<u64>();
        if told == ends as u64 {
            return;
        }
        assert!(Instant::now() < deadline, "{told} of {ends} ends are told");
    }
}

/// Each is estimated at its prompt and 10, and comes to 100.
#[actix_web::test]
async fn tokens_exceed_their_limit_by_no_more_than_the_running_requests_were_estimated_too_low() {
    let gate = Gate::new();
    let script = Script::sse()
        .event(scripted::text("a"))
        .wait(&gate)
        .event(scripted::finish("stop"))
        .event(scripted::usage(40, 60))
        .done()
        .finish();
    let limits = "tokens = { most = 300, per = \"1h\" }\nanswer_tokens = 10";
    let Some(fleet) = Fleet::start(limits, [script.repeat()]).await else {
        return;
    };
    let prompt = stream_request().to_string().len().div_ceil(4);
    let (estimate, actual) = (prompt + 10, 100);
    let mut replies = fleet.ask_both(40).await;
    replies.retain(|reply| reply.status == 200);
    let running = replies.len();
    assert_eq!(running, 300 / estimate, "as many as the estimates allow");
    gate.open();
    for reply in &mut replies {
        reply.events().await;
    }
    fleet.until_closed().await;
    let spent = running * actual;
    assert!(spent > 300, "the estimate was too low: {spent}");
    assert!(spent - 300 <= running * (actual - estimate));
    // Each end is a script of its own; when all are in, nobody gets anything until the window is over.
    let told = async || {
        let told = fleet
            .metric("round_trip_seconds_count{asked=\"correct\"}")
            .await;
        told.iter().sum::<u64>() as usize
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while told().await < running {
        assert!(Instant::now() < deadline, "all ends are told");
    }
    assert_eq!(fleet.let_in(20).await, 0);
}

/// What Redis was told to do so far, by command; those inside of scripts count as well.
async fn commands(fleet: &Fleet) -> BTreeMap<String, u64> {
    let client = redis::Client::open(fleet.redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let info = redis::cmd("INFO").arg("commandstats").to_owned();
    let text: String = info.query_async(&mut connection).await.unwrap();
    let lines = text.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let calls = rest.split(',').next()?.parse().ok()?;
        Some((name.to_owned(), calls))
    });
    // What asking itself costs.
    lines
        .filter(|(name, _)| !["info", "client|setinfo"].contains(&name.as_str()))
        .collect()
}

#[actix_web::test]
async fn a_request_is_one_script_when_it_comes_in_and_one_when_it_is_over_and_nothing_else() {
    /// What the scripts are made of.
    const INSIDE: [&str; 6] = ["time", "hgetall", "hincrby", "pexpire", "zadd", "zcard"];
    const INSIDE_TOO: [&str; 6] = ["zremrangebyscore", "zrem", "hget", "hset", "hdel", "pttl"];
    let gate = Gate::new();
    let open = || {
        Script::sse()
            .event(scripted::text("a"))
            .wait(&gate)
            .done()
            .finish()
    };
    let limits = "requests = { most = 9, per = \"1h\" }\ntokens = { most = 9000, per = \"1h\" }\n\
                  concurrent = 9\nredis.lease = \"1h\"";
    let Some(fleet) = Fleet::start(
        limits,
        [Script::chat(["Hi"]), Script::chat(["Hi"]), open(), open()],
    )
    .await
    else {
        return;
    };
    // They connect when first asked, and hand the scripts over.
    for herald in 0..2 {
        fleet.ask(herald).await.events().await;
    }
    until_told(&fleet, 2).await;
    // Each has one script write nothing, and no script is sent twice or found missing.
    let began = commands(&fleet).await;
    assert_eq!((began["script|load"], began["evalsha"]), (2 * 3, 2 + 2 + 2));
    let asked_since = async |before: &BTreeMap<String, u64>| {
        let mut since = commands(&fleet).await;
        since.retain(|name, calls| {
            *calls -= before.get(name).unwrap_or(&0);
            *calls > 0 && !INSIDE.contains(&name.as_str()) && !INSIDE_TOO.contains(&name.as_str())
        });
        since
    };
    let only = |scripts| BTreeMap::from([("evalsha".to_owned(), scripts)]);

    let before = commands(&fleet).await;
    let mut one = fleet.ask(0).await;
    let mut other = fleet.ask(1).await;
    assert_eq!((one.status, other.status), (200, 200));
    assert_eq!(asked_since(&before).await, only(2));
    gate.open();
    one.events().await;
    other.events().await;
    fleet.until_closed().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while asked_since(&before).await != only(4) {
        assert!(
            Instant::now() < deadline,
            "{:?}",
            asked_since(&before).await
        );
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
