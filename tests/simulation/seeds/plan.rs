//! What a seed draws: settings, a provider, a client.
//!
//! The provider acts at whole seconds; every clock runs out half a second past one, and heartbeats
//! come a few milliseconds beside. So no two things fall on the same instant whose order would be a
//! matter of scheduling.

use std::{fmt, time::Duration};

use herald::{
    settings::VerifiedSettings,
    testkit::{Framing, Script},
};

use super::said::{Said, draw_said};
use crate::{bench::secs, random::Random};

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) hold: Duration,
    pub(super) total: Duration,
    pub(super) heartbeat: Option<Duration>,
    pub(super) held_events: usize,
    pub(super) held_bytes: usize,
    pub(super) drain_after_end: Duration,
    queue_events: usize,
    pub(super) framing: Framing,
    cut_bytes: Option<usize>,
    /// When the provider's head goes out; `None`: it never does, and the provider ends instead.
    pub(super) head: Option<Duration>,
    pub(super) said: Vec<Said>,
    pub(super) chunks: Vec<Chunk>,
    pub(super) ending: Ending,
    /// How long after the last chunk.
    pub(super) ending_after: Duration,
    pub(super) client: Client,
}

/// Some bytes of the body in one write.
pub(super) struct Chunk {
    /// How long after what was before.
    pub(super) after: Duration,
    bytes: Vec<u8>,
    /// Which of the said are whole with it.
    pub(super) completes: std::ops::Range<usize>,
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.bytes);
        write!(
            f,
            "after {:?} {text:?} completes {:?}",
            self.after, self.completes
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Finish,
    Close,
    Stall,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Client {
    /// Reads on to the end.
    Stays,
    LeavesAt(Duration),
    LeavesAfter(usize),
    /// Takes so long before each item.
    Slow(Duration),
    /// Takes so many items, then nothing for longer than anyone waits, then the rest.
    Stalls(usize),
}

pub(super) const HEAD: Duration = Duration::from_millis(40_500);
pub(super) const FIRST_EVENT: Duration = Duration::from_millis(60_500);
pub(super) const IDLE: Duration = Duration::from_millis(20_500);
pub(super) const CLIENT_WRITE: Duration = Duration::from_millis(30_500);

impl Plan {
    pub(super) fn draw(random: &mut Random) -> Self {
        let hold = secs(random.one_of(&[0.0, 0.5, 0.5, 2.5, 30.5]));
        let said = draw_said(random);
        let chunks = draw_chunks(random, &said);
        let mut framing = random.one_of(&[
            Framing::Chunked,
            Framing::Chunked,
            Framing::CloseDelimited,
            Framing::Http10,
            Framing::ContentLength,
            Framing::Declared(u64::MAX / 2),
        ]);
        let mut ending =
            random.one_of(&[Ending::Finish, Ending::Finish, Ending::Close, Ending::Stall]);
        let mut ending_after = pause(random);
        if chunks.is_empty() {
            // An end in the same instant as the head, or before the hold of no length is over, would
            // leave it to chance which is seen first.
            ending_after += secs(1.0);
            framing = Framing::Chunked;
        }
        if framing == Framing::ContentLength {
            // It is over with its last byte.
            (ending, ending_after) = (Ending::Finish, Duration::ZERO);
        }
        let head = pause(random) * if random.percent(10) { 3 } else { 1 };
        Self {
            hold,
            total: secs(random.one_of(&[600.5, 600.5, 30.5])),
            heartbeat: random.one_of(&[None, Some(secs(15.007)), Some(secs(1.003))]),
            held_events: random.one_of(&[1, 3, 64]),
            held_bytes: random.one_of(&[1024, 256 * 1024]),
            drain_after_end: secs(random.one_of(&[0.0, 1.5])),
            queue_events: random.one_of(&[1, 2, 32]),
            framing,
            cut_bytes: random.one_of(&[None, None, Some(1), Some(7), Some(100)]),
            head: (!random.percent(4)).then_some(head),
            said,
            chunks,
            ending,
            ending_after,
            client: draw_client(random),
        }
    }

    pub(super) fn settings(&self, base: &VerifiedSettings) -> VerifiedSettings {
        let mut settings = base.clone();
        settings.clocks.hold = self.hold;
        settings.clocks.total = self.total;
        settings.clocks.head = HEAD;
        settings.clocks.first_event = FIRST_EVENT;
        settings.clocks.idle = IDLE;
        settings.clocks.client_write = CLIENT_WRITE;
        settings.heartbeat = self.heartbeat;
        settings.upstream.drain_after_end = self.drain_after_end;
        settings.stream.queue_events = self.queue_events;
        settings.stream.held_events = self.held_events;
        settings.stream.held_bytes = self.held_bytes;
        settings
    }

    pub(super) fn script(&self) -> Script {
        let mut script = Script::sse().framing(self.framing);
        if let Some(length) = self.cut_bytes {
            script = script.cut_bytes(length);
        }
        let Some(head) = self.head else {
            return self.end(script.pause(self.ending_after));
        };
        script = script.pause(head).head();
        for chunk in &self.chunks {
            script = script.pause(chunk.after).body(&chunk.bytes);
        }
        self.end(script.pause(self.ending_after))
    }

    fn end(&self, script: Script) -> Script {
        match self.ending {
            Ending::Finish if self.head.is_some() => script.finish(),
            Ending::Finish | Ending::Close => script.close(),
            Ending::Stall => script.stall(),
        }
    }

    /// Whether the provider's end, where it makes one, is that of a whole body.
    pub(super) fn ends_whole(&self) -> bool {
        match self.framing {
            Framing::Chunked => self.ending == Ending::Finish,
            Framing::CloseDelimited | Framing::Http10 | Framing::ContentLength => true,
            Framing::Declared(_) => false,
        }
    }
}

fn draw_client(random: &mut Random) -> Client {
    match random.below(20) {
        0..8 => Client::Stays,
        8..13 => Client::LeavesAt(
            Duration::from_secs(random.below(100) as u64) + Duration::from_millis(250),
        ),
        13..15 => Client::LeavesAfter(random.below(12)),
        15..18 => Client::Slow(secs(random.one_of(&[1.0, 11.0, 29.0]))),
        _ => Client::Stalls(random.below(12)),
    }
}

/// A pause of whole seconds, mostly none.
fn pause(random: &mut Random) -> Duration {
    secs(random.one_of(&[
        0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 5.0, 11.0, 19.0, 20.0, 20.0, 21.0,
    ]))
}

/// Cuts what is said into writes, at its ends and anywhere.
fn draw_chunks(random: &mut Random, said: &[Said]) -> Vec<Chunk> {
    let (mut bytes, mut wholes, mut cuts) = (Vec::new(), Vec::new(), Vec::new());
    for said in said {
        wholes.push(bytes.len() + said.whole);
        bytes.extend_from_slice(said.raw.as_bytes());
        if random.percent(60) {
            cuts.push(bytes.len());
        }
    }
    if random.percent(15) && !bytes.is_empty() {
        bytes.truncate(bytes.len() - random.below(30).min(bytes.len()));
    }
    if !bytes.is_empty() {
        cuts.extend((0..random.below(5)).map(|_| random.below(bytes.len())));
    }
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let mut chunks = Vec::new();
    let mut from = 0;
    for to in cuts {
        if to <= from || to > bytes.len() {
            continue;
        }
        let whole_by = |end: usize| wholes.partition_point(|whole| *whole <= end);
        chunks.push(Chunk {
            after: pause(random),
            bytes: bytes[from..to].to_vec(),
            completes: whole_by(from)..whole_by(to),
        });
        from = to;
    }
    chunks
}
