//! Holds a running Herald to its promises for a long time, and under readers that take nothing.
//!
//! `docs/reliability.md` says what each run does and what it found.

#![expect(clippy::print_stdout, reason = "it is what the command is for")]

mod client;
mod herald;
mod plan;
mod provider;
mod stalled;
mod streams;
mod table;

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};

/// Runs a Herald as a process of its own under load, and prints what became of its promises. The exit
/// code is 1 where one is broken.
#[derive(Debug, Parser)]
struct Options {
    /// What to run.
    #[arg(value_enum, default_value_t = What::Streams)]
    what: What,
    /// The binary to run; a release one, where memory matters.
    #[arg(long, default_value = "target/release/herald")]
    herald: PathBuf,
    /// How long the streams go on.
    #[arg(long, default_value = "20m", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Streams at a time; readers that take nothing.
    #[arg(long)]
    at_once: Option<u64>,
    /// What the streams come to is drawn from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// 500 streams at a time: 30 of 100 clients leave, 10 of 100 providers fail, settings change.
    Streams,
    /// 1000 readers that take nothing of a provider that never pauses.
    Stalled,
}

#[tokio::main]
async fn main() -> io::Result<ExitCode> {
    let options = Options::parse();
    let mut table = table::Table::default();
    let ran = match options.what {
        What::Streams => {
            let run = streams::Run {
                binary: &options.herald,
                length: options.duration,
                at_once: options.at_once.unwrap_or(500),
                seed: options.seed,
            };
            streams::run(run, &mut table).await
        }
        What::Stalled => {
            let readers = options.at_once.unwrap_or(1000);
            stalled::run(&options.herald, readers, &mut table).await
        }
    };
    // What was found before a run broke off is worth to be seen.
    let holds = table.print();
    ran?;
    Ok(match holds {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
