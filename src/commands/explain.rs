//! `herald explain`: what Herald would do, and by which rule. It asks nobody and sends nothing.
//!
//! Each answer comes out of the functions that serve requests: the compiled policies, the table of
//! errors, the response's head. Nothing here decides anything by itself.

mod answer;
mod headers;
mod known;
mod route;
mod saved_head;
mod status;
mod table;

use std::{path::Path, process::ExitCode};

use clap::Subcommand;

use self::known::Known;
use super::{print, refuse, refused};

/// What is asked.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    question: Question,
}

#[derive(Subcommand)]
enum Question {
    /// Which of a provider's headers reach the client, under which name, by which rule.
    Headers(headers::Arguments),
    /// Which status the client sees for a provider's, and what the error says.
    Status(status::Arguments),
    /// Who serves a model: provider, address, filters, clocks, and whether a key may ask.
    Route(route::Arguments),
}

pub(crate) fn run(arguments: &Arguments, settings: Option<&Path>) -> ExitCode {
    let known = match Known::load(settings) {
        Ok(known) => known,
        Err(found) => return refused(&found),
    };
    let explained = match &arguments.question {
        Question::Headers(question) => headers::explain(question, &known),
        Question::Status(question) => status::explain(question, &known),
        Question::Route(question) => route::explain(question, &known),
    };
    match explained {
        Ok(text) => print(text.as_bytes()),
        Err(problem) => refuse(problem),
    }
}
