//! The settings that a seed draws.

use std::time::Duration;

use herald::settings::VerifiedSettings;

use crate::random::Random;

/// What differs between two generations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuning {
    pub(super) hold: Duration,
    pub(super) head: Duration,
    pub(super) first_event: Duration,
    pub(super) idle: Duration,
    pub(super) total: Duration,
    pub(super) client_write: Duration,
    pub(super) heartbeat: Option<Duration>,
    pub(super) drain_after_end: Duration,
    pub(super) queue_events: usize,
    pub(super) queue_bytes: usize,
    pub(super) per_target: u32,
    pub(super) hedge: Option<Hedge>,
    pub(super) buffer: Buffer,
    pub(super) read_on: Option<ReadOn>,
    pub(super) ejection: Option<Ejection>,
}

/// When another attempt begins beside a slow one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hedge {
    /// `hedge_min`, which is above whatever is known of any target.
    pub(super) wait: Duration,
    share: f64,
}

/// Content that is held; nothing of either: the first sends the head out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Buffer {
    pub(super) events: usize,
    pub(super) time: Duration,
}

/// What is read of a stream whose client left.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadOn {
    pub(super) events: u32,
    pub(super) time: Duration,
}

/// When a target is left out; where there is none the defaults hold, which runs as short as these seldom
/// come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ejection {
    /// After so many failures in a row.
    pub(super) failures: u32,
    pub(super) length: Duration,
}

/// How many of a hundred generations have each of those that are off by default.
const ON: usize = 12;

impl Tuning {
    pub(super) fn draw(random: &mut Random) -> Self {
        let mut one_of = |lengths: &[u64]| Duration::from_millis(random.one_of(lengths));
        Self {
            hold: one_of(&[0, 50, 250, 250, 2_000]),
            head: one_of(&[3_000, 5_000]),
            first_event: one_of(&[5_000, 8_000]),
            idle: one_of(&[2_000, 4_000, 6_000]),
            total: one_of(&[9_000, 20_000, 60_000]),
            client_write: one_of(&[3_000, 5_000]),
            heartbeat: Some(one_of(&[0, 700, 15_000])).filter(|length| !length.is_zero()),
            drain_after_end: one_of(&[0, 1_000]),
            queue_events: random.one_of(&[1, 4, 32]),
            queue_bytes: random.one_of(&[1_024, 16_384, 1 << 20]),
            per_target: random.one_of(&[1, 1, 2]),
            hedge: None,
            buffer: Buffer::default(),
            read_on: None,
            ejection: None,
        }
    }

    /// What is off by default is drawn last, so that a world without it is the same as ever.
    pub(super) fn draw_optional(&mut self, random: &mut Random) {
        let millis =
            |random: &mut Random, lengths: &[u64]| Duration::from_millis(random.one_of(lengths));
        if random.percent(ON) {
            self.hedge = Some(Hedge {
                wait: millis(random, &[50, 400, 1_500]),
                share: random.one_of(&[1.0, 1.0, 0.05]),
            });
            // A head is a choice made: where it is held there is time for a second attempt.
            self.hold = self.hold.max(millis(random, &[0, 2_000, 10_000]));
        }
        if random.percent(ON) {
            self.buffer = Buffer {
                events: random.one_of(&[0, 2, 3, 6]),
                time: millis(random, &[0, 100, 1_000, 5_000]),
            };
        }
        if random.percent(ON) {
            self.read_on = Some(ReadOn {
                events: random.one_of(&[1, 4, 1_000, 1_000]),
                time: millis(random, &[100, 2_000, 20_000]),
            });
        }
        if random.percent(ON) {
            self.ejection = Some(Ejection {
                failures: random.one_of(&[1, 1, 2]),
                length: millis(random, &[1_000, 5_000, 60_000]),
            });
        }
    }

    /// Writes them into settings that are valid without them.
    pub(super) fn apply(&self, settings: &mut VerifiedSettings) {
        settings.clocks.hold = self.hold;
        settings.clocks.head = self.head;
        settings.clocks.first_event = self.first_event;
        settings.clocks.idle = self.idle;
        settings.clocks.total = self.total;
        settings.clocks.client_write = self.client_write;
        settings.heartbeat = self.heartbeat;
        settings.attempts.per_target = self.per_target;
        settings.upstream.drain_after_end = self.drain_after_end;
        settings.stream.queue_events = self.queue_events;
        settings.stream.queue_bytes = self.queue_bytes;
        settings.stream.buffer_events = self.buffer.events;
        settings.stream.buffer = self.buffer.time;
        // They have it on, because its rules cannot be made anywhere else.
        match (self.hedge, &mut settings.attempts.hedge) {
            (Some(drawn), Some(rules)) => {
                rules.min = drawn.wait;
                rules.budget.share = drawn.share;
            }
            (_, rules) => *rules = None,
        }
        if let Some(drawn) = self.read_on {
            settings.upstream.drain_for_usage = drawn.events;
            settings.upstream.drain_for_usage_time = drawn.time;
        }
        if let Some(drawn) = self.ejection {
            settings.outliers.consecutive_failures = drawn.failures;
            settings.outliers.ejection = drawn.length;
        }
    }
}
