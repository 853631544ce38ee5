//! Where standard output is gone or full.

use std::{
    fs::{self, OpenOptions},
    process::{Command, Stdio},
};

/// One of each command that writes what was asked for.
const COMMANDS: [&str; 5] = [
    "schema",
    "completions bash",
    "check",
    "explain status 429",
    "replay play --fast settings/recordings/text.toml",
];

fn command(words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_herald"));
    command
        .args(words.split(' '))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear();
    command
}

#[test]
fn what_could_not_be_written_is_not_done() {
    // A device of Linux whose every write fails as on a full disk.
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
        return;
    };
    for words in COMMANDS {
        let output = command(words)
            .stdout(full.try_clone().unwrap())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{words}");
        let said = String::from_utf8(output.stderr).unwrap();
        let why = "herald: standard output cannot be written: ";
        assert!(said.starts_with(why), "{words}: {said}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    for words in COMMANDS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(words).stdout(writer).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), said.as_str()),
            (Some(0), ""),
            "{words}"
        );
    }
}

#[test]
fn log_lines_for_people_have_no_colours_where_they_go_to_a_file() {
    let settings = std::env::temp_dir().join(format!("herald-{}.toml", uuid::Uuid::now_v7()));
    let text = "server.listen = \"127.0.0.1:0\"\nadmin.listen = \"127.0.0.1:0\"\nlog.format = \"pretty\"\n";
    fs::write(&settings, text).unwrap();
    let mut herald = command(&format!("--settings {}", settings.display()))
        .env("TERM", "xterm-256color")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Its first words come when it listens, and to signals too.
    let mut out = std::io::BufReader::new(herald.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    assert!(line.contains(" listens on http://127.0.0.1:"), "{line}");
    let kill = Command::new("kill").arg(herald.id().to_string()).status();
    assert!(kill.unwrap().success());
    let output = herald.wait_with_output().unwrap();
    fs::remove_file(&settings).unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stderr).unwrap();
    assert!(lines.contains("shutting down"), "{lines}");
    assert!(!lines.contains('\u{1b}'), "{lines}");
}
