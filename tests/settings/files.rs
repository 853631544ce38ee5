//! Mistakes with files themselves, which each test makes and removes.

use std::{collections::HashMap, path::Path};

use herald::settings::{SecretSource, SecretsUnread, Settings};

use crate::scratch::Scratch;

/// Settings whose provider takes its key from this file.
fn with_secret(file: &Scratch) -> String {
    format!(
        r#"
        [[providers]]
        id = "acme"
        kind = "openai"
        base_url = "http://localhost:9"
        api_key = {{ file = "{}" }}
        [[models]]
        id = "m"
        targets = [{{ provider = "acme", model = "m" }}]
        "#,
        file.0.display()
    )
}

fn warnings(toml: &str, secrets: &dyn SecretSource) -> String {
    let settings = Settings::from_toml(toml).unwrap();
    settings.verify(secrets).unwrap().warnings.to_string()
}

fn load(file: &Path) -> String {
    let settings = Settings::load(Some(file), &HashMap::new());
    settings.unwrap_err().to_string()
}

#[test]
fn a_secret_that_others_can_read_or_change_is_warned_of() {
    for (mode, can) in [
        (0o604, "read"),
        (0o644, "read"),
        (0o620, "change"),
        (0o602, "change"),
    ] {
        let secret = Scratch::new("open", b"hunter2", mode);
        assert_eq!(
            secret.named(warnings(&with_secret(&secret), &HashMap::new())),
            format!(
                "settings:6:28: providers[0].api_key.file: other users of this machine can {can} \
                 the file (its mode is {mode:04o}); chmod 600, or 640 for a group of Herald's own"
            )
        );
    }
}

#[test]
fn a_secret_of_herald_s_own_and_one_that_is_not_looked_for_are_not_warned_of() {
    for mode in [0o400, 0o600, 0o640] {
        let secret = Scratch::new("own", b"hunter2", mode);
        assert_eq!(
            warnings(&with_secret(&secret), &HashMap::new()),
            "",
            "{mode:o}"
        );
    }
    let open = Scratch::new("unread", b"hunter2", 0o666);
    assert_eq!(warnings(&with_secret(&open), &SecretsUnread), "");
}

#[test]
fn a_secret_that_cannot_stand_in_a_header_is_refused() {
    for (name, content, problem) in [
        ("empty", &b""[..], "is empty"),
        ("line", b"\n", "is empty"),
        (
            "binary",
            b"\xff\xfe",
            "holds more than visible ASCII characters",
        ),
        (
            "lines",
            b"hunter2\nhunter2\n",
            "holds more than visible ASCII characters",
        ),
        (
            "large",
            &[b'k'; 64 * 1024 + 1],
            "cannot be read: it is larger than 65536 bytes",
        ),
    ] {
        let secret = Scratch::new(name, content, 0o600);
        let settings = Settings::from_toml(&with_secret(&secret)).unwrap();
        assert_eq!(
            secret.named(settings.verify(&HashMap::new()).unwrap_err()),
            format!("settings:6:28: providers[0].api_key.file: the file FILE {problem}")
        );
    }
}

#[test]
fn a_settings_file_that_cannot_be_read_is_named() {
    assert_eq!(
        load(Path::new("/nowhere/herald.toml")),
        "cannot read the settings file /nowhere/herald.toml: No such file or directory (os error 2)"
    );
    let binary = Scratch::new("binary.toml", b"\xff\xfe", 0o600);
    assert_eq!(
        binary.named(load(&binary.0)),
        "cannot read the settings file FILE: it is not UTF-8"
    );
}

#[test]
fn a_settings_file_that_cannot_be_read_does_not_hide_a_wrong_variable() {
    let environment = HashMap::from([("herald__auth".to_owned(), "none".to_owned())]);
    let refused = Settings::load(Some(Path::new("/nowhere")), &environment);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "cannot read the settings file /nowhere: No such file or directory (os error 2)\n\
         herald__auth: write the name in capitals: HERALD__AUTH"
    );
}

#[test]
fn a_file_of_no_bytes_says_nothing_and_is_accepted() {
    for content in [
        &b""[..],
        b"\n",
        b"\r\n",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf# nothing",
    ] {
        let empty = Scratch::new("empty.toml", content, 0o600);
        let settings = Settings::load(Some(&empty.0), &HashMap::new()).unwrap();
        let settings = settings.verify(&HashMap::new()).unwrap();
        assert!(settings.models.get("replay-text").is_some());
        assert!(settings.warnings.is_empty());
    }
}
