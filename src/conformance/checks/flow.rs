//! When things arrive, and what holds what back.

use std::{cmp::min, time::Duration};

use bytes::{Buf, Bytes};
use futures_util::FutureExt as _;
use tokio::time::{Instant, timeout};

use super::{
    super::{
        client::Client,
        kit::{Kit, send},
        provider::{Call, LAST_CHUNK, Reply, chunk},
        verdict::{Outcome, Unmet, ensure},
    },
    Check,
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "events-one-by-one",
        expected: "each event arrives before the next one is sent",
        source: "promise 7: what waits has a bound; a reader of tokens sees each",
        run: |kit| one_by_one(kit).boxed_local(),
    },
    Check {
        name: "client-leaves-stream",
        expected: "a client that leaves mid-stream closes the provider's connection within 5 s",
        source: "promise 6: what nobody reads is paid for",
        run: |kit| leaves_stream(kit).boxed_local(),
    },
    Check {
        name: "client-leaves-before-head",
        expected: "a client that leaves before the head closes the provider's connection within 5 s",
        source: "promise 6",
        run: |kit| leaves_before_head(kit).boxed_local(),
    },
    Check {
        name: "slow-reader",
        expected: "a client that reads nothing stops the provider, or loses it, before 32 MiB",
        source: "promise 7",
        run: |kit| slow_reader(kit).boxed_local(),
    },
    Check {
        name: "concurrent-streams",
        expected: "of eight streams at once each client has its own text, in order",
        source: "promise 8",
        run: |kit| concurrent(kit).boxed_local(),
    },
];

async fn one_by_one(kit: &mut Kit<'_>) -> Outcome {
    const EVENTS: usize = 5;
    let (mut client, mut call) = kit.streaming("word-0").await?;
    for number in 1..EVENTS {
        let word = format!("word-{number}");
        send(&mut call, chunk(kit.dialect.text(&word))).await?;
        client.until(&word).await?;
    }
    Ok(format!("{EVENTS} events, each by itself"))
}

/// How soon the provider must learn of it.
const LEFT_WITHIN: Duration = Duration::from_secs(5);

async fn leaves_stream(kit: &mut Kit<'_>) -> Outcome {
    let (client, call) = kit.streaming("the last that is read").await?;
    left_after(client, call).await
}

async fn leaves_before_head(kit: &mut Kit<'_>) -> Outcome {
    let ask = kit.ask();
    let (client, call) = kit.exchange(&ask).await?;
    left_after(client, call).await
}

async fn left_after(client: Client, mut call: Call) -> Outcome {
    drop(client);
    let since = Instant::now();
    let left = timeout(LEFT_WITHIN, call.left()).await;
    ensure(left.is_ok(), || {
        "the provider's connection is still open".to_owned()
    })?;
    Ok(format!("closed after {} ms", since.elapsed().as_millis()))
}

async fn slow_reader(kit: &mut Kit<'_>) -> Outcome {
    /// Kernels on loopback keep some MiB on each of the two connections.
    const MOST: usize = 32 << 20;
    const STOPPED_AFTER: Duration = Duration::from_secs(2);
    const FLOOD: Duration = Duration::from_secs(20);
    let mut ask = kit.ask();
    ask.small_window = true;
    let (client, mut call) = kit.exchange(&ask).await?;
    send(&mut call, Reply::stream().head()).await?;
    send(&mut call, chunk(kit.dialect.opening())).await?;
    let until = Instant::now() + FLOOD;
    let (mut sent, mut events) = (0, 0);
    let mut rest = Bytes::new();
    let end = loop {
        if rest.is_empty() {
            // No two alike: some gateways end a stream that repeats itself.
            events += 1;
            rest = chunk(kit.dialect.text(&format!("{events} flood ").repeat(1000)));
        }
        match timeout(STOPPED_AFTER, call.send_some(&rest)).await {
            Err(_) => break Some("stopped"),
            Ok(Err(_)) => break Some("the gateway let go of the provider"),
            Ok(Ok(taken)) => {
                rest.advance(taken);
                sent += taken;
            }
        }
        if sent > MOST || Instant::now() > until {
            break None;
        }
    };
    drop(client);
    let taken = format!("{:.1} MiB", sent as f64 / f64::from(1 << 20));
    if let Some(end) = end {
        return Ok(format!("{end} after {taken}"));
    }
    ensure(sent <= MOST, || format!("took more than {taken}"))?;
    Err(Unmet::Skipped(format!(
        "it still takes, but slowly: {taken} in {} s",
        FLOOD.as_secs()
    )))
}

async fn concurrent(kit: &mut Kit<'_>) -> Outcome {
    const STREAMS: usize = 8;
    const ROUNDS: usize = 5;
    let mut clients = Vec::new();
    for _ in 0..STREAMS {
        let ask = kit.ask();
        let client = kit.client(&ask).await?;
        clients.push((ask.mark, client));
    }
    let mut calls = Vec::new();
    let deadline = Instant::now() + kit.patience();
    while calls.len() < STREAMS {
        let left = min(kit.patience(), deadline - Instant::now());
        let call = timeout(left, kit.any_call()).await;
        let Ok(mut call) = call else {
            let came = calls.len();
            return Err(Unmet::Failed(format!("{came} of {STREAMS} calls came")));
        };
        let mark = clients.iter().find(|(mark, _)| call.has_mark(mark));
        if let Some((mark, _)) = mark {
            // A gateway that asks again has given up the call of before.
            calls.retain(|(other, _)| other != mark);
            send(&mut call, Reply::stream().head()).await?;
            send(&mut call, chunk(kit.dialect.opening())).await?;
            calls.push((mark.clone(), call));
        }
    }
    for round in 0..ROUNDS {
        for (mark, call) in &mut calls {
            let text = kit.dialect.text(&format!("{mark}{round} "));
            send(call, chunk(text)).await?;
        }
    }
    for (_, call) in &mut calls {
        send(call, chunk(kit.dialect.ending())).await?;
        send(call, LAST_CHUNK).await?;
    }
    for (mark, client) in &mut clients {
        let answer = client.whole().await?;
        let told = kit.dialect.text_of(&answer);
        let own: String = (0..ROUNDS).map(|round| format!("{mark}{round} ")).collect();
        ensure(told == own, || format!("of {own:?} came {told:?}"))?;
    }
    Ok(format!("{STREAMS} streams, none mixed"))
}
