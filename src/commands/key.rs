//! `herald key`: keys for clients.

use std::process::ExitCode;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Subcommand;
use sha2::{Digest, Sha256};

use super::{print, refuse};

/// What is to be done with keys.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Subcommand)]
enum Deed {
    /// Prints a new key, once, and what to write into the settings so that it opens.
    ///
    /// The key has 256 random bits of the operating system. Herald keeps nothing of it: the settings
    /// need only its hash, from which nobody comes back to it.
    #[command(after_help = "\
Examples:
  herald key new --id team-a
  herald key new --id team-a >> herald.toml   # the key itself stands on standard error")]
    New(New),
}

#[derive(clap::Args)]
struct New {
    /// The key's name in the settings and in logs.
    #[arg(long, default_value = "new-key")]
    id: String,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let Deed::New(new) = &arguments.deed;
    let mut random = [0; 32];
    if let Err(error) = getrandom::fill(&mut random) {
        return refuse(format_args!(
            "the operating system gave no random bits: {error}"
        ));
    }
    let key = format!("hk_{}", URL_SAFE_NO_PAD.encode(random));
    let hash = hex::encode(Sha256::digest(&key));
    // Apart from each other, so that the settings can be appended to a file and the key cannot.
    if let Err(problem) = tell_key(&key) {
        return refuse(format_args!("the key cannot be shown: {problem}"));
    }
    // A quote in the name would end the string; TOML has all escapes that JSON has.
    let id = serde_json::Value::from(new.id.as_str());
    print(format!("[[keys]]\nid = {id}\nsha256 = \"{hash}\"\n").as_bytes());
    ExitCode::SUCCESS
}

/// Shows the key to whoever sits before the screen.
fn tell_key(key: &str) -> std::io::Result<()> {
    use std::io::Write as _;

    let mut output = std::io::stderr().lock();
    writeln!(
        output,
        "The key, which is shown this once:\n\n  {key}\n\nFor the settings:\n"
    )
}
