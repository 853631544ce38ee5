//! The command line.

mod commands;

use std::process::ExitCode;

use clap::Parser;

/// Holds less for each open stream than the system's, and gives back what streams held (ADR 19).
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    commands::CommandLine::parse().run()
}
