//! The event `metadata`: when it comes, and that it waits for nothing and nobody waits for it.

use herald::testkit::{Script, chat};

use crate::bench::{Bench, Read, Reply, item, secs, simulate};

async fn asked(bench: &Bench) -> Reply {
    bench.ask(true, &[("x-herald-metadata", "event")]).await
}

fn is_metadata(read: &Read) -> bool {
    matches!(read, Read::Item(item) if item.starts_with("event: metadata\ndata: {"))
}

#[test]
fn the_event_comes_with_the_head_while_the_provider_is_silent_and_heartbeats_follow() {
    simulate(async {
        let script = Script::sse()
            .event(chat::role())
            .pause(secs(20.0))
            .event(chat::text("a"))
            .stall();
        let bench = Bench::new(script, "hold = \"1s\"\nheartbeat = \"15s\"").await;
        let reply = asked(&bench).await;
        assert_eq!(reply.at, secs(1.0));
        let (at, first) = reply.next().await;
        assert_eq!(at, secs(1.0));
        assert!(is_metadata(&first), "{first:?}");
        assert_eq!(reply.next().await, (secs(1.0), item(&chat::role())));
        assert_eq!(reply.next().await, (secs(16.0), Read::Item(":\n".into())));
        assert_eq!(reply.next().await, (secs(20.0), item(&chat::text("a"))));
    });
}

#[test]
fn the_event_takes_no_room_from_the_providers_events() {
    simulate(async {
        let script = Script::sse().flood(chat::text("a"), 1000).stall();
        let settings = "client_write = \"30s\"\nheartbeat = \"0s\"\n[stream]\nqueue_events = 4";
        let bench = Bench::new(script, settings).await;
        let reply = asked(&bench).await;
        assert_eq!(bench.let_go().await, secs(30.0));
        // A reader that never began finds the event, and behind it as many as the queue has room for.
        let reads: Vec<_> = reply.rest().await.into_iter().map(|read| read.1).collect();
        assert!(is_metadata(&reads[0]), "{reads:?}");
        assert_eq!(reads[1..5], [(); 4].map(|()| item(&chat::text("a"))));
        assert_eq!(reads[5..], [Read::BrokenOff]);
    });
}
