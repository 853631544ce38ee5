//! `[clocks]`: how long each wait of a call may take.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{diagnostics::Problems, schema::between, units::Time};
use crate::upstream::clocks::ClockLengths;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClocksSection {
    #[schemars(transform = between("1ms", "24h"))]
    connect: Time,
    #[schemars(transform = between("1ms", "24h"))]
    head: Time,
    #[schemars(transform = between("1ms", "24h"))]
    first_event: Time,
    #[schemars(transform = between("1ms", "24h"))]
    idle: Time,
    #[schemars(transform = between("1ms", "24h"))]
    total: Time,
    #[schemars(transform = between("1ms", "24h"))]
    client_write: Time,
    #[schemars(transform = between("0s", "24h"))]
    hold: Time,
    #[schemars(transform = between("0s", "24h"))]
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
        hold_within(&within_total, ("clocks.total", self.total), problems);
        let first_event = ("clocks.first_event", self.first_event);
        hold_within(&[("clocks.hold", self.hold)], first_event, problems);
        self.warn_of_no_heartbeat(problems);
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

    fn warn_of_no_heartbeat(&self, problems: &mut Problems<'_>) {
        let (key, total) = ("clocks.heartbeat", self.total);
        // As with the others, a default is nobody's mistake.
        if self.heartbeat < total || problems.is_told("clocks.total") || problems.is_built_in(key) {
            return;
        }
        problems
            .warning(
                key,
                format!("none is ever written: a call is over after clocks.total ({total})"),
            )
            .hint("shorten it, or write \"0s\" for never")
            .beside("clocks.total", "a call ends here")
            .tell();
    }
}

/// Refuses clocks that another always cuts short.
fn hold_within(clocks: &[(&str, Time)], bound: (&str, Time), problems: &mut Problems<'_>) {
    let (other, most) = bound;
    if problems.is_told(other) {
        return;
    }
    let longer = clocks.iter().filter(|(_, length)| *length > most);
    // Told where the admin wrote: a default is nobody's mistake.
    let is_default = |key: &str| problems.is_built_in(key) && !problems.is_built_in(other);
    let (defaults, written): (Vec<_>, Vec<_>) = longer.partition(|(key, _)| is_default(key));
    for (key, length) in written {
        problems
            .error(
                key,
                format!("{length} is longer than {other} ({most}), so it could never run out"),
            )
            .hint(format!("shorten it, or lengthen {other}"))
            .beside(other, "this runs out first")
            .tell();
    }
    if !defaults.is_empty() {
        let listed = |word: fn(&(&str, Time)) -> String| {
            defaults.iter().map(word).collect::<Vec<_>>().join(" and ")
        };
        let lengths = listed(|(key, length)| format!("{key} ({length})"));
        let names = listed(|(key, _)| (*key).to_owned());
        problems
            .error(
                other,
                format!("{most} is shorter than {lengths}, which could never run out"),
            )
            .hint(format!("lengthen it, or shorten {names}"))
            .tell();
    }
}
