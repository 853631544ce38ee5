//! Runs the binary.

use std::{
    io::Write,
    process::{Command, Stdio},
};

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The rest of the one line of standard output that begins with this word.
    pub(crate) fn line(&self, subject: &str) -> &str {
        let mut rests = self.stdout.lines().filter_map(|line| {
            let rest = line.strip_prefix(subject)?;
            rest.starts_with(' ').then(|| rest.trim_start())
        });
        let rest = rests.next();
        assert_eq!(rests.next(), None, "one line of {subject} in {self:#?}");
        rest.unwrap_or_else(|| panic!("no line of {subject} in {self:#?}"))
    }
}

/// Runs `herald` with nothing of this process's environment but `variables`.
pub(crate) fn herald(arguments: &[&str], variables: &[(&str, &str)], stdin: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_herald"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who does not read it has closed it.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
