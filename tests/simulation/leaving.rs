//! A client who leaves is noticed at the very instant.

use herald::testkit::{Script, chat};

use crate::bench::{Bench, secs, simulate};

#[test]
fn a_client_who_leaves_frees_the_provider_at_the_same_instant_in_every_phase() {
    let before_the_head = Script::sse().stall();
    let held = Script::sse().event(chat::role()).stall();
    let streaming = Script::sse().event(chat::text("a")).stall();
    for script in [before_the_head, held, streaming] {
        simulate(async {
            let bench = Bench::new(script, "hold = \"60s\"").await;
            let stay = async {
                let reply = bench.stream().await;
                reply.rest().await
            };
            let stayed = tokio::time::timeout(secs(7.0), stay).await;
            assert!(stayed.is_err(), "there was an end: {stayed:?}");
            assert_eq!(bench.let_go().await, secs(7.0));
        });
    }
    simulate(async {
        let script = Script::json(200, "{").pause(secs(60.0)).body("}");
        let bench = Bench::new(script, "").await;
        let stayed = tokio::time::timeout(secs(7.0), bench.document()).await;
        assert!(stayed.is_err(), "there was an end: {stayed:?}");
        assert_eq!(bench.let_go().await, secs(7.0));
    });
}
