//! `herald replay`: recordings of providers' answers, made and shown.

mod new_file;
mod play;
mod record;

use std::{path::Path, process::ExitCode};

use clap::Subcommand;
use herald::{
    settings::VerifiedSettings,
    suggest::{did_you_mean, listed},
};

/// Which of the two.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Asks a provider once and keeps its answer in a file, without keys and cookies.
    ///
    /// The model and all about its provider come from the settings, the key too, which is on no command
    /// line and in no recording. The provider sees what Herald would send it. Whatever it answers is
    /// kept: status, headers, chunks, pauses, and how it ended. It may charge for the completion.
    ///
    /// Exit code: 0 if the file was written, 1 if not, 2 if the command line is wrong.
    Record(record::Arguments),
    /// Prints a recording as a client of Herald would see it, at the pace it had.
    ///
    /// A Herald inside this process serves the recording, so the head is what the header rules and the
    /// status table make of it, and a stream that breaks ends in an error event.
    ///
    /// Exit code: 0 if it was played, whatever the client was told, or if standard output was closed
    /// early; 1 if it could not be played; 2 if the command line is wrong.
    Play(play::Arguments),
}

pub(crate) fn run(arguments: &Arguments, settings: Option<&Path>) -> ExitCode {
    match &arguments.command {
        Command::Record(arguments) => record::run(arguments, settings),
        Command::Play(arguments) => play::run(arguments, settings),
    }
}

/// What is said of a model that the settings do not have.
fn unknown_model(name: &str, settings: &VerifiedSettings) -> String {
    let known = || settings.models.iter().map(|model| model.id.as_str());
    let hint = did_you_mean(name, known())
        .unwrap_or_else(|| format!("there are {}", listed(known(), '`')));
    format!("{name:?} is no model of the settings; {hint}")
}
