//! A few hundred providers and clients at random, each held to the promises.
//!
//! A seed draws settings, a provider's script and a client (`plan`); what a client that reads at once
//! must get is worked out beside (`model`). Those clients, and those that leave, are held to it to the
//! instant; for clients that keep the gateway waiting the order and the end are checked, and how long
//! the provider is kept.
//!
//! The seed of a failure is printed with its plan. `HERALD_SEED=N` plays that one alone, `HERALD_SEEDS=N`
//! the first N.

mod model;
mod plan;
mod said;

use std::time::Duration;

use herald::{settings::VerifiedSettings, testkit::Happened};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use self::{
    model::{Expected, Item, expect, expect_patiently},
    plan::{CLIENT_WRITE, Client, Plan},
};
use crate::{
    bench::{Bench, Read, Reply, error_code, settings, simulate},
    random::Random,
};

const SEEDS: u64 = 600;

#[test]
fn whatever_provider_and_client_do_the_promises_hold() {
    let base = settings("");
    let number = |name| Some(std::env::var(name).ok()?.parse::<u64>().unwrap());
    match number("HERALD_SEED") {
        Some(seed) => run(seed, &base),
        None => (0..number("HERALD_SEEDS").unwrap_or(SEEDS)).for_each(|seed| run(seed, &base)),
    }
}

/// Tells which seed it was when a check fails.
struct Running<'a>(u64, &'a Plan, &'a Expected);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}: {:#?}\n{:#?}", self.0, self.1, self.2);
        }
    }
}

fn run(seed: u64, base: &VerifiedSettings) {
    let plan = Plan::draw(&mut Random::new(seed));
    let expected = expect(&plan);
    let _running = Running(seed, &plan, &expected);
    simulate(async {
        let bench = Bench::with(plan.script(), plan.settings(base)).await;
        match plan.client {
            Client::Stays => stay(&bench, &plan, &expected).await,
            Client::LeavesAt(at) => leave_at(&bench, &plan, &expected, at).await,
            Client::LeavesAfter(count) => leave_after(&bench, &plan, &expected, count).await,
            Client::Slow(_) | Client::Stalls(_) => dawdle(&bench, &plan, &expected).await,
        }
    });
}

async fn stay(bench: &Bench, plan: &Plan, expected: &Expected) {
    let reply = bench.stream().await;
    let mut taken = Vec::new();
    take(&reply, expected, &mut taken).await;
    assert_eq!(taken, expected.items);
    assert_let_go(bench, plan, expected, expected.ended_at).await;
}

async fn leave_at(bench: &Bench, plan: &Plan, expected: &Expected, at: Duration) {
    let mut taken = Vec::new();
    let stay = async {
        let reply = bench.stream().await;
        take(&reply, expected, &mut taken).await;
    };
    let leaves = timeout(at, stay).await.is_err();
    assert_eq!(leaves, at < expected.ended_at);
    let until = expected.items.partition_point(|(came, _)| *came < at);
    assert_eq!(taken, expected.items[..until]);
    assert_let_go(bench, plan, expected, at.min(expected.ended_at)).await;
}

async fn leave_after(bench: &Bench, plan: &Plan, expected: &Expected, count: usize) {
    let reply = bench.stream().await;
    assert_head(&reply, expected);
    for wanted in expected.items.iter().take(count) {
        let (at, read) = reply.next().await;
        assert_eq!((at, item(read)), *wanted);
    }
    drop(reply);
    assert_let_go(bench, plan, expected, bench.now()).await;
}

/// Reads all of an answer.
async fn take(reply: &Reply, expected: &Expected, taken: &mut Vec<(Duration, Item)>) {
    assert_head(reply, expected);
    if let Some((_, code)) = expected.refusal {
        assert_eq!(reply.refusal().await, code);
        return;
    }
    loop {
        let (at, read) = reply.next().await;
        let is_last = read == Read::End;
        taken.push((at, item(read)));
        if is_last {
            return;
        }
    }
}

fn assert_head(reply: &Reply, expected: &Expected) {
    let status = expected.refusal.map_or(200, |(status, _)| status);
    assert_eq!(
        (reply.status.as_u16(), reply.at),
        (status, expected.head_at)
    );
    let is_stream = reply.content_type == "text/event-stream";
    assert_eq!(is_stream, expected.refusal.is_none());
}

fn item(read: Read) -> Item {
    match read {
        Read::Item(item) if item == ":\n" => Item::Heartbeat,
        Read::Item(item) => error_code(&item).map_or(Item::Event(item), Item::Error),
        Read::End => Item::End,
        Read::BrokenOff => panic!("the stream broke off under a client that takes all"),
    }
}

/// A call that is over, or whose client left, keeps the provider at most for what it may still say
/// after its end marker.
async fn assert_let_go(bench: &Bench, plan: &Plan, expected: &Expected, over_at: Duration) {
    let may_drain = expected.is_complete && over_at >= expected.ended_at;
    let limit = if may_drain {
        over_at + plan.drain_after_end
    } else {
        over_at
    };
    // A little later, so that what is due at that very instant has happened.
    sleep_until(Instant::now() + (limit - bench.now()) + Duration::from_millis(1)).await;
    let left = bench.first(|what| matches!(what, Happened::CallerLeft { .. }));
    let finished = bench.first(|what| matches!(what, Happened::ScriptFinished { .. }));
    match (left, finished) {
        (Some(left), _) => assert!(
            (over_at..=limit).contains(&left),
            "left at {left:?}, not between {over_at:?} and {limit:?}"
        ),
        (None, Some(_)) => {}
        (None, None) => panic!("the provider is kept after {limit:?}"),
    }
    let closed = bench.first(|what| *what == Happened::ConnectionClosed);
    assert!(
        closed.is_some() || plan.ends_whole(),
        "the connection is kept although its answer was not whole"
    );
}

/// A client that keeps the gateway waiting.
async fn dawdle(bench: &Bench, plan: &Plan, expected: &Expected) {
    let reply = bench.stream().await;
    assert_head(&reply, expected);
    if expected.refusal.is_some() {
        return;
    }
    let mut stalled_at = None;
    let mut reads = Vec::new();
    loop {
        match plan.client {
            Client::Slow(each) => sleep(each).await,
            Client::Stalls(count) if reads.len() == count => {
                stalled_at = Some(bench.now());
                sleep(10 * CLIENT_WRITE + plan.total).await;
            }
            _ => {}
        }
        let (_, read) = reply.next().await;
        let is_item = matches!(read, Read::Item(_));
        reads.push(read);
        if !is_item {
            break;
        }
    }
    let end = reads.pop().unwrap();
    assert!(
        end == Read::End || stalled_at.is_some(),
        "a slow reader was cut off"
    );
    let patiently = expect_patiently(plan);
    assert_truthful(plan, [expected, &patiently], reads, &end);

    sleep(plan.drain_after_end + CLIENT_WRITE).await;
    let rest = CLIENT_WRITE + plan.drain_after_end;
    // After a good end a client that is slow to hear of it still keeps the connection.
    let mut limit = plan.total;
    if expected.is_complete || patiently.is_complete {
        limit += rest;
    }
    if let Some(at) = stalled_at {
        limit = limit.min(at.max(expected.ended_at) + rest);
    }
    let left = bench.first(|what| matches!(what, Happened::CallerLeft { .. }));
    assert!(left.is_none_or(|left| left <= limit), "{left:?}, {limit:?}");
    let finished = bench.first(|what| matches!(what, Happened::ScriptFinished { .. }));
    assert!(left.or(finished).is_some(), "the provider is kept");
}

/// The events are the provider's, in order, from the first on; the end says what they came to: what a
/// client that kept up was told, or one whose slowness moved every clock on.
fn assert_truthful(plan: &Plan, possible: [&Expected; 2], reads: Vec<Read>, end: &Read) {
    let mut items: Vec<_> = reads.into_iter().map(item).collect();
    items.retain(|item| *item != Item::Heartbeat);
    let error = items.pop_if(|last| matches!(last, Item::Error(_)));
    let mut wanted = plan
        .said
        .iter()
        .filter(|said| !said.item.is_empty())
        .map(|said| Item::Event(said.item.clone()));
    for item in &items {
        assert_eq!(Some(item), wanted.next().as_ref());
    }
    match (error, end) {
        (Some(error), _) => {
            let is_own = possible.iter().any(|one| one.error() == Some(&error));
            // `total` moves for nobody.
            let is_late = error == Item::Error("upstream_total".to_owned());
            assert!(is_own || is_late, "{error:?}");
        }
        (None, Read::End) => {
            let items: Vec<_> = items.iter().collect();
            let is_whole = |one: &&Expected| one.error().is_none() && one.events() == items;
            assert!(
                possible.iter().any(is_whole),
                "the end hides that something is missing"
            );
        }
        // Whoever was dropped does not take it for an end.
        (None, _) => {}
    }
}
