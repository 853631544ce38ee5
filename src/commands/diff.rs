//! `herald diff`: what changes from one settings file to another.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::ValueEnum;
use herald::settings::{Diff, SecretsUnread, Settings, VerifiedSettings};

use super::{print, refused};

pub(crate) const HELP: &str = "\
Models, providers and keys go by their ids and rules one by one, so moved lines and other spellings \
(60s, 1m) are no change. What only a restart takes is marked. Secrets are not read, and nothing \
that may be one is shown. Variables count for both files.

Examples:
  herald diff /etc/herald/herald.toml herald.toml
  herald diff OLD.toml NEW.toml --format json | jq '.[] | select(.needs_restart)'

Exit code: 0 nothing changes, 1 something does, 2 a file is refused or the command line is wrong.";

/// What is compared, and how that is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The settings file before.
    old: PathBuf,
    /// The settings file after.
    new: PathBuf,
    /// `text` prints a line for each change: `+` added, `-` removed, `~` changed. `json` prints a list
    /// of objects.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// As diff(1) has it: 1 is no trouble.
const DIFFERENT: u8 = 1;
const TROUBLE: u8 = 2;

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let (Ok(old), Ok(new)) = (verified(&arguments.old), verified(&arguments.new)) else {
        return TROUBLE.into();
    };
    let diff = Diff::between(&old, &new);
    let text = match arguments.format {
        Format::Text => diff.to_string(),
        Format::Json => format!("{:#}\n", diff.to_json()),
    };
    print(text.as_bytes());
    if diff.is_empty() {
        ExitCode::SUCCESS
    } else {
        DIFFERENT.into()
    }
}

fn verified(file: &Path) -> Result<VerifiedSettings, ExitCode> {
    let settings = Settings::load_from_process(Some(file));
    let verified = settings.and_then(|settings| settings.verify(&SecretsUnread));
    verified.map_err(|found| refused(&found))
}
