//! `herald completions`: what a shell needs to complete Herald's own command line.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::{CommandLine, print};

pub(crate) const HELP: &str = "\
Examples:
  herald completions bash > /etc/bash_completion.d/herald
  herald completions zsh  > \"${fpath[1]}/_herald\"
  herald completions fish > ~/.config/fish/completions/herald.fish";

/// Which shell is asked for.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The shell that will read it.
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut command = CommandLine::command();
    // The library panics where a pipe is closed early; memory is never closed.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "herald", &mut script);
    print(&script)
}
