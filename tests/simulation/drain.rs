//! The gateway's end reaches each phase of a call at its own instant.

use herald::testkit::{Framing, Script, chat};

use crate::bench::{Bench, Read, Reply, error_code, secs, simulate};

/// Ends the gateway seven seconds after the beginning.
async fn end(bench: &Bench) {
    tokio::time::sleep(secs(7.0)).await;
    bench.gateway.drain().end();
}

async fn refused(script: Script, stream: bool) -> (Bench, Reply) {
    let bench = Bench::new(script, "hold = \"60s\"").await;
    let (reply, ()) = tokio::join!(bench.ask(stream, &[]), end(&bench));
    (bench, reply)
}

#[test]
fn a_call_without_commit_is_answered_503_at_once() {
    let head = || Script::sse().stall();
    let held = || Script::sse().event(chat::role()).stall();
    let document = || {
        Script::json(200, "{")
            .framing(Framing::Declared(100))
            .stall()
    };
    for (script, stream) in [
        (head(), true),
        (head(), false),
        (held(), true),
        (document(), false),
    ] {
        simulate(async {
            let (bench, reply) = refused(script, stream).await;
            assert_eq!((reply.at, reply.status.as_u16()), (secs(7.0), 503));
            assert_eq!(reply.refusal().await, "gateway_draining");
            assert_eq!(bench.let_go().await, secs(7.0));
        });
    }
}

#[test]
fn a_stream_ends_at_once_with_an_error_event() {
    simulate(async {
        let script = Script::sse().event(chat::text("a")).stall();
        let bench = Bench::new(script, "").await;
        let reply = bench.stream().await;
        let (failure, ()) = tokio::join!(reply.failure(), end(&bench));
        assert_eq!(failure, (1, "gateway_draining".into(), secs(7.0)));
        assert_eq!(bench.let_go().await, secs(7.0));
    });
}

#[test]
fn the_beginning_of_a_drain_ends_no_stream() {
    simulate(async {
        let script = Script::sse()
            .event(chat::text("a"))
            .pause(secs(60.0))
            .event(chat::finish("stop"))
            .done()
            .finish();
        let bench = Bench::new(script, "heartbeat = \"0s\"").await;
        let reply = bench.stream().await;
        bench.gateway.drain().begin();
        let reads = reply.rest().await;
        assert_eq!(reads.last().unwrap(), &(secs(60.0), Read::End));
        // A request runs until the server lets its body go.
        assert_eq!(bench.gateway.drain().running(), 1);
        drop(reply);
        bench.gateway.drain().idle().await;
        let refused = bench.stream().await;
        assert_eq!(refused.status.as_u16(), 503);
    });
}

#[test]
fn a_drain_frees_the_provider_while_the_reader_stalls() {
    simulate(async {
        let script = Script::sse().flood(chat::text("a"), 100).stall();
        let settings = "client_write = \"10m\"\n[stream]\nqueue_events = 4";
        let bench = Bench::new(script, settings).await;
        let reply = bench.stream().await;
        end(&bench).await;
        assert_eq!(bench.let_go().await, secs(7.0));
        let reads = reply.rest().await;
        let error = reads.iter().any(|(_, read)| match read {
            Read::Item(item) => error_code(item).as_deref() == Some("gateway_draining"),
            Read::End => false,
            Read::BrokenOff => true,
        });
        assert!(error, "{reads:?}");
    });
}
