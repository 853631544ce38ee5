//! Many reloads under many streams: none is broken, none runs under mixed settings, and nothing of what
//! was replaced stays behind.
//!
//! A suite of its own, because it counts what its whole process has allocated, opened and started.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "../api/support/client.rs"]
#[expect(dead_code, reason = "the suite api reads more of the answers")]
mod client;
mod delays;
mod disturbance;
#[path = "../api/support/log_lines.rs"]
mod log_lines;
mod remains;
#[path = "../api/reload/watched.rs"]
#[expect(dead_code, reason = "the suite api waits for more")]
mod watched;

use std::{
    alloc::System,
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use futures_util::future::join_all;
use herald::{
    settings::VerifiedSettings,
    testkit::{Gate, Script, ScriptedProvider, chat as scripted},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use client::{Client, End, Reply, chat, stream_request};
use disturbance::{drops_logprobs, provider_of, reload};
use log_lines::LogLines;
use remains::Remains;
use watched::{PATIENCE, Watched};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const STORMS: u64 = 3;
const RELOADS: u64 = 200;
const STREAMS: usize = 100;

/// Most bytes that a later storm may leave more than the first. That is 160 a reload, and settings take
/// many thousands; what maps and queues keep in reserve varies by a few thousand in all.
const SLACK: usize = 32 * 1024;

#[actix_web::test]
async fn two_hundred_reloads_under_a_hundred_streams_break_none_mix_none_and_leave_nothing() {
    let log = LogLines::collect();
    let folder = tempfile::tempdir().unwrap();
    let nobody = ScriptedProvider::start([]).await;
    let mut herald = Watched::start(&nobody, &folder).await;
    wake(&herald).await;
    let before = Remains::now();
    let mut first = None;
    for number in 0..STORMS {
        let generations = storm(&mut herald, number * RELOADS, &log).await;
        log.forget();
        // Whatever held a generation lets go of it, and of the connections that were opened under it.
        let alive = || generations.iter().filter(|kept| kept.strong_count() > 0);
        remains::wait("dead generations", || alive().count() <= 1).await;
        remains::wait("open files", || remains::files() <= before.files).await;
        let now = Remains::now();
        let first = *first.get_or_insert(now);
        // A connection's buffers go a moment after its socket, and a thread that idles after those.
        let is_flat = |bytes| bytes <= first.bytes + SLACK;
        remains::wait("bytes", || is_flat(Remains::now().bytes)).await;
        assert!(now.threads <= first.threads + 1, "{first:#?} {now:#?}");
    }
}

/// Has each worker answer once, so that what each begins with is there.
async fn wake(herald: &Watched) {
    let public = herald.gateway.address();
    for address in [public, public, herald.gateway.admin_address()] {
        let mut client = Client::connect(address).await;
        let ask = "GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        client.send(ask).await;
        assert_eq!(client.reply().await.status, 200);
    }
}

/// Reloads under streams, each of which begins under another generation. Returns all generations that
/// there were; the last one is in force.
async fn storm(herald: &mut Watched, begin: u64, log: &LogLines) -> Vec<Weak<VerifiedSettings>> {
    let (halfway, end) = (Gate::new(), Gate::new());
    let scripts = (0..STREAMS).map(|number| script(number, &halfway, &end));
    let provider = ScriptedProvider::start(scripts)
        .await
        .with_patience(PATIENCE * 10);
    herald.provider = provider.base_url();
    let mut generations = Vec::new();
    let mut streams = Vec::new();
    let mut expected = BTreeMap::new();
    // The first takes up the provider.
    let mut round = begin + 1;
    reload(herald, round).await;
    for step in 0..RELOADS {
        let settings = herald.control.gateway().settings();
        generations.push(Arc::downgrade(&settings));
        if step % 2 == 0 {
            let mut stream = chat(herald.gateway.address(), &stream_request()).await;
            assert_eq!(stream.status, 200);
            let begun = Begun {
                generation: settings.generation,
                round,
            };
            let first = stream.chunk().await.unwrap();
            streams.push((begun, first, stream));
            *expected.entry(settings.generation).or_insert(0) += 1;
        }
        if reload(herald, begin + 2 + step).await {
            round = begin + 2 + step;
        }
        if step == RELOADS / 2 {
            halfway.open();
        }
    }
    assert_eq!(expected.len(), STREAMS, "each under another generation");
    assert_eq!(herald.control.gateway().streams_by_generation(), expected);

    end.open();
    join_all(streams.into_iter().map(|(begun, first, mut stream)| {
        let log = &log;
        async move {
            let (rest, end) = stream.rest().await;
            let text = format!("{first}{}", rest.concat());
            assert_eq!(end, End::Whole, "{text}");
            begun.is_told_by(&stream, &text, log).await;
        }
    }))
    .await;
    assert!(herald.control.gateway().streams_by_generation().is_empty());
    // Nobody's connections to the provider belong to the settings that stay.
    reload(herald, begin + RELOADS + 3).await;
    generations.push(Arc::downgrade(&herald.control.gateway().settings()));
    generations
}

/// A stream that waits, in its middle and before its end, until the test lets it go on.
fn script(number: usize, halfway: &Gate, end: &Gate) -> Script {
    let event = |part: &str| {
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"content":"{number}-{part}"}},"logprobs":{{"content":[]}}}}]}}"#
        )
    };
    Script::sse()
        .event(event("a"))
        .wait(halfway)
        .event(event("b"))
        .wait(end)
        .event(event("c"))
        .event(scripted::finish("stop"))
        .done()
        .finish()
}

/// The settings that a stream began under.
struct Begun {
    generation: u64,
    /// The round that wrote them.
    round: u64,
}

impl Begun {
    /// Holds the head, every event and the log's line to these settings and to no others.
    async fn is_told_by(&self, stream: &Reply, text: &str, log: &LogLines) {
        let generation = self.generation.to_string();
        let provider = provider_of(self.round);
        let told = |name: &str| stream.header(name).unwrap().to_owned();
        assert_eq!(told("x-herald-settings-generation"), generation);
        assert_eq!(told("x-upstream-provider"), provider);

        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        let number = text.split("\"content\":\"").nth(1).unwrap();
        let number = number.split('-').next().unwrap();
        for part in ["a", "b", "c"] {
            assert!(text.contains(&format!("\"{number}-{part}\"")), "{text}");
        }
        let logprobs = if drops_logprobs(self.round) { 0 } else { 3 };
        assert_eq!(text.matches("logprobs").count(), logprobs, "{text}");

        let line = log.of(&told("x-herald-request-id")).await;
        assert_eq!(line["settings_generation"], generation);
        assert_eq!(line["provider"], provider);
        assert_eq!(line["outcome"], "completed");
    }
}
