//! The clocks of a call.

use std::{fmt, time::Duration};

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
