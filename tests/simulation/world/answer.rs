//! What a provider does with one request, as a seed draws it.

mod steps;

use std::time::Duration;

use super::speech::Speech;
use crate::random::Random;

/// The plan.
#[derive(Clone, Debug)]
pub(super) struct AnswerPlan {
    /// Decides what is left to decide when the format is known.
    seed: u64,
    pub(super) speech: Speech,
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) fault: Option<Fault>,
    pub(super) framing: Framing,
    pub(super) pace: Pace,
    /// Closes the connection behind a whole answer.
    closes: bool,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not a byte comes, and the connection stays.
    Silent,
    /// The connection ends without a byte.
    Hangs,
    /// It ends after so many hundredths of the answer.
    CutAt(usize),
    /// It stays there, and nothing more comes.
    StallsAt(usize),
    /// An error of this type comes before the event at so many hundredths.
    ErrorAt(usize, &'static str),
    /// An event larger than any may be.
    Oversized,
    /// An event that is nothing.
    Garbage,
    /// A byte that is no UTF-8.
    BadUtf8,
    /// All is there but the end marker and what finishes.
    NoEnd,
    /// A chunk whose size is none.
    BadChunk,
    /// A control byte in a header.
    BadHead,
    /// More headers than anybody reads.
    ManyHeaders,
    /// A 200 that says `content-encoding: gzip`.
    Compressed,
    /// A 200 with a page.
    Page,
    /// A 200 with a document that tells of an error.
    ErrorDocument,
    /// Goes on talking behind the end marker.
    TalksOn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Chunked,
    Length,
    Close,
    Http10,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// In one write.
    AtOnce,
    /// Cut anywhere, with pauses of this sort between.
    Cut(usize, &'static [u64]),
    /// Byte by byte.
    Bytes,
}

/// One thing that is done.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Step {
    Pause(Duration),
    Write(Vec<u8>),
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Stays,
    Closes,
    Stalls,
}

/// Pauses in milliseconds.
const BRIEF: &[u64] = &[0, 0, 0, 1, 5, 20, 60, 240, 260];
const LONG: &[u64] = &[0, 0, 20, 300, 1_000, 2_900, 3_900, 4_100, 5_900, 7_000];

/// A header that the default rules let out, and one that the settings of odd generations do.
const ALLOWED: [&str; 5] = [
    "x-request-id",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "openai-processing-ms",
    "x-acme-cost",
];

/// Headers that no rule may let out.
const FORBIDDEN: [&str; 10] = [
    "set-cookie",
    "server",
    "x-upstream-secret",
    "x-herald-request-id",
    "openai-organization",
    "www-authenticate",
    "x-internal-host",
    "location",
    "access-control-allow-origin",
    "strict-transport-security",
];

impl AnswerPlan {
    /// For a client that is slow there is more to say.
    pub(super) fn draw(random: &mut Random, number: usize, is_slow: bool) -> Self {
        let fault = random
            .percent(if is_slow { 20 } else { 45 })
            .then(|| draw_fault(random));
        let status = match fault {
            None if random.percent(18) => random.one_of(&[
                429, 429, 500, 503, 529, 400, 401, 404, 422, 302, 418, 502, 504, 204, 201,
            ]),
            _ => 200,
        };
        let pace = match random.below(10) {
            0..3 => Pace::AtOnce,
            3..7 => Pace::Cut(1 + random.below(6), BRIEF),
            7..9 => Pace::Cut(1 + random.below(4), LONG),
            _ => Pace::Bytes,
        };
        Self {
            seed: random.next(),
            speech: Speech::draw(random, number, is_slow),
            status,
            headers: draw_headers(random, number),
            fault,
            framing: random.one_of(&[
                Framing::Chunked,
                Framing::Chunked,
                Framing::Chunked,
                Framing::Length,
                Framing::Close,
                Framing::Http10,
            ]),
            pace,
            closes: random.percent(20),
        }
    }

    /// A good answer without any delay.
    pub(super) fn good(number: usize) -> Self {
        Self {
            seed: 0,
            speech: Speech {
                pieces: vec![format!("said-{number}.0")],
                finish: super::heard::Finish::Stop,
                usage: Some((1, 1)),
            },
            status: 200,
            headers: Vec::new(),
            fault: None,
            framing: Framing::Chunked,
            pace: Pace::AtOnce,
            closes: false,
        }
    }
}

fn draw_fault(random: &mut Random) -> Fault {
    let share = random.below(101);
    match random.below(20) {
        0 => Fault::Silent,
        1 => Fault::Hangs,
        2..5 => Fault::CutAt(share),
        5..8 => Fault::StallsAt(share),
        8..11 => {
            let kinds = ["rate_limit_error", "overloaded_error", "mystery"];
            Fault::ErrorAt(share, random.one_of(&kinds))
        }
        11 => Fault::Oversized,
        12 => Fault::Garbage,
        13 => Fault::BadUtf8,
        14 => Fault::NoEnd,
        15 => Fault::BadChunk,
        16 => random.one_of(&[Fault::BadHead, Fault::ManyHeaders]),
        17 => Fault::Compressed,
        18 => random.one_of(&[Fault::Page, Fault::ErrorDocument]),
        _ => Fault::TalksOn,
    }
}

/// Headers whose values say what is to become of them: `ok` goes out, `leak` does not.
fn draw_headers(random: &mut Random, number: usize) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    for _ in 0..random.below(5) {
        let name = random.one_of(&ALLOWED);
        headers.push((name, format!("ok-{number}-{}", headers.len())));
    }
    for _ in 0..random.below(4) {
        let name = random.one_of(&FORBIDDEN);
        headers.push((name, format!("leak-{number}-{}", headers.len())));
    }
    if random.percent(10) {
        headers.push(("x-ratelimit-limit-requests", "leak-\u{e9}".to_owned()));
    }
    if random.percent(10) {
        headers.push(("retry-after", random.one_of(&["7", "leak soon"]).to_owned()));
    }
    headers
}
