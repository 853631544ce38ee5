//! Where spans and lines go: readable on a terminal, JSON elsewhere.

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    EnvFilter, Registry, filter::ParseError, fmt, layer::SubscriberExt, reload,
    util::SubscriberInitExt,
};

use super::{
    colours::has_colours,
    json_lines::{JsonLines, JsonMembers},
};
use crate::settings::{LogFormat, LogSettings};

/// What dependencies say, below the level where it repeats bytes of a request or an answer, whatever
/// the filter asks for: actix-http's parser quotes header values that it refuses.
const QUIET: [&str; 1] = ["actix_http::h1::decoder=info"];

/// Where the filter of the process's log is changed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogFilter(reload::Handle<EnvFilter, Registry>);

impl LogFilter {
    /// Puts another filter in the place of the one in force.
    ///
    /// # Errors
    /// The filter cannot be read, or the log is gone.
    pub fn set(&self, filter: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.reload(parse(filter)?)?)
    }
}

/// Sets the process's subscriber. Lines go to standard error, so that standard output stays the
/// program's own.
///
/// # Errors
/// The filter cannot be read, or a subscriber is set already.
pub fn init(log: &LogSettings) -> Result<LogFilter, Box<dyn std::error::Error + Send + Sync>> {
    let (filter, handle) = reload::Layer::new(parse(&log.filter)?);
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
        let json = fmt::layer().fmt_fields(JsonMembers).event_format(JsonLines);
        registry.with(json.with_writer(io::stderr)).try_init()?;
    }
    Ok(LogFilter(handle))
}

fn parse(filter: &str) -> Result<EnvFilter, ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let quiet = QUIET.iter().map(|directive| {
        directive
            .parse()
            .expect("a target and a level are a directive")
    });
    Ok(quiet.fold(filter, EnvFilter::add_directive))
}
