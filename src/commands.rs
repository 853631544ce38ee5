//! The commands, one module each, named as they are typed.

mod completions;
mod explain;
mod replay;
mod serve;

use std::{
    fmt::Display,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// A streaming gateway for LLM completions.
#[derive(Parser)]
#[command(version, about)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    /// A TOML file over the defaults; see docs/settings.md.
    #[arg(long, global = true, value_name = "FILE")]
    settings: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until it is told to stop (the default).
    Serve,
    /// Says what Herald would do, and by which rule, without asking anybody.
    Explain(explain::Arguments),
    /// Records what a provider answers, and plays recordings.
    Replay(replay::Arguments),
    /// Prints the completion script of a shell.
    Completions(completions::Arguments),
}

impl CommandLine {
    /// Runs the command; the code is that of the process.
    pub(crate) fn run(self) -> ExitCode {
        let settings = self.settings.as_deref();
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::run(settings),
            Command::Explain(arguments) => explain::run(&arguments, settings),
            Command::Replay(arguments) => replay::run(&arguments, settings),
            Command::Completions(arguments) => completions::run(&arguments),
        }
    }
}

/// Writes to standard output. Who closed it early, as `head` does, has what it wanted.
fn print(text: &[u8]) {
    let mut output = io::stdout().lock();
    let _ = output.write_all(text).and_then(|()| output.flush());
}

/// Says on standard error what is wrong; the code is that of a process that could not do its work.
fn refuse(errors: &[impl Display]) -> ExitCode {
    for error in errors {
        // There is nobody left to tell if standard error is gone.
        let _ = writeln!(io::stderr(), "herald: {error}");
    }
    ExitCode::FAILURE
}
