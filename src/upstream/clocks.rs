//! The clocks of a call.

use std::{fmt, time::Duration};

use tokio::time::Instant;

use super::error::{ConnectError, UpstreamError};

/// How long each wait of a call may take. Settings `[clocks]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockLengths {
    /// Pool, DNS, TCP and TLS together. Default 10 s.
    pub connect: Duration,
    /// From the request written to the upstream's head. Default 300 s.
    pub head: Duration,
    /// From the head to the first content event; pings, comments and role-only deltas do not count.
    /// Default 300 s.
    pub first_event: Duration,
    /// Longest silence between the bytes of two upstream events, pings counting. Default 120 s.
    pub idle: Duration,
    /// From the client's request parsed to the last event, over all attempts. Default 30 min.
    pub total: Duration,
    /// A reader that takes nothing. Default 30 s.
    pub client_write: Duration,
    /// How long the head waits for the first content event. Default 250 ms; zero commits at the
    /// upstream's head.
    pub hold: Duration,
}

impl ClockLengths {
    /// The length of one of the clocks that can run out on the provider.
    #[must_use]
    pub fn of(&self, clock: Clock) -> Duration {
        match clock {
            Clock::Connect => self.connect,
            Clock::Head => self.head,
            Clock::FirstEvent => self.first_event,
            Clock::Idle => self.idle,
            Clock::Total => self.total,
        }
    }

    /// The error that tells of a clock that ran out.
    #[must_use]
    pub fn expired(&self, clock: Clock) -> UpstreamError {
        match clock {
            Clock::Connect => ConnectError::Timeout(self.connect).into(),
            clock => UpstreamError::Clock {
                clock,
                length: self.of(clock),
            },
        }
    }
}

/// A clock that can run out on the provider, by the name its setting has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// Setting `clocks.connect`.
    Connect,
    /// Setting `clocks.head`.
    Head,
    /// Setting `clocks.first_event`.
    FirstEvent,
    /// Setting `clocks.idle`.
    Idle,
    /// Setting `clocks.total`.
    Total,
}

impl Clock {
    /// The setting's last word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Head => "head",
            Self::FirstEvent => "first_event",
            Self::Idle => "idle",
            Self::Total => "total",
        }
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is due at a moment of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The head has been held long enough: commit.
    Commit,
    /// A clock has run out.
    Expired(Clock),
}

/// The clocks of one answer from its head on: which of them runs, and when the next is due.
///
/// It only computes; whoever owns it waits. So a test moves time by handing in another instant.
#[derive(Clone, Debug)]
pub struct AnswerClocks {
    lengths: ClockLengths,
    total_at: Instant,
    head_at: Instant,
    heard_at: Instant,
    /// When the head is committed whatever has come; `None` once it is.
    commit_at: Option<Instant>,
    has_content: bool,
}

impl AnswerClocks {
    /// Starts at the upstream's head. `total_at` is when `clocks.total`, or the client's own
    /// `x-timeout-ms`, runs out.
    #[must_use]
    pub fn start(lengths: ClockLengths, head_at: Instant, total_at: Instant) -> Self {
        Self {
            lengths,
            total_at,
            head_at,
            heard_at: head_at,
            commit_at: Some(head_at + lengths.hold),
            has_content: false,
        }
    }

    /// A document: there is no first event to wait for and nothing to hold.
    #[must_use]
    pub fn start_document(lengths: ClockLengths, head_at: Instant, total_at: Instant) -> Self {
        Self {
            commit_at: None,
            has_content: true,
            ..Self::start(lengths, head_at, total_at)
        }
    }

    /// Bytes came: `idle` starts anew.
    pub fn heard(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// The client's reader kept us waiting so long: that was no silence of the provider.
    pub fn waited(&mut self, length: Duration) {
        self.heard_at += length;
        self.head_at += length;
    }

    /// The first content event came: `first_event` stops. If it is held, then for `buffer` from now on, in
    /// the place of `hold`; zero leaves that as it is.
    pub fn content(&mut self, now: Instant, buffer: Duration) {
        self.has_content = true;
        if !buffer.is_zero() {
            self.commit_at = self.commit_at.map(|_| now + buffer);
        }
    }

    /// The head was committed: `hold` stops.
    pub fn committed(&mut self) {
        self.commit_at = None;
    }

    /// The error that tells of a clock that ran out.
    #[must_use]
    pub fn expired(&self, clock: Clock) -> UpstreamError {
        self.lengths.expired(clock)
    }

    /// When `total` runs out.
    #[must_use]
    pub fn total_at(&self) -> Instant {
        self.total_at
    }

    /// What is due next, and when.
    #[must_use]
    pub fn next(&self) -> (Instant, Due) {
        let mut next = (self.total_at, Due::Expired(Clock::Total));
        let mut consider = |at: Instant, due: Due| {
            if at < next.0 {
                next = (at, due);
            }
        };
        consider(self.heard_at + self.lengths.idle, Due::Expired(Clock::Idle));
        if !self.has_content {
            consider(
                self.head_at + self.lengths.first_event,
                Due::Expired(Clock::FirstEvent),
            );
        }
        if let Some(at) = self.commit_at {
            consider(at, Due::Commit);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: ClockLengths = ClockLengths {
        connect: Duration::from_secs(10),
        head: Duration::from_secs(300),
        first_event: Duration::from_secs(60),
        idle: Duration::from_secs(20),
        total: Duration::from_secs(100),
        client_write: Duration::from_secs(30),
        hold: Duration::from_millis(250),
    };

    /// Waits for what is due on tokio's paused clock, as the stream does.
    async fn wait(clocks: &AnswerClocks) -> (Due, Duration) {
        let before = Instant::now();
        let (at, due) = clocks.next();
        tokio::time::sleep_until(at).await;
        (due, Instant::now() - before)
    }

    fn start() -> AnswerClocks {
        AnswerClocks::start(LENGTHS, Instant::now(), Instant::now() + LENGTHS.total)
    }

    #[tokio::test(start_paused = true)]
    async fn a_held_head_is_due_to_commit_after_hold_and_only_once() {
        let mut clocks = start();
        assert_eq!(wait(&clocks).await, (Due::Commit, LENGTHS.hold));
        clocks.committed();
        assert_ne!(clocks.next().1, Due::Commit);
    }

    #[tokio::test(start_paused = true)]
    async fn content_that_is_held_commits_after_its_buffer_and_not_after_hold() {
        let (buffer, part) = (Duration::from_secs(3), Duration::from_millis(100));
        let mut clocks = start();
        tokio::time::advance(part).await;
        clocks.content(Instant::now(), buffer);
        assert_eq!(wait(&clocks).await, (Due::Commit, buffer));
        let mut clocks = start();
        tokio::time::advance(part).await;
        clocks.content(Instant::now(), Duration::ZERO);
        assert_eq!(wait(&clocks).await, (Due::Commit, LENGTHS.hold - part));
        clocks.committed();
        clocks.content(Instant::now(), buffer);
        assert_ne!(clocks.next().1, Due::Commit);
    }

    #[tokio::test(start_paused = true)]
    async fn with_no_hold_the_commit_is_due_at_the_head() {
        let lengths = ClockLengths {
            hold: Duration::ZERO,
            ..LENGTHS
        };
        let clocks = AnswerClocks::start(lengths, Instant::now(), Instant::now() + LENGTHS.total);
        assert_eq!(wait(&clocks).await, (Due::Commit, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_runs_idle_out_and_bytes_start_it_anew() {
        let mut clocks = start();
        clocks.committed();
        tokio::time::advance(Duration::from_secs(15)).await;
        clocks.heard(Instant::now());
        assert_eq!(
            wait(&clocks).await,
            (Due::Expired(Clock::Idle), LENGTHS.idle)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn pings_do_not_stop_the_first_event_clock_but_content_does() {
        let mut clocks = start();
        clocks.committed();
        for _ in 0..5 {
            tokio::time::advance(Duration::from_secs(10)).await;
            clocks.heard(Instant::now());
        }
        assert_eq!(
            wait(&clocks).await,
            (Due::Expired(Clock::FirstEvent), Duration::from_secs(10))
        );
        clocks.content(Instant::now(), Duration::ZERO);
        assert_eq!(clocks.next().1, Due::Expired(Clock::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_outlasts_the_total() {
        let mut clocks = start();
        clocks.committed();
        clocks.content(Instant::now(), Duration::ZERO);
        tokio::time::advance(Duration::from_secs(90)).await;
        clocks.heard(Instant::now());
        assert_eq!(
            wait(&clocks).await,
            (Due::Expired(Clock::Total), Duration::from_secs(10))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_document_knows_idle_and_total_alone() {
        let clocks =
            AnswerClocks::start_document(LENGTHS, Instant::now(), Instant::now() + LENGTHS.total);
        assert_eq!(
            wait(&clocks).await,
            (Due::Expired(Clock::Idle), LENGTHS.idle)
        );
    }
}
