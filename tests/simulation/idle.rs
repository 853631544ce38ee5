//! `clocks.idle`, and the heartbeat on the other side of the same silence.

use herald::testkit::{Framing, Script, chat};

use crate::bench::{Bench, Read, item, secs, simulate};

/// Twenty times a piece after nine tenths of `idle`.
fn twenty_pauses(piece: impl Fn(Script) -> Script) -> Script {
    let begun = Script::sse().event(chat::text("a"));
    (0..20).fold(begun, |script, _| piece(script.pause(secs(9.0))))
}

#[test]
fn content_that_comes_just_in_time_runs_to_the_end() {
    simulate(async {
        let script = twenty_pauses(|script| script.event(chat::text("b")))
            .done()
            .finish();
        let bench = Bench::new(script, "idle = \"10s\"\nheartbeat = \"0s\"").await;
        let reads = bench.stream().await.rest().await;
        assert_eq!(reads.len(), 23);
        assert_eq!(reads[21], (secs(180.0), item("[DONE]")));
        assert_eq!(reads[22], (secs(180.0), Read::End));
    });
}

#[test]
fn silence_ends_the_stream_exactly_idle_after_the_last_bytes() {
    simulate(async {
        let script = twenty_pauses(|script| script.event(chat::text("b"))).stall();
        let bench = Bench::new(script, "idle = \"10s\"\nheartbeat = \"0s\"").await;
        let failure = bench.stream().await.failure().await;
        assert_eq!(failure, (21, "upstream_idle".into(), secs(190.0)));
        assert_eq!(bench.let_go().await, secs(190.0));
    });
}

#[test]
fn comments_are_bytes_that_start_idle_anew() {
    simulate(async {
        let script = twenty_pauses(|script| script.comment("ping")).stall();
        let bench = Bench::new(script, "idle = \"10s\"\nheartbeat = \"0s\"").await;
        let failure = bench.stream().await.failure().await;
        assert_eq!(failure, (1, "upstream_idle".into(), secs(190.0)));
    });
}

#[test]
fn a_single_byte_of_an_event_starts_idle_anew() {
    simulate(async {
        let mut pieces = "data: {\"choices\":[]}\n\n".bytes();
        let script = Script::sse().event(chat::text("a"));
        let script = pieces
            .by_ref()
            .take(20)
            .fold(script, |script, byte| script.pause(secs(9.0)).body([byte]));
        let bench = Bench::new(script.stall(), "idle = \"10s\"\nheartbeat = \"0s\"").await;
        let failure = bench.stream().await.failure().await;
        assert_eq!(failure, (1, "upstream_idle".into(), secs(190.0)));
    });
}

#[test]
fn idle_runs_from_the_head_on_and_in_a_document() {
    simulate(async {
        let script = Script::sse().head().stall();
        let bench = Bench::new(script, "idle = \"10s\"\nhold = \"20s\"").await;
        let reply = bench.stream().await;
        assert_eq!((reply.at, reply.status.as_u16()), (secs(10.0), 504));
        assert_eq!(reply.refusal().await, "upstream_idle");
    });
    simulate(async {
        let script = Script::json(200, "")
            .framing(Framing::Chunked)
            .body("{")
            .pause(secs(9.0))
            .body("}")
            .stall();
        let bench = Bench::new(script, "idle = \"10s\"").await;
        let reply = bench.document().await;
        assert_eq!((reply.at, reply.status.as_u16()), (secs(19.0), 504));
        assert_eq!(reply.refusal().await, "upstream_idle");
        assert_eq!(bench.let_go().await, secs(19.0));
    });
}

#[test]
fn heartbeats_begin_with_the_commit_and_come_each_period_after_the_last_item() {
    simulate(async {
        let script = Script::sse()
            .event(chat::role())
            .pause(secs(40.0))
            .event(chat::text("a"))
            .pause(secs(20.0))
            .comment("ping")
            .pause(secs(15.0))
            .event(chat::text("b"))
            .stall();
        let clocks = "hold = \"60s\"\nheartbeat = \"15s\"\nidle = \"50s\"";
        let bench = Bench::new(script, clocks).await;
        let reply = bench.stream().await;
        assert_eq!(reply.at, secs(40.0), "nothing before the first content");
        let mut reads = reply.rest().await;
        reads.truncate(8);
        let beat = |at| (secs(at), Read::Item(":\n".into()));
        let expected = [
            (secs(40.0), item(&chat::role())),
            (secs(40.0), item(&chat::text("a"))),
            // The provider's own comment at 60 s passes nothing on and changes nothing.
            beat(55.0),
            beat(70.0),
            (secs(75.0), item(&chat::text("b"))),
            beat(90.0),
            beat(105.0),
            beat(120.0),
        ];
        assert_eq!(reads, expected);
    });
}

#[test]
fn the_rest_of_an_answer_is_waited_for_no_longer_than_drain_after_end() {
    simulate(async {
        let settings = "idle = \"10s\"\n[upstream]\ndrain_after_end = \"3s\"";
        let script = Script::sse().event(chat::text("a")).done().stall();
        let bench = Bench::new(script, settings).await;
        let reads = bench.stream().await.rest().await;
        assert_eq!(reads.last().unwrap(), &(secs(0.0), Read::End));
        assert_eq!(bench.let_go().await, secs(3.0));
    });
}

#[test]
fn the_words_of_an_error_are_waited_for_no_longer_than_error_body() {
    simulate(async {
        let script = Script::json(429, "")
            .framing(Framing::Chunked)
            .body("{\"error\":")
            .stall();
        let bench = Bench::new(script, "[upstream]\nerror_body = \"3s\"").await;
        let reply = bench.stream().await;
        assert_eq!((reply.at, reply.status.as_u16()), (secs(3.0), 429));
        assert_eq!(bench.let_go().await, secs(3.0));
    });
}

#[test]
fn a_document_that_trickles_is_not_idle() {
    simulate(async {
        let text = chat::completion("hello");
        let script = text.as_bytes().chunks(20).fold(
            Script::new()
                .header("content-type", "application/json")
                .framing(Framing::Chunked),
            |script, piece| script.body(piece).pause(secs(9.0)),
        );
        let bench = Bench::new(script.finish(), "idle = \"10s\"").await;
        let answer = bench.document().await.json().await;
        assert_eq!(answer["choices"][0]["message"]["content"], "hello");
    });
}
