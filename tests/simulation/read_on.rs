//! `upstream.drain_for_usage`: what is read after the client left, and until when.

use herald::{
    telemetry::metrics::TextFormat,
    testkit::{Happened, Script, chat},
};
use tokio::time::timeout;

use crate::bench::{Bench, secs, simulate};

/// A word each second, and a whole end with its usage after ten of them.
fn ten_words() -> Script {
    (0..10)
        .fold(Script::sse(), |script, _| {
            script.event(chat::text("a")).pause(secs(1.0))
        })
        .event(chat::finish("stop"))
        .event(r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":11}}"#)
        .done()
        .finish()
}

/// A client that leaves after three and a half seconds.
async fn leave(settings: &str) -> Bench {
    let bench = Bench::new(ten_words(), settings).await;
    let stay = async { bench.stream().await.rest().await };
    assert!(timeout(secs(3.5), stay).await.is_err());
    bench
}

/// Waits until nothing is open any more, and tells when that was, and which tokens were counted.
async fn over(bench: &Bench) -> (f64, Option<(u64, u64)>) {
    while !bench.gateway.streams().list().is_empty() {
        tokio::time::sleep(secs(0.1)).await;
    }
    assert_eq!(bench.gateway.limits().level().open, 0);
    let metrics = bench.gateway.metrics_text(TextFormat::Prometheus);
    let count = |kind: &str| {
        let of_kind = |line: &&str| line.starts_with("herald_tokens_total{") && line.contains(kind);
        let line = metrics.lines().find(of_kind)?;
        line.rsplit(' ').next()?.parse().ok()
    };
    assert!(metrics.contains("outcome=\"cancelled\""), "{metrics}");
    let tokens = count("prompt").zip(count("completion"));
    (bench.now().as_secs_f64(), tokens)
}

const ON: &str = "[upstream]\ndrain_for_usage = 100\ndrain_for_usage_time = \"1m\"\n";

#[test]
fn by_default_nothing_is_read_after_the_client_left() {
    simulate(async {
        let bench = leave("").await;
        assert_eq!(bench.let_go().await, secs(3.5));
        assert_eq!(over(&bench).await, (3.5, None));
    });
}

#[test]
fn a_stream_is_read_on_to_its_end_for_its_usage() {
    simulate(async {
        let bench = leave(ON).await;
        let (at, tokens) = over(&bench).await;
        assert!((10.0..10.2).contains(&at), "{at}");
        assert_eq!(tokens, Some((7, 11)));
        let left = |what: &Happened| matches!(what, Happened::CallerLeft { .. });
        assert_eq!(bench.first(left), None);
    });
}

#[test]
fn reading_on_ends_after_so_many_events_or_so_long_or_with_the_total() {
    for (settings, at) in [
        ("[upstream]\ndrain_for_usage = 3\n", 6.0),
        (
            "[upstream]\ndrain_for_usage = 100\ndrain_for_usage_time = \"2s\"\n",
            5.5,
        ),
        (
            "total = \"7s\"\nidle = \"7s\"\nconnect = \"7s\"\nhead = \"7s\"\nfirst_event = \"7s\"\n[upstream]\ndrain_for_usage = 100\n",
            7.0,
        ),
    ] {
        simulate(async {
            let bench = leave(settings).await;
            assert_eq!(bench.let_go().await, secs(at), "{settings}");
            let (_, tokens) = over(&bench).await;
            assert_eq!(tokens, None, "{settings}");
        });
    }
}

#[test]
fn an_operator_and_the_beginning_of_a_shutdown_end_reading_on() {
    for by_operator in [true, false] {
        simulate(async {
            let bench = leave(ON).await;
            tokio::time::sleep(secs(1.0)).await;
            if by_operator {
                let open = bench.gateway.streams().list();
                let id = &open[0].details().id;
                bench.gateway.streams().cancel(id).unwrap();
            } else {
                bench.gateway.drain().begin();
            }
            assert_eq!(bench.let_go().await, secs(4.5));
            assert_eq!(over(&bench).await.1, None);
        });
    }
}

#[test]
fn a_client_that_leaves_before_the_head_stops_the_provider_at_once() {
    simulate(async {
        let script = Script::sse().head().event(chat::role()).stall();
        let settings = format!("hold = \"1m\"\n{ON}");
        let bench = Bench::new(script, &settings).await;
        assert!(timeout(secs(3.5), bench.stream()).await.is_err());
        assert_eq!(bench.let_go().await, secs(3.5));
    });
}
