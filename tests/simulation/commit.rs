//! `clocks.hold`: the instant of the head.

use herald::testkit::{Script, chat};

use crate::bench::{Bench, Read, item, secs, simulate};

#[test]
fn without_content_the_head_comes_exactly_hold_after_the_providers() {
    simulate(async {
        let script = Script::sse()
            .pause(secs(2.0))
            .head()
            .pause(secs(1.0))
            .event(chat::role())
            .pause(secs(1.0))
            .comment("ping")
            .event(r#"{"choices":[]}"#)
            .pause(secs(4.0))
            .event(chat::text("a"))
            .done()
            .finish();
        let bench = Bench::new(script, "hold = \"5s\"").await;
        let reply = bench.stream().await;
        assert_eq!((reply.at, reply.status.as_u16()), (secs(7.0), 200));
        let expected = [
            (secs(7.0), item(&chat::role())),
            (secs(7.0), item(r#"{"choices":[]}"#)),
            (secs(8.0), item(&chat::text("a"))),
            (secs(8.0), item("[DONE]")),
            (secs(8.0), Read::End),
        ];
        assert_eq!(reply.rest().await, expected);
    });
}

#[test]
fn content_brings_the_head_at_once() {
    simulate(async {
        let script = Script::sse()
            .event(chat::role())
            .pause(secs(3.0))
            .event(chat::text("a"))
            .stall();
        let bench = Bench::new(script, "hold = \"5s\"").await;
        let reply = bench.stream().await;
        assert_eq!(reply.at, secs(3.0));
        assert_eq!(reply.next().await, (secs(3.0), item(&chat::role())));
        assert_eq!(reply.next().await, (secs(3.0), item(&chat::text("a"))));
    });
}

#[test]
fn with_no_hold_the_head_comes_at_once() {
    simulate(async {
        let script = Script::sse().pause(secs(2.0)).head().stall();
        let bench = Bench::new(script, "hold = \"0ms\"").await;
        assert_eq!(bench.stream().await.at, secs(2.0));
    });
}

#[test]
fn with_no_hold_the_head_comes_at_once_also_where_bytes_wait_already() {
    let error = r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#;
    for first in [chat::role(), chat::text("a"), error.to_owned()] {
        simulate(async {
            // One write: whoever sees the head has the event too.
            let bytes = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {first}\n\n"
            );
            let script = Script::raw().pause(secs(2.0)).bytes(bytes).stall();
            let bench = Bench::new(script, "hold = \"0ms\"").await;
            let reply = bench.stream().await;
            assert_eq!((reply.at, reply.status.as_u16()), (secs(2.0), 200));
            assert_eq!(reply.next().await, (secs(2.0), item(&first)));
        });
    }
}

#[test]
fn an_error_while_held_is_a_status_at_its_own_instant() {
    simulate(async {
        let script = Script::sse()
            .event(chat::role())
            .pause(secs(4.0))
            .event(chat::error("slow down", "rate_limit_error"))
            .stall();
        let bench = Bench::new(script, "hold = \"5s\"").await;
        let reply = bench.stream().await;
        assert_eq!((reply.at, reply.status.as_u16()), (secs(4.0), 429));
        assert_eq!(bench.let_go().await, secs(4.0));
    });
}
