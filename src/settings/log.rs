//! `[log]`: which lines are written, and how.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::error::Problems;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogSection {
    filter: String,
    format: LogFormat,
}

/// Which lines are written, and how. Settings `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// A filter that [`EnvFilter`] has accepted. Setting `log.filter`, default `info`.
    pub filter: String,
    /// Setting `log.format`, default `auto`.
    pub format: LogFormat,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    /// For people.
    Pretty,
    /// One object a line.
    Json,
}

impl LogSection {
    pub(super) fn verify(&self, problems: &mut Problems<'_>) -> LogSettings {
        if let Err(error) = EnvFilter::builder().parse(&self.filter) {
            problems.at("log.filter", error.to_string());
        }
        LogSettings {
            filter: self.filter.clone(),
            format: self.format,
        }
    }
}
