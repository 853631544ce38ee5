//! `[clocks]`: how long each wait of a call may take.

use std::time::Duration;

use serde::Deserialize;

use super::{
    error::Problems,
    units::{Time, hold_to},
};
use crate::upstream::clocks::ClockLengths;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClocksSection {
    connect: Time,
    head: Time,
    first_event: Time,
    idle: Time,
    total: Time,
    client_write: Time,
    hold: Time,
    heartbeat: Time,
}

impl ClocksSection {
    /// The clocks, and the heartbeat if there is one.
    pub(super) fn verify(&self, problems: &mut Problems<'_>) -> (ClockLengths, Option<Duration>) {
        let within_total = [
            ("clocks.connect", self.connect),
            ("clocks.head", self.head),
            ("clocks.first_event", self.first_event),
            ("clocks.idle", self.idle),
        ];
        for (key, length) in within_total.into_iter().chain([
            ("clocks.total", self.total),
            ("clocks.client_write", self.client_write),
        ]) {
            hold_to(Time::SHORTEST..=Time::DAY, length, key, problems);
        }
        for (key, length) in [
            ("clocks.hold", self.hold),
            ("clocks.heartbeat", self.heartbeat),
        ] {
            hold_to(Time::ZERO..=Time::DAY, length, key, problems);
        }
        for (key, length) in within_total {
            could_run_out(key, length, ("clocks.total", self.total), problems);
        }
        let first_event = ("clocks.first_event", self.first_event);
        could_run_out("clocks.hold", self.hold, first_event, problems);
        let lengths = ClockLengths {
            connect: self.connect.0,
            head: self.head.0,
            first_event: self.first_event.0,
            idle: self.idle.0,
            total: self.total.0,
            client_write: self.client_write.0,
            hold: self.hold.0,
        };
        let heartbeat = self.heartbeat.0;
        (lengths, (!heartbeat.is_zero()).then_some(heartbeat))
    }
}

/// Refuses a clock that another always cuts short.
fn could_run_out(key: &str, length: Time, bound: (&str, Time), problems: &mut Problems<'_>) {
    let (other, most) = bound;
    if length > most {
        problems.at(
            key,
            format!("{length} is longer than {other} ({most}), so it could never run out"),
        );
    }
}
