//! The program, with all that it says kept.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A `herald serve` that logs everything. Dropping it kills it.
pub(crate) struct Herald {
    child: Child,
    greeting: String,
    log: PathBuf,
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
}

fn command(arguments: &[&str], variables: &[(&str, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_herald"));
    let variables = variables.iter().map(|(name, value)| (name, value));
    command.args(arguments).env_clear().envs(variables);
    command
}

/// Runs a command to its end: all that it printed.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, String)]) -> String {
    let output = command(arguments, variables).output().unwrap();
    [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8(bytes).unwrap())
        .concat()
}

impl Herald {
    pub(crate) fn start(settings: &Path, variables: &[(&str, String)]) -> Self {
        let log = settings.with_extension("log");
        let settings = settings.display().to_string();
        let mut child = command(&["serve", "--settings", &settings], variables)
            .env("HERALD__LOG__FILTER", "trace")
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        let mut address_after = |words: &str| {
            loop {
                let mut line = String::new();
                let read = lines.read_line(&mut line).unwrap();
                assert!(read > 0, "{}", std::fs::read_to_string(&log).unwrap());
                greeting.push_str(&line);
                let Some((_, rest)) = line.split_once(words) else {
                    continue;
                };
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
                let address = rest[..end.unwrap_or(rest.len())].trim_end_matches(':');
                return address.parse().unwrap();
            }
        };
        let public = address_after("listens on https://");
        let admin = address_after("operators ask http://");
        // It ends with the process; until then what comes is small enough for the pipe.
        drop(lines);
        Self {
            child,
            greeting,
            log,
            public,
            admin,
        }
    }

    /// Stops it: its greeting and its log.
    pub(crate) fn said(mut self) -> String {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-INT", &pid]).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap();
        let mut said = std::mem::take(&mut self.greeting);
        File::open(&self.log)
            .and_then(|mut log| log.read_to_string(&mut said))
            .unwrap();
        said
    }
}

impl Drop for Herald {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
