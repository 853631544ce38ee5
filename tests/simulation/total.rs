//! `clocks.total` and the client's own `x-timeout-ms` bound everything.

use herald::testkit::{Framing, Script, chat};

use crate::bench::{Bench, Read, Reply, error_code, secs, settings, simulate};

/// The bound by settings, and the same by the client's header under longer settings.
async fn both_ways(script: impl Fn() -> Script, more: &str, stream: bool) -> [(Bench, Reply); 2] {
    let clocks = format!("[clocks]\nheartbeat = \"0s\"\n{more}");
    let mut short = settings(&clocks);
    // Set past the verification, so that no other clock is as short as this one.
    short.clocks.total = secs(60.0);
    let by_settings = Bench::with(script(), short).await;
    let first = by_settings.ask(stream, &[]).await;
    let by_client = Bench::with(script(), settings(&clocks)).await;
    let second = by_client.ask(stream, &[("x-timeout-ms", "60000")]).await;
    [(by_settings, first), (by_client, second)]
}

async fn assert_refused(bench: Bench, reply: Reply) {
    assert_eq!((reply.at, reply.status.as_u16()), (secs(60.0), 504));
    assert_eq!(reply.refusal().await, "upstream_total");
    assert_eq!(bench.let_go().await, secs(60.0));
}

#[test]
fn total_bounds_the_wait_for_the_head() {
    for stream in [true, false] {
        simulate(async {
            let script = || Script::sse().stall();
            for (bench, reply) in both_ways(script, "", stream).await {
                assert_refused(bench, reply).await;
            }
        });
    }
}

#[test]
fn total_bounds_the_hold() {
    simulate(async {
        let script = || {
            let begun = Script::sse().event(chat::role());
            (0..20).fold(begun, |script, _| script.pause(secs(9.0)).comment("ping"))
        };
        for (bench, reply) in both_ways(script, "hold = \"60s\"", true).await {
            assert_refused(bench, reply).await;
        }
    });
}

#[test]
fn total_bounds_the_stream() {
    simulate(async {
        let script = || {
            let begun = Script::sse().pause(secs(9.0)).event(chat::text("a"));
            (0..20).fold(begun, |script, _| {
                script.pause(secs(9.0)).event(chat::text("b"))
            })
        };
        for (bench, reply) in both_ways(script, "", true).await {
            let failure = reply.failure().await;
            assert_eq!(failure, (6, "upstream_total".into(), secs(60.0)));
            assert_eq!(bench.let_go().await, secs(60.0));
        }
    });
}

#[test]
fn total_bounds_a_document_and_the_account_of_an_error() {
    simulate(async {
        let script = || {
            let begun = Script::json(200, "").framing(Framing::Chunked);
            (0..20).fold(begun, |script, _| script.pause(secs(9.0)).body(" "))
        };
        for (bench, reply) in both_ways(script, "", false).await {
            assert_refused(bench, reply).await;
        }
    });
    simulate(async {
        let script = || {
            let begun = Script::json(401, "").framing(Framing::Chunked);
            (0..20).fold(begun, |script, _| script.pause(secs(9.0)).body("x"))
        };
        for (bench, reply) in both_ways(script, "[upstream]\nerror_body = \"1m\"", true).await {
            // The status is known; what can be read of the account until then is used.
            assert_eq!((reply.at, reply.status.as_u16()), (secs(60.0), 502));
            assert_eq!(reply.refusal().await, "upstream_auth");
            assert_eq!(bench.let_go().await, secs(60.0));
        }
    });
}

#[test]
fn a_client_cannot_ask_for_more_than_total() {
    simulate(async {
        let mut settings = settings("");
        settings.clocks.total = secs(60.0);
        let bench = Bench::with(Script::sse().stall(), settings).await;
        let reply = bench.ask(true, &[("x-timeout-ms", "90000")]).await;
        assert_refused(bench, reply).await;
    });
}

#[test]
fn total_frees_the_provider_while_the_reader_stalls() {
    simulate(async {
        let script = Script::sse().flood(chat::text("a"), 100).stall();
        let mut settings = settings("[clocks]\nclient_write = \"10m\"\n[stream]\nqueue_events = 4");
        settings.clocks.total = secs(60.0);
        let bench = Bench::with(script, settings).await;
        let reply = bench.stream().await;
        assert_eq!(bench.let_go().await, secs(60.0));
        // Whatever the reader finds when it comes back, it is no good end.
        let reads = reply.rest().await;
        let error = reads.iter().any(|(_, read)| match read {
            Read::Item(item) => error_code(item).as_deref() == Some("upstream_total"),
            Read::End => false,
            Read::BrokenOff => true,
        });
        assert!(error, "{reads:?}");
    });
}
