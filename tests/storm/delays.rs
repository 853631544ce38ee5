//! How long a reload takes, to be read by people: docs/performance.md has the numbers.

use std::{fs, time::Duration};

use futures_util::future::join_all;
use herald::testkit::{Gate, Script, ScriptedProvider, chat as scripted};
use tokio::time::Instant;

use crate::{
    client::{chat, stream_request},
    watched::{Watched, idle},
};

const ROUNDS: usize = 50;

#[actix_web::test]
#[ignore = "measures: cargo test --release --test storm -- --ignored --nocapture delays"]
async fn delays_of_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::new();
    let script = |_| Script::sse().event(scripted::text("a")).wait(&gate).done();
    let provider = ScriptedProvider::start((0..1000).map(script)).await;
    let herald = Watched::start(&provider, &folder).await;
    // Of a test's settings the debounce alone is not the default.
    let text = |round: usize| {
        let text = herald.text(&idle(100 + round as u64));
        text.replace("debounce = \"20ms\"", "debounce = \"200ms\"")
    };
    let gateway = herald.control.gateway();
    let client = awc::Client::default();
    let url = format!("http://{}/settings/reload", herald.gateway.admin_address());
    let mut round = 0;
    let mut streams = Vec::new();
    println!("median and worst of {ROUNDS}");
    for open in [0, 100, 1000] {
        let request = stream_request();
        let more = (streams.len()..open).map(|_| chat(herald.gateway.address(), &request));
        streams.extend(join_all(more).await);
        let (mut saved, mut posted, mut swapped) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            round += 1;
            let next = gateway.settings().generation + 1;
            fs::write(&herald.file, text(round)).unwrap();
            let began = Instant::now();
            herald.generation(next).await;
            saved.push(began.elapsed());

            round += 1;
            // The answer comes long before the file has rested.
            fs::write(&herald.file, text(round)).unwrap();
            let began = Instant::now();
            let answer = client.post(&url).send().await.unwrap();
            posted.push(began.elapsed());
            assert_eq!(answer.status(), 200);
            // The watcher's look, which finds nothing new.
            let taken = herald.control.status().counts.unchanged;
            herald
                .status(|status| status.counts.unchanged > taken)
                .await;

            let same = (*gateway.settings()).clone();
            let began = Instant::now();
            gateway.replace_settings(same);
            swapped.push(began.elapsed());
        }
        println!(
            "{open:>5} open streams: file saved → in force {}; POST → answer {}; the swap itself {}",
            told(saved),
            told(posted),
            told(swapped)
        );
    }
    gate.open();
}

fn told(mut took: Vec<Duration>) -> String {
    took.sort();
    let (median, worst) = (took[took.len() / 2], took[took.len() - 1]);
    format!("{median:.1?}, {worst:.1?}")
}
