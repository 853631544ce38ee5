//! What clients of each dialect are told, for a stream of each provider.

use std::fmt::Write;

use bytes::Bytes;
use herald::{
    completion::EventKind,
    dialects::{Dialect, sourcegraph::Completions},
    upstream::sse_decoder::{SseDecoder, SseEvent},
};

use crate::{PROVIDERS, assert_picture, dialects, fixtures, passage};

/// The events of one stream as the client gets them, and how it ended.
fn told(dialect: &'static dyn Dialect, provider: &str, stream: &str) -> String {
    let body = Bytes::from_static(
        br#"{"model":"m","stream":true,"max_tokens":64,"max_output_tokens":64,"stream_options":{"include_usage":true},"messages":[{"role":"user","speaker":"human","content":"hi"}],"input":"hi"}"#,
    );
    let (request, passage) = match passage(dialect, body, provider) {
        Ok(found) => found,
        Err(error) => return format!("refused: {error}\n"),
    };
    let mut reader = passage.api.event_reader(&request);
    let Some(mut translation) = passage.translation else {
        return "passes as it is\n".to_owned();
    };
    let mut decoder = SseDecoder::new(1 << 20);
    decoder.push(Bytes::copy_from_slice(stream.as_bytes()));
    let mut picture = String::new();
    let mut show = |events: Vec<SseEvent>| {
        for event in events {
            if let Some(name) = event.event {
                writeln!(picture, "event: {name}").unwrap();
            }
            writeln!(picture, "data: {}\n", event.data).unwrap();
        }
    };
    while let Some(raw) = decoder.next_event().unwrap() {
        let event = match reader.read(raw) {
            Ok(event) => event,
            Err(error) => return format!("{picture}! {error}\n"),
        };
        match event.kind {
            EventKind::End => break,
            EventKind::Error(error) => {
                return format!("{picture}! an error, status {:?}\n", error.status);
            }
            _ => match translation.event(&event.raw) {
                Ok(events) => show(events),
                Err(error) => return format!("{picture}! {error}\n"),
            },
        }
    }
    if !reader.is_complete() {
        return format!("{picture}! cut short\n");
    }
    show(translation.end());
    if !translation.lost().is_empty() {
        writeln!(picture, "lost: {}", translation.lost()).unwrap();
    }
    picture
}

#[test]
fn each_stream_is_told_to_each_client_as_its_picture_shows() {
    for provider in PROVIDERS {
        let folder = format!("events/{provider}");
        for (name, stream) in fixtures(&folder, ".sse") {
            let mut picture = String::new();
            for (word, dialect) in dialects() {
                let told = told(dialect, provider, &stream);
                writeln!(picture, "== {word} ==\n{told}").unwrap();
            }
            assert_picture(&folder, &name, &picture);
        }
    }
}

#[test]
fn a_stream_in_each_version_of_sourcegraphs_api_is_as_its_picture_shows() {
    for version in 0..=8 {
        let dialect = Completions::chat(version).unwrap();
        let mut picture = String::new();
        for provider in PROVIDERS {
            for (name, stream) in fixtures(&format!("events/{provider}"), ".sse") {
                if ["logprobs", "text", "thinking", "tools"].contains(&name.as_str()) {
                    let told = told(dialect, provider, &stream);
                    writeln!(picture, "== {name} of {provider} ==\n{told}").unwrap();
                }
            }
        }
        assert_picture("sourcegraph", &format!("version_{version}"), &picture);
    }
}
