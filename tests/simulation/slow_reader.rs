//! `clocks.client_write`: who takes nothing is dropped, who takes a little is not.

use herald::testkit::{Script, chat};

use crate::bench::{Bench, Read, item, secs, simulate};

#[test]
fn a_reader_that_takes_nothing_frees_the_provider_after_client_write() {
    simulate(async {
        let script = Script::sse()
            .event(chat::text("a"))
            .pause(secs(5.0))
            .flood(chat::text("b"), 1000)
            .stall();
        let settings = "client_write = \"30s\"\n[stream]\nqueue_events = 4";
        let bench = Bench::new(script, settings).await;
        let reply = bench.stream().await;
        assert_eq!(reply.next().await, (secs(0.0), item(&chat::text("a"))));
        // From the first event for which there is no room, the fifth of those at 5 s.
        assert_eq!(bench.let_go().await, secs(35.0));
        // What was in the queue is still there; after it the connection breaks off.
        let reads = reply.rest().await;
        assert_eq!(reads.len(), 5, "{reads:?}");
        assert!(
            reads[..4]
                .iter()
                .all(|(_, read)| *read == item(&chat::text("b")))
        );
        assert_eq!(reads[4].1, Read::BrokenOff);
    });
}

#[test]
fn a_reader_that_never_begins_frees_the_provider_too() {
    simulate(async {
        let script = Script::sse().flood(chat::text("a"), 1000).stall();
        let settings = "client_write = \"30s\"\n[stream]\nqueue_events = 1";
        let bench = Bench::new(script, settings).await;
        let _reply = bench.stream().await;
        assert_eq!(bench.let_go().await, secs(30.0));
    });
}

#[test]
fn a_reader_that_takes_an_item_just_in_time_gets_all_and_nobody_is_blamed() {
    simulate(async {
        let pieces: Vec<_> = (0..40)
            .map(|number| chat::text(&number.to_string()))
            .collect();
        let script = pieces
            .iter()
            .fold(Script::sse(), |script, piece| script.event(piece))
            .event(chat::finish("stop"))
            .done()
            .finish();
        let settings = "client_write = \"30s\"\nidle = \"10s\"\n[stream]\nqueue_events = 2";
        let bench = Bench::new(script, settings).await;
        let reply = bench.stream().await;
        let mut expected: Vec<_> = pieces.iter().map(|piece| item(piece)).collect();
        expected.extend([item(&chat::finish("stop")), item("[DONE]"), Read::End]);
        for read in expected {
            tokio::time::sleep(secs(27.0)).await;
            assert_eq!(reply.next().await.1, read);
        }
    });
}

#[test]
fn a_slow_reader_of_a_slow_provider_is_told_of_the_silence_that_was_one() {
    simulate(async {
        let script = Script::sse().flood(chat::text("a"), 8).stall();
        let settings = "client_write = \"30s\"\nidle = \"10s\"\n[stream]\nqueue_events = 1";
        let bench = Bench::new(script, settings).await;
        let reply = bench.stream().await;
        for _ in 0..6 {
            tokio::time::sleep(secs(20.0)).await;
            assert_eq!(reply.next().await.1, item(&chat::text("a")));
        }
        // At 120 s the last piece found room; from then on it is the provider who says nothing.
        tokio::time::sleep(secs(1.0)).await;
        assert_eq!(reply.next().await.1, item(&chat::text("a")));
        let (passed, code, at) = reply.failure().await;
        assert_eq!((passed, code.as_str()), (1, "upstream_idle"));
        assert_eq!(at, secs(131.0));
    });
}

#[test]
fn a_slow_reader_who_leaves_while_the_queue_is_full_frees_the_provider_at_once() {
    simulate(async {
        let script = Script::sse().flood(chat::text("a"), 1000).stall();
        let settings = "client_write = \"30s\"\n[stream]\nqueue_events = 1";
        let bench = Bench::new(script, settings).await;
        let reply = bench.stream().await;
        tokio::time::sleep(secs(7.0)).await;
        drop(reply);
        assert_eq!(bench.let_go().await, secs(7.0));
    });
}

#[test]
fn the_provider_is_let_go_before_a_slow_reader_is_told() {
    simulate(async {
        let script = Script::sse().event(chat::text("a")).stall();
        let settings = "client_write = \"30s\"\nidle = \"10s\"\n[stream]\nqueue_events = 1";
        let bench = Bench::new(script, settings).await;
        let reply = bench.stream().await;
        assert_eq!(bench.let_go().await, secs(10.0));
        let (passed, code, _) = reply.failure().await;
        assert_eq!((passed, code.as_str()), (1, "upstream_idle"));
    });
}

#[test]
fn a_reader_that_takes_an_item_just_in_time_is_told_of_an_error_and_of_the_end() {
    simulate(async {
        let script = Script::sse().event(chat::text("a")).stall();
        let settings = "client_write = \"30s\"\nidle = \"10s\"\n[stream]\nqueue_events = 1";
        let bench = Bench::new(script, settings).await;
        let reply = bench.stream().await;
        let mut reads = Vec::new();
        for _ in 0..3 {
            tokio::time::sleep(secs(27.0)).await;
            reads.push(reply.next().await.1);
        }
        assert_eq!(reads[0], item(&chat::text("a")));
        assert!(matches!(&reads[1], Read::Item(told) if told.contains("upstream_idle")));
        assert_eq!(reads[2], Read::End);
    });
}

#[test]
fn letting_go_of_held_events_is_no_sign_of_life() {
    simulate(async {
        let script = Script::sse().flood(chat::role(), 2).stall();
        let settings = "hold = \"5s\"\nidle = \"10s\"\n[stream]\nqueue_events = 1";
        let bench = Bench::new(script, settings).await;
        let reply = bench.stream().await;
        assert_eq!(reply.at, secs(5.0));
        let failure = reply.failure().await;
        assert_eq!(failure, (2, "upstream_idle".into(), secs(10.0)));
    });
}

#[test]
fn first_event_does_not_blame_the_provider_for_a_slow_reader() {
    simulate(async {
        let script = Script::sse()
            .flood(chat::role(), 8)
            .pause(secs(1.0))
            .event(chat::text("a"))
            .done()
            .finish();
        let settings = "first_event = \"60s\"\nhold = \"0s\"\nclient_write = \"30s\"\n[stream]\nqueue_events = 1";
        let bench = Bench::new(script, settings).await;
        let reply = bench.stream().await;
        for _ in 0..8 {
            tokio::time::sleep(secs(20.0)).await;
            assert_eq!(reply.next().await.1, item(&chat::role()));
        }
        // The content came a second after the head, long before the clock.
        assert_eq!(reply.next().await.1, item(&chat::text("a")));
    });
}
