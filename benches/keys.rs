//! What it takes to let a caller in, with ten keys in the settings and with 100,000.
//!
//! ```text
//! cargo bench --bench keys
//! ```
//!
//! `known` sends other keys of the settings in turn, spread over all of them, so that a large table is
//! not found in a cache that only a benchmark has warm; `unknown` sends keys that nobody has. Most of
//! either is the SHA-256 of what was sent. What 100,000 keys take more than ten is what memory takes
//! that is in no cache, and no more steps.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::atomic::{AtomicUsize, Ordering},
    time::SystemTime,
};

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use divan::{Bencher, black_box};
use herald::{
    auth::authenticate,
    settings::{Auth, Settings},
};
use sha2::{Digest, Sha256};

const KEYS: [usize; 2] = [10, 100_000];

/// How many keys are sent in turn; among fewer keys each comes again.
const SENT: usize = 4096;

fn main() {
    divan::main();
}

#[divan::bench(args = KEYS)]
fn known(bencher: Bencher<'_, '_>, keys: usize) {
    let step = (keys / SENT).max(1);
    let sent = (0..SENT).map(|nth| text((nth * step) % keys));
    run(bencher, keys, sent, true);
}

#[divan::bench(args = KEYS)]
fn unknown(bencher: Bencher<'_, '_>, keys: usize) {
    run(bencher, keys, (keys..keys + SENT).map(text), false);
}

fn run(bencher: Bencher<'_, '_>, keys: usize, sent: impl Iterator<Item = String>, opens: bool) {
    let auth = auth(keys);
    let sent: Vec<HeaderMap> = sent.map(|key| headers(&key)).collect();
    let now = SystemTime::now();
    assert!(
        sent.iter()
            .all(|headers| authenticate(&auth, headers, now).is_ok() == opens)
    );
    let turn = AtomicUsize::new(0);
    bencher.bench(|| {
        let headers = &sent[turn.fetch_add(1, Ordering::Relaxed) % SENT];
        authenticate(black_box(&auth), black_box(headers), now).is_ok()
    });
}

/// The key of this number, as long as those that `herald key new` makes.
fn text(number: usize) -> String {
    format!("hk_{number:043}")
}

fn headers(key: &str) -> HeaderMap {
    let value = HeaderValue::try_from(format!("Bearer {key}"));
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, value.expect("a key is visible ASCII"));
    headers
}

/// Settings with that many keys, verified as Herald verifies them.
fn auth(keys: usize) -> Auth {
    let mut written = String::new();
    for number in 0..keys {
        let hash = hex::encode(Sha256::digest(text(number)));
        // Writing to a string cannot fail.
        let _ = write!(
            written,
            "[[keys]]\nid = \"key-{number}\"\nsha256 = \"{hash}\"\n"
        );
    }
    let settings = Settings::from_toml(&written).expect("the keys are well written");
    let settings = settings.verify(&HashMap::new());
    settings.expect("no two keys are alike").auth
}
