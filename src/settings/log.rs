//! `[log]`: which lines are written, and how.

use schemars::JsonSchema;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::diagnostics::Problems;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
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
            let problem = "must be a filter such as \"info\" or \"info,herald::upstream=debug\"";
            problems
                .error("log.filter", problem)
                .note(error.to_string())
                .tell();
        }
        LogSettings {
            filter: self.filter.clone(),
            format: self.format,
        }
    }
}
