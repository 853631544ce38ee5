//! `[reload]`: how changed settings are taken while Herald runs.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{schema::between, units::Time};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReloadSection {
    watch: bool,
    #[schemars(transform = between("10ms", "1m"))]
    debounce: Time,
    #[schemars(range(min = 1, max = 100))]
    history: u64,
}

/// How changed settings are taken while Herald runs. Settings `[reload]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReloadSettings {
    /// Whether the settings file, and the files that it names, are watched. Setting `reload.watch`, default true.
    pub watch: bool,
    /// How long a changed file must rest before it is read; one that never rests is read after ten
    /// times as long. Setting `reload.debounce`, default 200 ms.
    pub debounce: Duration,
    /// How many generations are kept for a rollback, the current one among them. Setting
    /// `reload.history`, default 10.
    pub history: usize,
}

impl ReloadSection {
    pub(super) fn verified(&self) -> ReloadSettings {
        ReloadSettings {
            watch: self.watch,
            debounce: self.debounce.0,
            history: usize::try_from(self.history).unwrap_or(usize::MAX),
        }
    }
}
