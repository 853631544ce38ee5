//! A client: what a seed has it do with its one connection.

use std::time::Duration;

use super::ask::Ask;
use crate::random::Random;

/// What a client does with its one connection.
#[derive(Clone, Debug)]
pub(super) struct ClientPlan {
    /// Which one it is; its key is named so.
    pub(super) number: usize,
    pub(super) arrives: Duration,
    /// Room in its pipe, in bytes.
    pub(super) room: usize,
    /// Requests, one after the other.
    pub(super) asks: Vec<Ask>,
    pub(super) reads: Reads,
    pub(super) leaves: Leaves,
    pub(super) how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    Eagerly,
    /// So many bytes, then a pause.
    Slowly(usize, Duration),
    /// Takes so many bytes, then nothing for so long, then the rest.
    Stalls(usize, Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    Never,
    /// So long after it came.
    After(Duration),
    /// With so many bytes of answers taken.
    With(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Closes,
    Resets,
    /// Closes the half that sends, and reads on.
    HalfCloses,
}

impl ClientPlan {
    pub(super) fn key_id(&self) -> String {
        format!("key-{}", self.number)
    }

    /// Whether it keeps the gateway waiting.
    pub(super) fn is_slow(&self) -> bool {
        self.reads != Reads::Eagerly
    }

    /// Nobody but the client itself may ever see it.
    pub(super) fn key(&self) -> String {
        key_of(self.number)
    }

    pub(super) fn draw(random: &mut Random, number: usize) -> Self {
        let asks = if random.percent(25) { 2 } else { 1 };
        let asks = (0..asks).map(|ask| Ask::draw(random, format!("ask-{number}-{ask}")));
        let asks: Vec<_> = asks.collect();
        let millis = |random: &mut Random, most| Duration::from_millis(random.below(most) as u64);
        let reads = match random.below(10) {
            0..7 => Reads::Eagerly,
            7 | 8 => {
                let (most, millis) = random.one_of(&[(50, 1), (300, 10), (5_000, 200)]);
                Reads::Slowly(most, Duration::from_millis(millis))
            }
            _ => Reads::Stalls(
                random.one_of(&[0, 100, 1_000, 20_000]),
                Duration::from_millis(random.one_of(&[2_000, 60_000])),
            ),
        };
        let leaves = match random.below(10) {
            0..6 => Leaves::Never,
            6 | 7 => Leaves::After(millis(random, 2_000)),
            8 => Leaves::After(millis(random, 30_000)),
            _ => Leaves::With(random.below(2_000)),
        };
        Self {
            number,
            arrives: millis(random, 6_000),
            // Who does not read while it asks must find room for an early answer, as sockets have it.
            room: if asks.iter().any(|ask| ask.cut.is_some()) {
                4_096
            } else {
                random.one_of(&[64, 4_096, 4_096, 65_536])
            },
            asks,
            reads,
            leaves,
            how: random.one_of(&[How::Closes, How::Closes, How::Resets, How::HalfCloses]),
        }
    }
}

pub(super) fn key_of(number: usize) -> String {
    format!("hk-of-client-{number}-0123456789")
}
