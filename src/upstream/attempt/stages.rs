//! Which clock runs while an attempt is opened.

use tokio::time::Instant;

use crate::upstream::{
    clocks::{Clock, ClockLengths},
    request_body::{SendProgress, Sending},
};

/// Which clock runs while an attempt is opened.
pub(super) struct Stages {
    began: Instant,
    total_at: Instant,
    lengths: ClockLengths,
    repeats: u32,
    pub(super) connected_at: Option<Instant>,
    written_at: Option<Instant>,
}

impl Stages {
    pub(super) fn new(began: Instant, total_at: Instant, lengths: ClockLengths) -> Self {
        Self {
            began,
            total_at,
            lengths,
            repeats: 0,
            connected_at: None,
            written_at: None,
        }
    }

    pub(super) fn reach(&mut self, sending: Sending, now: Instant) {
        if sending.repeats != self.repeats {
            // The connection that it was written to had been closed while it was idle.
            *self = Self {
                repeats: sending.repeats,
                ..Self::new(now, self.total_at, self.lengths)
            };
        }
        match sending.progress {
            SendProgress::Connecting => {}
            SendProgress::Writing => {
                self.connected_at.get_or_insert(now);
            }
            SendProgress::Written => {
                self.connected_at.get_or_insert(now);
                self.written_at.get_or_insert(now);
            }
        }
    }

    /// What is due next. A request that cannot be written is bounded by `head` too.
    pub(super) fn next(&self) -> (Instant, Clock) {
        let stage = match self.written_at.or(self.connected_at) {
            None => (self.began + self.lengths.connect, Clock::Connect),
            Some(since) => (since + self.lengths.head, Clock::Head),
        };
        if self.total_at < stage.0 {
            (self.total_at, Clock::Total)
        } else {
            stage
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn stages(total: Duration) -> (Instant, Stages) {
        let lengths = ClockLengths {
            connect: SECOND,
            head: 5 * SECOND,
            first_event: 9 * SECOND,
            idle: 9 * SECOND,
            total,
            client_write: 9 * SECOND,
            hold: Duration::ZERO,
        };
        let now = Instant::now();
        (now, Stages::new(now, now + total, lengths))
    }

    fn first(progress: SendProgress) -> Sending {
        Sending {
            repeats: 0,
            progress,
        }
    }

    fn again(progress: SendProgress) -> Sending {
        Sending {
            repeats: 1,
            progress,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn connect_runs_until_the_connection_stands_and_head_from_the_request_written() {
        let (began, mut stages) = stages(60 * SECOND);
        assert_eq!(stages.next(), (began + SECOND, Clock::Connect));
        stages.reach(first(SendProgress::Writing), began + SECOND / 2);
        assert_eq!(
            stages.next(),
            (began + SECOND / 2 + 5 * SECOND, Clock::Head)
        );
        stages.reach(first(SendProgress::Written), began + 3 * SECOND);
        assert_eq!(stages.next(), (began + 8 * SECOND, Clock::Head));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_had_been_closed_starts_the_clocks_anew_but_not_the_total() {
        let (began, mut stages) = stages(5 * SECOND);
        stages.reach(first(SendProgress::Written), began);
        stages.reach(again(SendProgress::Connecting), began + 3 * SECOND);
        assert_eq!(stages.next(), (began + 4 * SECOND, Clock::Connect));
        stages.reach(again(SendProgress::Written), began + 3 * SECOND);
        assert_eq!(stages.next(), (began + 5 * SECOND, Clock::Total));
        assert_eq!(stages.connected_at, Some(began + 3 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_of_which_only_the_request_written_is_seen_starts_the_clocks_anew() {
        let (began, mut stages) = stages(60 * SECOND);
        stages.reach(first(SendProgress::Written), began);
        stages.reach(again(SendProgress::Written), began + 3 * SECOND);
        assert_eq!(stages.next(), (began + 8 * SECOND, Clock::Head));
    }

    #[tokio::test(start_paused = true)]
    async fn the_total_is_due_first_where_it_is_shorter() {
        let (began, mut stages) = stages(SECOND / 4);
        assert_eq!(stages.next(), (began + SECOND / 4, Clock::Total));
        stages.reach(first(SendProgress::Written), began);
        assert_eq!(stages.next(), (began + SECOND / 4, Clock::Total));
    }
}
