//! The fixtures, broken in every way that chance finds: what must hold of a translation holds of them too.

use proptest::{collection::vec, prelude::*, sample::select};

use crate::fixtures;

#[path = "../../fuzz/checks/translation.rs"]
mod checks;

/// What is put into a fixture where it is broken.
const SHARDS: &[&str] = &[
    "",
    "null",
    "true",
    "-1",
    "1e400",
    "\"\"",
    "{}",
    "[]",
    "\"type\":",
    "\\u0000",
    "\\ud800",
    "\u{2028}",
    "\n\n",
    "data: ",
    "event: error\n",
    "9",
    ",",
    ":",
    "{",
    "]",
];

fn broken(texts: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let break_one = (0.0..1.0_f64, 0_usize..12, select(SHARDS));
    (select(texts), vec(break_one, 0..4)).prop_map(|(text, breaks)| {
        let mut bytes = text.into_bytes();
        for (place, length, shard) in breaks {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a place within a short text"
            )]
            let at = (place * bytes.len() as f64) as usize;
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, shard.bytes());
        }
        bytes
    })
}

fn texts(folder: &str, ending: &str) -> Vec<String> {
    let found = fixtures(folder, ending).into_iter();
    found.map(|(_, text)| text).collect()
}

fn streams() -> Vec<String> {
    let mut all = texts("events/openai", ".sse");
    all.extend(texts("events/anthropic", ".sse"));
    all
}

#[test]
fn every_stream_cut_anywhere_is_told_in_the_order_of_its_dialect_and_has_no_end_that_nobody_said() {
    for stream in streams() {
        checks::check_stream(stream.as_bytes(), 1);
    }
}

proptest! {
    #[test]
    fn a_broken_request_is_refused_or_told_as_json(body in broken(texts("requests", ".json"))) {
        checks::check_request(&body);
    }

    #[test]
    fn a_broken_stream_is_told_in_the_order_of_its_dialect_and_has_no_end_that_nobody_said(
        stream in broken(streams()),
        chunk in 1..64_usize,
    ) {
        checks::check_stream(&stream, chunk);
    }
}
