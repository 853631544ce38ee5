//! `herald check`: everything that is wrong with the settings, without serving them.

use std::{path::Path, process::ExitCode};

use clap::ValueEnum;
use herald::settings::{
    Diagnostics, ProcessEnvironment, SecretSource, SecretsUnread, Settings, Severity,
};

use super::{counted, draw, print, refused, tally};

pub(crate) const HELP: &str = "\
The same as at a start, but nothing is served: every key, type, range, rule, reference and secret is \
looked at, and every mistake is told, not only the first.

Examples:
  herald check --settings herald.toml
  herald check --settings herald.toml --without-secrets --deny-warnings --format json    # in CI

Exit code: 0 the settings would be taken, 1 they would be refused, 2 the command line is wrong.";

/// How the settings are looked at, and how that is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// `text` draws each mistake under its line, on standard error. `json` prints a list of objects
    /// on standard output, for editors and CI.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Does not look whether secrets are there, as in CI, where they are not.
    #[arg(long)]
    without_secrets: bool,
    /// Refuses warnings too.
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(crate) fn run(file: Option<&Path>, arguments: &Arguments) -> ExitCode {
    let secrets: &dyn SecretSource = if arguments.without_secrets {
        &SecretsUnread
    } else {
        &ProcessEnvironment
    };
    let verified = Settings::load_from_process(file).and_then(|settings| settings.verify(secrets));
    let (found, good) = match verified {
        Ok(settings) => {
            let (providers, models) = (settings.providers.len(), settings.models.iter().len());
            let good = format!(
                "the settings are right: {}, {}",
                counted(providers, "provider"),
                counted(models, "model")
            );
            (settings.warnings, Some(good))
        }
        Err(found) => (found, None),
    };
    let good = good.filter(|_| found.is_empty() || !arguments.deny_warnings);
    match arguments.format {
        Format::Json => {
            let printed = print(format!("{:#}\n", found.to_json()).as_bytes());
            good.map_or(ExitCode::FAILURE, |_| printed)
        }
        Format::Text => match good {
            None => refused(&found),
            Some(good) => {
                draw(&found);
                print(format!("{good}{}\n", warnings(&found)).as_bytes())
            }
        },
    }
}

fn warnings(found: &Diagnostics) -> String {
    match found.count(Severity::Warning) {
        0 => String::new(),
        _ => format!(", {}", tally(found)),
    }
}
