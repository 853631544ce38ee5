//! Where spans and lines go: readable on a terminal, JSON elsewhere.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use super::colours::has_colours;
use crate::settings::{LogFormat, LogSettings};

/// Sets the process's subscriber. Lines go to standard error, so that standard output stays the
/// program's own.
///
/// # Errors
/// The filter cannot be read, or a subscriber is set already.
pub fn init(log: &LogSettings) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter = EnvFilter::try_new(&log.filter)?;
    let is_pretty = match log.format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let registry = tracing_subscriber::registry().with(filter);
    if is_pretty {
        let pretty = fmt::layer().compact();
        let pretty = pretty.with_ansi(has_colours(&io::stderr()));
        registry.with(pretty.with_writer(io::stderr)).try_init()?;
    } else {
        let json = fmt::layer()
            .json()
            .flatten_event(true)
            .with_span_list(false);
        registry.with(json.with_writer(io::stderr)).try_init()?;
    }
    Ok(())
}
