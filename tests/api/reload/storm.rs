//! Many reloads, many streams.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use herald::testkit::{Gate, Script, chat as scripted};

use super::*;
use crate::support::{End, LogLines, Reply, chat, stream_request};

const STREAMS: usize = 100;
const RELOADS: u64 = 200;

/// A stream that waits, in its middle and before its end, until the test lets it go on.
fn script(number: usize, halfway: &Gate, end: &Gate) -> Script {
    Script::sse()
        .event(scripted::text(&format!("{number}-a")))
        .wait(halfway)
        .event(scripted::text(&format!("{number}-b")))
        .wait(end)
        .event(scripted::text(&format!("{number}-c")))
        .event(scripted::finish("stop"))
        .done()
        .finish()
}

/// What one reload finds.
enum Found {
    /// Good settings, other than those in force.
    Good,
    /// Nothing that can be taken.
    Bad,
}

/// Puts something else in the file's place, each time by another way.
fn disturb(herald: &Watched, round: u64) -> Found {
    let good = herald.text(&idle(100 + round));
    match round % 8 {
        0 => herald.replace("[clocks]\nidle = \"never\""),
        1 => fs::write(&herald.file, &good).unwrap(),
        2 => fs::write(&herald.file, &good[..good.len() / 2]).unwrap(),
        3 => herald.replace(&good),
        4 => fs::write(&herald.file, "").unwrap(),
        5 => {
            // A link to a file of another name, swapped in.
            let target = herald.path(&format!("version-{round}.toml"));
            fs::write(&target, &good).unwrap();
            symlink(&target, herald.path("link")).unwrap();
            fs::rename(herald.path("link"), &herald.file).unwrap();
        }
        6 => fs::remove_file(&herald.file).unwrap(),
        _ => fs::write(&herald.file, &good).unwrap(),
    }
    if round % 2 == 1 {
        Found::Good
    } else {
        Found::Bad
    }
}

/// Has the settings loaded, whatever the watcher is doing meanwhile.
async fn reload(herald: &Watched, round: u64) {
    let before = herald.control.gateway().settings().generation;
    let found = disturb(herald, round);
    let reload = ReloadSettings {
        trigger: Trigger::Sighup,
        if_match: None,
        allow_partial: true,
    };
    let reply = herald.control.send(reload).await;
    match found {
        Found::Good => {
            reply.unwrap();
            // The watcher may have been quicker, but took it once.
            assert_eq!(herald.control.gateway().settings().generation, before + 1);
            assert_eq!(herald.idle().as_secs(), 100 + round);
        }
        Found::Bad => {
            reply.unwrap_err();
            assert_eq!(herald.control.gateway().settings().generation, before);
        }
    }
}

/// The request id and the generation that a head says.
fn head(reply: &Reply) -> (String, u64) {
    let value = |name: &str| reply.header(name).unwrap().to_owned();
    let generation = value("x-herald-settings-generation").parse().unwrap();
    (value("x-herald-request-id"), generation)
}

#[actix_web::test]
async fn two_hundred_reloads_under_a_hundred_streams_break_none_and_mix_none() {
    let log = LogLines::collect();
    let (halfway, end) = (Gate::new(), Gate::new());
    let scripts = (0..STREAMS).map(|number| script(number, &halfway, &end));
    let provider = ScriptedProvider::start(scripts)
        .await
        .with_patience(PATIENCE * 10);
    let folder = tempfile::tempdir().unwrap();
    let herald = Watched::start(&provider, &folder).await;

    let mut streams = Vec::new();
    let mut expected = BTreeMap::new();
    let mut resident = 0;
    for round in 0..RELOADS {
        if round % 2 == 0 {
            let generation = herald.control.gateway().settings().generation;
            let mut stream = chat(herald.gateway.address(), &stream_request()).await;
            assert_eq!(stream.status, 200);
            assert_eq!(head(&stream).1, generation);
            let first = stream.chunk().await.unwrap();
            streams.push((first, stream));
            *expected.entry(generation).or_insert(0) += 1;
        }
        reload(&herald, round).await;
        if round == RELOADS / 2 {
            halfway.open();
            resident = resident_kib();
        }
    }
    assert_eq!(herald.control.gateway().streams_by_generation(), expected);
    assert_eq!(
        herald.control.gateway().settings().generation,
        RELOADS / 2 + 1
    );
    // What is kept of old settings is bounded: the streams of the second half cost more than the
    // settings do.
    let grown = resident_kib().saturating_sub(resident);
    assert!(grown < 24 * 1024, "{grown} KiB more after the second half");

    end.open();
    let ended = join_all(streams.iter_mut().map(|(first, stream)| async move {
        let (rest, end) = stream.rest().await;
        (format!("{first}{}", rest.concat()), end)
    }));
    for (text, end) in ended.await {
        assert_eq!(end, End::Whole, "{text}");
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        let number = text.split("\"content\":\"").nth(1).unwrap();
        let number = number.split('-').next().unwrap();
        for part in ["a", "b", "c"] {
            assert!(text.contains(&format!("\"{number}-{part}\"")), "{text}");
        }
        assert_eq!(text.matches("\"content\"").count(), 3, "{text}");
    }
    for (_, stream) in &streams {
        let (request_id, generation) = head(stream);
        let line = log.of(&request_id).await;
        assert_eq!(line["settings_generation"], generation.to_string());
        assert_eq!(line["outcome"], "completed");
    }
    assert!(herald.control.gateway().streams_by_generation().is_empty());
}
