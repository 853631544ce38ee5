//! `herald check`: its exit codes, and where it writes what.

use std::fs;

use crate::support::{Run, herald};

/// Runs it on these settings; gone with the test.
fn check(settings: &str, more: &[&str], variables: &[(&str, &str)]) -> Run {
    let file = std::env::temp_dir().join(format!("herald-check-{}.toml", uuid::Uuid::now_v7()));
    fs::write(&file, settings).unwrap();
    let path = file.to_str().unwrap();
    let run = herald(
        &[&["check", "--settings", path], more].concat(),
        variables,
        "",
    );
    fs::remove_file(&file).unwrap();
    run
}

const GOOD: &str = r#"
[[providers]]
id = "p"
kind = "openai"
base_url = "https://p.test/v1"
api_key = { env = "P_KEY" }
[[models]]
id = "m"
targets = [{ provider = "p", model = "m" }]
"#;

/// Right, but for a heartbeat that never comes.
const WARNED: &str = "clocks.total = \"10s\"\nclocks.idle = \"10s\"\nclocks.head = \"10s\"\n\
    clocks.first_event = \"10s\"\nclocks.heartbeat = \"15s\"\n";

#[test]
fn settings_that_are_right_are_said_to_be_on_standard_output() {
    let run = check(GOOD, &[], &[("P_KEY", "k")]);
    let said = "the settings are right: 1 provider, 1 model\n";
    assert_eq!(
        (run.code, run.stdout.as_str(), run.stderr.as_str()),
        (0, said, "")
    );
    let run = check(GOOD, &["--without-secrets"], &[]);
    assert_eq!((run.code, run.stdout.as_str()), (0, said), "{run:#?}");
}

#[test]
fn every_mistake_is_drawn_on_standard_error_without_colours_where_nobody_sees_them() {
    let bad = format!("server.listen = 1\nclocks.idel = \"1s\"\n{GOOD}");
    let run = check(&bad, &[], &[("TERM", "xterm-256color")]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    for part in ["server.listen", "clocks.idel", "P_KEY"] {
        assert!(run.stderr.contains(part), "{part}: {run:#?}");
    }
    let end = "herald: the settings are refused: 3 errors\n";
    assert!(run.stderr.ends_with(end), "{run:#?}");
    assert!(!run.stderr.contains('\u{1b}'), "{run:#?}");
}

#[test]
fn for_programs_all_of_it_is_one_list_of_json_on_standard_output() {
    let found = |run: &Run| -> Vec<serde_json::Value> {
        assert_eq!(run.stderr, "", "{run:#?}");
        serde_json::from_str(&run.stdout).unwrap()
    };
    let json = &["--format", "json"];
    let run = check(GOOD, json, &[("P_KEY", "k")]);
    assert_eq!((run.code, found(&run).len()), (0, 0));
    let run = check("server.listen = 1", json, &[]);
    assert_eq!(run.code, 1);
    let found = found(&run);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["key"], "server.listen");
    assert_eq!(found[0]["severity"], "error");
    assert_eq!(
        (&found[0]["line"], &found[0]["column"]),
        (&1.into(), &17.into())
    );
}

#[test]
fn a_warning_is_no_error_unless_it_is_denied() {
    let run = check(WARNED, &[], &[]);
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(run.stdout.ends_with(", 1 warning\n"), "{run:#?}");
    assert!(
        run.stderr.starts_with("warning[clocks.heartbeat]"),
        "{run:#?}"
    );
    for more in [
        &["--deny-warnings"][..],
        &["--deny-warnings", "--format", "json"],
    ] {
        assert_eq!(check(WARNED, more, &[]).code, 1);
    }
}
