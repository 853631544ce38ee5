//! What each stream shall come to, from a seed: both sides know it by the stream's number alone.

/// A stream's whole course, as its provider and its client play it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Events with content.
    pub(crate) events: u64,
    /// Between two of them, in milliseconds.
    pub(crate) pause_ms: u64,
    pub(crate) course: Course,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// Well.
    Whole,
    /// The client leaves so many milliseconds after the provider was asked, which has said nothing yet.
    LeavesWaiting(u64),
    /// The client leaves behind so many events.
    LeavesReading(u64),
    /// The provider answers with this status.
    Status(u16),
    /// The provider resets the connection instead of an answer.
    NoAnswer,
    /// The provider does so behind so many events.
    Reset(u64),
    /// It says nothing more behind them.
    Stall(u64),
    /// It ends the answer behind them, without an end marker and in the midst of a chunk.
    Truncation(u64),
    /// It tells of an error behind them.
    ErrorEvent(u64),
}

/// The three outcomes that these streams can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Completed,
    Failed,
    Cancelled,
}

/// Events that are still to come where a client leaves, so that nobody can have finished before it is
/// noticed.
const AHEAD: u64 = 4;

impl Plan {
    /// The plan of a stream: 30 of 100 clients leave, 10 of 100 providers fail.
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        let mut random = Random(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let events = random.between(8, 40);
        let pause_ms = random.between(50, 300);
        let after = random.between(1, events - AHEAD);
        let course = match random.between(0, 99) {
            0..60 => Course::Whole,
            60..70 => Course::LeavesWaiting(random.between(0, 500)),
            70..90 => Course::LeavesReading(after),
            _ => match random.between(0, 5) {
                0 => Course::Status([429, 500, 503][random.between(0, 2) as usize]),
                1 => Course::NoAnswer,
                2 => Course::Reset(after),
                3 => Course::Stall(after),
                4 => Course::Truncation(after),
                _ => Course::ErrorEvent(after),
            },
        };
        Self {
            events,
            pause_ms,
            course,
        }
    }

    /// What the gateway must say of it.
    pub(crate) fn outcome(&self) -> Outcome {
        match self.course {
            Course::Whole => Outcome::Completed,
            Course::LeavesWaiting(_) | Course::LeavesReading(_) => Outcome::Cancelled,
            _ => Outcome::Failed,
        }
    }
}

/// SplitMix64: a few even numbers from a seed, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of the range, both ends included.
    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }
}
