//! `herald diff`.

use std::fs;

use crate::support::{Run, herald};

const MODEL: &str = "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1\"\n\
    api_key = { env = \"NOT_SET_HERE\" }\n\
    [[models]]\nid = \"m\"\ntargets = [{ provider = \"p\", model = \"m\" }]\n";

fn diff(old: &str, new: &str, more: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (old, new) = (file("old.toml", old), file("new.toml", new));
    herald(&[&["diff", &old, &new], more].concat(), &[], "")
}

#[test]
fn diff_prints_a_line_for_each_change_and_exits_with_1() {
    let new = format!("[server]\nworkers = 2\n[clocks]\nidle = \"90s\"\n{MODEL}");
    let run = diff(MODEL, &new, &[]);
    assert_eq!(
        (run.code, &*run.stdout),
        (
            1,
            "~ clocks.idle: \"120s\" → \"90s\"\n~ server.workers: 0 → 2 (needs a restart)\n"
        )
    );
    let run = diff(MODEL, &new, &["--format", "json"]);
    let changes: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(changes[1]["key"], "server.workers");
    assert_eq!(changes[1]["needs_restart"], true);
}

#[test]
fn diff_says_nothing_of_the_same_settings_and_exits_with_0() {
    let moved = format!("[clocks]\nidle = \"2m\" # As it is.\n{MODEL}");
    let run = diff(MODEL, &moved, &[]);
    assert_eq!((run.code, &*run.stdout, &*run.stderr), (0, "", ""));
}

#[test]
fn diff_exits_with_2_when_a_file_is_refused_and_says_why() {
    let run = diff(MODEL, "[clocks]\nidle = 9", &[]);
    assert_eq!((run.code, &*run.stdout), (2, ""));
    assert!(run.stderr.contains("error[clocks.idle]"), "{run:?}");
    let run = herald(&["diff", "/no/such/file", "/no/such/file"], &[], "");
    assert_eq!(run.code, 2, "{run:?}");
}
