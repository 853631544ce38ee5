//! `attempts.hedge`: the instant of the second attempt, and when there is none.

use std::{collections::HashMap, sync::Arc};

use herald::{
    settings::Settings,
    testkit::{Script, ScriptedProvider, chat},
    upstream::http_client::Transport,
};

use crate::bench::{Bench, secs, simulate};

const HEDGE: &str = "hedge = \"p90\"\nhedge_min = \"1s\"\nhedge_budget = 1.0\n";

/// The first content after so many seconds.
fn after(seconds: f64, stream: bool) -> Script {
    match stream {
        true => Script::sse()
            .head()
            .pause(secs(seconds))
            .event(chat::text("a"))
            .event(chat::finish("stop"))
            .done()
            .finish(),
        false => Script::new()
            .header("content-type", "application/json")
            .pause(secs(seconds))
            .body(chat::completion("a")),
    }
}

/// A bench whose model falls back to a second provider.
async fn bench(attempts: &str) -> (Bench, Arc<ScriptedProvider>) {
    let provider = |id| {
        format!(
            "[[providers]]\nid = \"{id}\"\nkind = \"openai\"\nbase_url = \"http://in.memory/v1\"\n"
        )
    };
    let toml = format!(
        "[clocks]\nhold = \"300s\"\n[attempts]\n{attempts}\n{}{}\
         [[models]]\nid = \"scripted-model\"\ntargets = [\n\
           {{ provider = \"scripted\", model = \"x\" }},\n\
           {{ provider = \"other\", model = \"y\", group = 1 }},\n]\n",
        provider("scripted"),
        provider("other"),
    );
    let settings = Settings::from_toml(&toml).unwrap();
    let settings = settings.verify(&HashMap::new()).unwrap();
    let other = Arc::new(ScriptedProvider::in_memory([]));
    let transport = Transport::Memory(other.clone());
    let settings = settings.with_transport("other", transport);
    (Bench::with(after(2.0, true), settings).await, other)
}

/// Asks so often that the target is known, by default: two seconds each, but a tenth take four.
async fn warm_up(bench: &Bench, times: usize, stream: bool) {
    for turn in 0..times {
        let seconds = if turn % 10 == 9 { 4.0 } else { 2.0 };
        if turn > 0 || !stream {
            bench.provider.push(after(seconds, stream));
        }
        bench.ask(stream, &[]).await.rest().await;
    }
}

/// How long after the request the second attempt began; `None`: there was none.
async fn hedged_after(bench: &Bench, other: &ScriptedProvider, script: Script) -> Option<f64> {
    let began = bench.now();
    let seen = other.requests().len();
    bench.provider.push(script);
    other.push(after(1.0, true));
    let reply = bench.stream().await;
    let took = (bench.now() - began).as_secs_f64();
    reply.rest().await;
    (other.requests().len() > seen).then_some(took - 1.0)
}

#[test]
fn the_second_attempt_begins_at_the_percentile_of_the_targets_own_times() {
    simulate(async {
        let (bench, other) = bench(HEDGE).await;
        warm_up(&bench, 20, true).await;
        assert_eq!(
            hedged_after(&bench, &other, after(100.0, true)).await,
            Some(2.0)
        );
        // What was given up counts as slow as it was: of 21 times now three are above two seconds.
        assert_eq!(
            hedged_after(&bench, &other, after(100.0, true)).await,
            Some(3.0)
        );
    });
}

#[test]
fn it_begins_no_earlier_than_the_least_and_not_at_all_where_content_came() {
    simulate(async {
        let settings = HEDGE.replace("1s", "7s");
        let (bench, other) = bench(&settings).await;
        warm_up(&bench, 20, true).await;
        assert_eq!(
            hedged_after(&bench, &other, after(100.0, true)).await,
            Some(7.0)
        );
        assert_eq!(hedged_after(&bench, &other, after(6.9, true)).await, None);
    });
}

#[test]
fn held_content_is_no_silence() {
    simulate(async {
        let settings = format!("{HEDGE}[stream]\nbuffer = \"1m\"\n");
        let (bench, other) = bench(&settings).await;
        warm_up(&bench, 20, true).await;
        let script = Script::sse()
            .event(chat::text("a"))
            .pause(secs(30.0))
            .event(chat::finish("stop"))
            .done()
            .finish();
        assert_eq!(hedged_after(&bench, &other, script).await, None);
    });
}

#[test]
fn there_is_none_by_default_however_slow_the_provider_nor_while_too_little_is_known() {
    for (settings, times) in [("", 30), (HEDGE, 19), (&HEDGE.replace("1.0", "0.0"), 30)] {
        simulate(async {
            let (bench, other) = bench(settings).await;
            warm_up(&bench, times, true).await;
            assert_eq!(hedged_after(&bench, &other, after(290.0, true)).await, None);
            assert_eq!(other.requests().len(), 0);
        });
    }
}

#[test]
fn the_budget_is_a_share_of_the_requests_of_the_last_ten_seconds() {
    simulate(async {
        let (bench, other) = bench(&HEDGE.replace("1.0", "0.05")).await;
        warm_up(&bench, 20, true).await;
        // One is allowed in ten seconds whatever the traffic, and no second one.
        assert!(
            hedged_after(&bench, &other, after(8.0, true))
                .await
                .is_some()
        );
        assert_eq!(hedged_after(&bench, &other, after(8.0, true)).await, None);
        tokio::time::sleep(secs(10.0)).await;
        assert!(
            hedged_after(&bench, &other, after(8.0, true))
                .await
                .is_some()
        );
    });
}

#[test]
fn documents_have_times_of_their_own_and_wait_for_their_head_alone() {
    simulate(async {
        let (bench, other) = bench(HEDGE).await;
        warm_up(&bench, 20, true).await;
        bench.provider.push(after(60.0, false));
        let began = bench.now();
        bench.document().await.rest().await;
        assert_eq!(bench.now() - began, secs(60.0));
        assert_eq!(other.requests().len(), 0);
    });
    simulate(async {
        let (bench, other) = bench(HEDGE).await;
        // The script that the bench begins with is a stream, which is no document.
        bench.document().await.rest().await;
        warm_up(&bench, 20, false).await;
        let seen = other.requests().len();
        let document = chat::completion("a");
        let (start, rest) = document.split_at(9);
        let script = Script::json(200, start).pause(secs(60.0)).body(rest);
        bench.provider.push(script);
        let began = bench.now();
        bench.document().await.rest().await;
        assert_eq!(bench.now() - began, secs(60.0));
        assert_eq!(other.requests().len(), seen, "its head came at once");
        bench.provider.push(after(60.0, false));
        other.push(after(1.0, false));
        let began = bench.now();
        bench.document().await.rest().await;
        assert_eq!(bench.now() - began, secs(3.0), "two and one");
    });
}
