//! The clocks of an answer that is still to begin: `head` and `first_event`.

use herald::testkit::{Script, chat};

use crate::bench::{Bench, Read, item, secs, simulate};

#[test]
fn head_runs_out_exactly_for_a_stream_and_for_a_document() {
    for stream in [true, false] {
        simulate(async {
            let bench = Bench::new(Script::sse().stall(), "head = \"30s\"").await;
            let reply = bench.ask(stream, &[]).await;
            assert_eq!((reply.at, reply.status.as_u16()), (secs(30.0), 504));
            assert_eq!(reply.upstream_status, None);
            assert_eq!(reply.refusal().await, "upstream_head");
            assert_eq!(bench.let_go().await, secs(30.0));
        });
    }
}

#[test]
fn a_head_just_in_time_is_taken_and_interim_answers_do_not_count() {
    simulate(async {
        let script = Script::sse()
            .pause(secs(29.0))
            .event(chat::text("a"))
            .done()
            .finish();
        let bench = Bench::new(script, "head = \"30s\"").await;
        let reply = bench.stream().await;
        assert_eq!((reply.at, reply.status.as_u16()), (secs(29.0), 200));
    });
    simulate(async {
        let script = Script::sse()
            .pause(secs(29.0))
            .bytes("HTTP/1.1 103 Early Hints\r\n\r\n")
            .stall();
        let bench = Bench::new(script, "head = \"30s\"").await;
        let reply = bench.stream().await;
        assert_eq!(reply.at, secs(30.0));
        assert_eq!(reply.refusal().await, "upstream_head");
    });
}

/// Each second a ping, a role or an empty chunk, for a hundred seconds.
fn no_content() -> Script {
    (0..100).fold(Script::sse().head(), |script, second| {
        let script = script.pause(secs(1.0));
        match second % 3 {
            0 => script.comment("ping"),
            1 => script.event(chat::role()),
            _ => script.event(r#"{"choices":[]}"#),
        }
    })
}

#[test]
fn first_event_is_not_started_anew_by_pings_and_roles() {
    simulate(async {
        let clocks = "first_event = \"30500ms\"\nidle = \"10s\"\nhold = \"30500ms\"";
        let bench = Bench::new(no_content(), clocks).await;
        let reply = bench.stream().await;
        // Both are due now; the one that makes a real status wins.
        assert_eq!((reply.at, reply.status.as_u16()), (secs(30.5), 504));
        assert_eq!(reply.upstream_status.as_deref(), Some("200"));
        assert_eq!(reply.refusal().await, "upstream_first_event");
        assert_eq!(bench.let_go().await, secs(30.5));
    });
}

#[test]
fn first_event_runs_on_after_the_commit() {
    simulate(async {
        let clocks = "first_event = \"30500ms\"\nheartbeat = \"0s\"\nhold = \"5s\"";
        let bench = Bench::new(no_content(), clocks).await;
        let reply = bench.stream().await;
        assert_eq!((reply.at, reply.status.as_u16()), (secs(5.0), 200));
        let (passed, code, at) = reply.failure().await;
        assert_eq!((passed, code.as_str()), (20, "upstream_first_event"));
        assert_eq!(at, secs(30.5));
    });
}

#[test]
fn first_event_stops_at_the_first_content() {
    simulate(async {
        let script = Script::sse()
            .pause(secs(3.0))
            .head()
            .pause(secs(30.0))
            .event(chat::text("a"))
            .pause(secs(90.0))
            .event(chat::finish("stop"))
            .finish();
        let clocks = "first_event = \"30500ms\"\nheartbeat = \"0s\"\nhold = \"30500ms\"";
        let bench = Bench::new(script, clocks).await;
        let reply = bench.stream().await;
        assert_eq!(reply.at, secs(33.0));
        let expected = [
            (secs(33.0), item(&chat::text("a"))),
            (secs(123.0), item(&chat::finish("stop"))),
            (secs(123.0), Read::End),
        ];
        assert_eq!(reply.rest().await, expected);
    });
}
