//! `stream.buffer` and `stream.buffer_events`: the instant of the head, and what is due meanwhile.

use herald::testkit::{Script, chat};

use crate::bench::{Bench, Read, item, secs, simulate};

/// A head at once, and then a word each second, to an end.
fn a_word_a_second(words: usize) -> Script {
    (0..words)
        .fold(Script::sse().head(), |script, _| {
            script.pause(secs(1.0)).event(chat::text("a"))
        })
        .event(chat::finish("stop"))
        .done()
        .finish()
}

/// When the head of such a stream is out, by how it is set, and when Herald says the first content came.
async fn head(words: usize, settings: &str) -> (f64, Option<String>) {
    let settings = format!("hold = \"1500ms\"\n{settings}");
    let bench = Bench::new(a_word_a_second(words), &settings).await;
    let reply = bench.stream().await;
    assert_eq!(reply.status.as_u16(), 200);
    let at = reply.at;
    let reads = reply.rest().await;
    assert_eq!(reads.len(), words + 3, "{reads:?}");
    assert_eq!(reads[0], (at, item(&chat::text("a"))));
    assert_eq!(reads.last().unwrap().1, Read::End);
    (at.as_secs_f64(), reply.time_to_first_token)
}

#[test]
fn the_head_waits_for_so_many_events_or_so_long_and_the_first_content_is_told_as_it_came() {
    for (settings, at) in [
        ("", 1.0),
        ("[stream]\nbuffer_events = 1", 1.0),
        // Without a time of its own `hold` goes on.
        ("[stream]\nbuffer_events = 5", 1.5),
        ("[stream]\nbuffer = \"5s\"", 6.0),
        ("[stream]\nbuffer = \"5s\"\nbuffer_events = 3", 3.0),
        ("[stream]\nbuffer = \"1500ms\"\nbuffer_events = 9", 2.5),
        ("[stream]\nbuffer = \"5s\"\nheld_events = 2", 2.0),
    ] {
        simulate(async {
            let told = (at, Some("1000".to_owned()));
            assert_eq!(head(8, settings).await, told, "{settings}");
        });
    }
}

#[test]
fn an_end_sends_the_head_out_whatever_is_waited_for() {
    simulate(async {
        let told = (2.0, Some("1000".to_owned()));
        assert_eq!(head(2, "[stream]\nbuffer = \"1m\"").await, told);
    });
}

#[test]
fn a_head_that_is_out_before_any_content_waits_for_nothing_more() {
    simulate(async {
        let settings = "hold = \"500ms\"\n[stream]\nbuffer = \"1m\"";
        let bench = Bench::new(a_word_a_second(2), settings).await;
        let reply = bench.stream().await;
        assert_eq!((reply.at, &reply.time_to_first_token), (secs(0.5), &None));
        assert_eq!(reply.next().await, (secs(1.0), item(&chat::text("a"))));
    });
}

#[test]
fn held_content_stops_first_event_and_not_idle() {
    simulate(async {
        let script = Script::sse().head().event(chat::text("a")).stall();
        let settings = "first_event = \"2s\"\nidle = \"9s\"\n[stream]\nbuffer = \"1m\"";
        let bench = Bench::new(script, settings).await;
        let reply = bench.stream().await;
        assert_eq!((reply.at, reply.status.as_u16()), (secs(9.0), 504));
        assert_eq!(reply.refusal().await, "upstream_idle");
        assert_eq!(bench.let_go().await, secs(9.0));
    });
}
