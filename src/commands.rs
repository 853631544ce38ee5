//! The commands, one module each, named as they are typed.

mod check;
mod completions;
mod conformance;
mod diff;
mod explain;
mod health;
mod key;
mod replay;
mod schema;
mod serve;
mod signals;

use std::{
    fmt::Display,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use herald::{
    settings::{Diagnostics, SecretSource, Settings, Severity, VerifiedSettings},
    telemetry::colours::has_colours,
};

/// A streaming gateway for LLM completions.
///
/// It opens the provider's stream, tells the client first what the provider said (status, allowed
/// headers, who is at fault), and then relays the events. Without settings it plays recordings: no
/// key and no network are needed to see it stream.
#[derive(Parser)]
#[command(
    version,
    max_term_width = 80,
    after_help = "\
Settings come from three layers, the later winning: built-in defaults, the file of --settings, and \
variables such as HERALD__CLOCKS__IDLE=90s. docs/settings.md has every key.

Exit codes: 0 it is done; 1 it could not be done, and standard error says why; 2 the command line is \
wrong."
)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    /// A TOML file over the built-in defaults.
    #[arg(long, global = true, value_name = "FILE")]
    settings: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until it is told to stop (the default).
    ///
    /// The first SIGTERM, SIGINT or SIGQUIT ends it in order: no new requests, and streams may go on
    /// for server.drain_timeout. At SIGTERM it refuses requests for server.drain_delay at least, so
    /// that load balancers notice. The second signal ends it at once.
    #[command(after_help = serve::HELP)]
    Serve,
    /// Says everything that is wrong with the settings, and where.
    #[command(after_help = check::HELP)]
    Check(check::Arguments),
    /// Says what changes from one settings file to another.
    #[command(after_help = diff::HELP)]
    Diff(diff::Arguments),
    /// Prints the JSON Schema of the settings, for editors.
    #[command(after_help = schema::HELP)]
    Schema,
    /// Says what Herald would do, and by which rule, without asking anybody.
    Explain(explain::Arguments),
    /// Asks a running Herald how it is, as a container's health check.
    #[command(after_help = health::HELP)]
    Health(health::Arguments),
    /// Makes keys for clients.
    Key(key::Arguments),
    /// Records what a provider answers, and plays recordings.
    Replay(replay::Arguments),
    /// Holds any gateway to what a client may expect, with a hostile provider behind it.
    #[command(after_help = conformance::HELP)]
    Conformance(conformance::Arguments),
    /// Prints the completion script of a shell.
    #[command(after_help = completions::HELP)]
    Completions(completions::Arguments),
}

impl CommandLine {
    /// Runs the command; the code is that of the process.
    pub(crate) fn run(self) -> ExitCode {
        let settings = self.settings.as_deref();
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::run(settings),
            Command::Check(arguments) => check::run(settings, &arguments),
            Command::Diff(arguments) => diff::run(&arguments),
            Command::Schema => schema::run(),
            Command::Explain(arguments) => explain::run(&arguments, settings),
            Command::Health(arguments) => health::run(&arguments, settings),
            Command::Key(arguments) => key::run(&arguments),
            Command::Replay(arguments) => replay::run(&arguments, settings),
            Command::Conformance(arguments) => conformance::run(&arguments),
            Command::Completions(arguments) => completions::run(&arguments),
        }
    }
}

/// Writes the whole of what was asked for to standard output, and with that the command is done.
fn print(text: &[u8]) -> ExitCode {
    match write_out(text) {
        Ok(_) => ExitCode::SUCCESS,
        Err(problem) => refuse(problem),
    }
}

/// Writes to standard output, and tells whether it still has a reader: who closed it early, as `head`
/// does, has what it wanted.
fn write_out(bytes: &[u8]) -> Result<bool, String> {
    let mut output = io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(format!("standard output cannot be written: {error}")),
    }
}

/// Says on standard error why nothing was done.
fn refuse(reason: impl Display) -> ExitCode {
    say(reason);
    ExitCode::FAILURE
}

fn say(what: impl Display) {
    // There is nobody left to tell if standard error is gone.
    let _ = writeln!(io::stderr(), "herald: {what}");
}

/// The verified settings, their warnings drawn on standard error; or everything that is wrong.
fn verified(file: Option<&Path>, secrets: &dyn SecretSource) -> Result<VerifiedSettings, ExitCode> {
    match Settings::load_from_process(file).and_then(|settings| settings.verify(secrets)) {
        Ok(settings) => {
            draw(&settings.warnings);
            Ok(settings)
        }
        Err(found) => Err(refused(&found)),
    }
}

/// Draws everything that is wrong with the settings.
fn refused(found: &Diagnostics) -> ExitCode {
    draw(found);
    refuse(format_args!("the settings are refused: {}", tally(found)))
}

fn draw(diagnostics: &Diagnostics) {
    let mut output = io::stderr().lock();
    let drawn = diagnostics.draw(has_colours(&output));
    // As with refusals.
    let _ = output.write_all(drawn.as_bytes());
}

/// `2 errors, 1 warning`.
fn tally(diagnostics: &Diagnostics) -> String {
    let found = [Severity::Error, Severity::Warning];
    let found = found.map(|severity| (diagnostics.count(severity), severity));
    let found = found.iter().filter(|(count, _)| *count > 0);
    found
        .map(|(count, severity)| counted(*count, severity))
        .collect::<Vec<_>>()
        .join(", ")
}

/// `1 chunk`, `2 chunks`.
fn counted(count: usize, thing: impl Display) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}
