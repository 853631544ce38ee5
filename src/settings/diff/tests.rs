use std::{collections::HashMap, fs};

use super::*;
use crate::settings::Settings;

const BASE: &str = r#"
    [metadata]
    allow = ["x-a", "x-b"]
    [[providers]]
    id = "p"
    kind = "replay"
    headers = { "x-team" = "crimson" }
    [[providers]]
    id = "q"
    kind = "openai"
    base_url = "http://127.0.0.1:1"
    api_key = { env = "KEY" }
    [[models]]
    id = "one"
    targets = [{ provider = "p", model = "text" }]
    [[models]]
    id = "two"
    targets = [{ provider = "p", model = "text" }]
    [[keys]]
    id = "team"
    sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
"#;

fn verified(toml: &str, key: &str) -> VerifiedSettings {
    let variables = ["KEY", "OTHER_KEY"].map(|name| (name.to_owned(), key.to_owned()));
    let settings = Settings::from_toml(toml).unwrap();
    settings.verify(&HashMap::from(variables)).unwrap()
}

/// The lines of the difference from the base to the base with some of its text replaced.
fn lines(replaced: &[(&str, &str)]) -> Vec<String> {
    let mut toml = BASE.to_owned();
    for (old, new) in replaced {
        assert!(toml.contains(old), "{old}");
        toml = toml.replacen(old, new, 1);
    }
    let diff = Diff::between(&verified(BASE, "sk-1"), &verified(&toml, "sk-1"));
    diff.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn the_same_settings_written_otherwise_do_not_differ() {
    let same = format!(
        "# A comment.\n[clocks]\nidle = \"2m\"\n[stream]\nqueue_bytes = \"1024KiB\"\n{BASE}"
    );
    let (old, new) = (verified(BASE, "sk-1"), verified(&same, "sk-1"));
    assert_eq!(Diff::between(&old, &new), Diff::default());
    assert_eq!(old.effective.content_hash(), new.effective.content_hash());
    assert!(old.effective.is_same(&new.effective));
}

#[test]
fn values_are_told_old_and_new_and_what_needs_a_restart_says_so() {
    let changed = lines(&[(
        "[metadata]",
        "[server]\nworkers = 3\n[clocks]\nidle = \"90s\"\n[metadata]",
    )]);
    assert_eq!(
        changed,
        [
            r#"~ clocks.idle: "120s" → "90s""#,
            "~ server.workers: 0 → 3 (needs a restart)"
        ]
    );
}

#[test]
fn entries_go_by_their_ids_wherever_they_stand() {
    let added = "[[models]]\n    id = \"zero\"\n    targets = [{ provider = \"p\", model = \"text\" }]\n    [[models]]\n    id = \"one\"";
    assert_eq!(
        lines(&[("[[models]]\n    id = \"one\"", added)]),
        [r#"+ models[zero]: {"id":"zero","targets":[{"model":"text","provider":"p"}]}"#]
    );
    let swapped = [
        ("\"one\"", "\"temporary\""),
        ("\"two\"", "\"one\""),
        ("\"temporary\"", "\"two\""),
    ];
    assert_eq!(
        lines(&swapped),
        [r#"~ models: another order: ["one","two"] → ["two","one"]"#]
    );
    assert_eq!(
        lines(&[(
            "model = \"text\" }]\n    [[keys]]",
            "model = \"tool-call\" }]\n    [[keys]]"
        )]),
        [
            r#"- models[two].targets: {"model":"text","provider":"p"}"#,
            r#"+ models[two].targets: {"model":"tool-call","provider":"p"}"#
        ]
    );
}

#[test]
fn rules_are_told_one_by_one_and_their_order_counts() {
    assert_eq!(
        lines(&[(r#""x-a", "x-b""#, r#""x-b", "x-c""#)]),
        [r#"- metadata.allow: "x-a""#, r#"+ metadata.allow: "x-c""#]
    );
    assert_eq!(
        lines(&[(r#""x-a", "x-b""#, r#""x-b", "x-a""#)]),
        [r#"~ metadata.allow: another order: ["x-a","x-b"] → ["x-b","x-a"]"#]
    );
    assert_eq!(
        lines(&[("[[providers]]", "status = { \"5xx\" = 500 }\n[[providers]]")]),
        ["+ metadata.status.5xx: 500"]
    );
}

#[test]
fn what_is_never_shown_is_only_changed() {
    assert_eq!(
        lines(&[("\"crimson\"", "\"blue\""), ("2bb8", "3bb8")]),
        [
            "~ keys[team].sha256: changed",
            "~ providers[p].headers.x-team: changed"
        ]
    );
    assert_eq!(
        lines(&[(
            "{ \"x-team\" = \"crimson\" }",
            "{ \"x-team\" = \"crimson\", \"x-new\" = \"blue\" }"
        )]),
        ["+ providers[p].headers.x-new"]
    );
    assert_eq!(
        lines(&[("env = \"KEY\"", "env = \"OTHER_KEY\"")]),
        [r#"~ providers[q].api_key: {"env":"KEY"} → {"env":"OTHER_KEY"}"#]
    );
    let (old, new) = (verified(BASE, "sk-1"), verified("", "sk-1"));
    let told = serde_json::to_string(&Diff::between(&old, &new)).unwrap();
    for secret in ["crimson", "2bb8", "sk-1"] {
        assert!(!told.contains(secret), "{secret} in {told}");
        assert!(
            !old.effective.to_json().to_string().contains(secret),
            "{secret}"
        );
        assert!(!format!("{old:?}").contains("sk-1"));
    }
}

#[test]
fn a_secret_or_a_file_that_changed_behind_its_name_is_told_by_its_place() {
    let (old, new) = (verified(BASE, "sk-1"), verified(BASE, "sk-2"));
    assert_eq!(
        Diff::between(&old, &new).to_string(),
        "~ the variable KEY: changed\n"
    );
    // The hash is the same on every replica, whatever its secrets.
    assert_eq!(old.effective.content_hash(), new.effective.content_hash());
    assert!(!old.effective.is_same(&new.effective));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let toml = BASE.replace("env = \"KEY\"", &format!("file = {file:?}"));
    let with = |secret: &str| {
        fs::write(&file, secret).unwrap();
        verified(&toml, "")
    };
    let diff = Diff::between(&with("sk-1"), &with("sk-2"));
    assert_eq!(
        diff.to_string(),
        format!("~ the file {}: changed\n", file.display())
    );
    assert_eq!(diff.changes[0].section, "outside");
}
