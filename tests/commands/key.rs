//! `herald key`.

use sha2::{Digest, Sha256};

use crate::support::{Run, herald};

fn new(id: &str) -> (Run, String) {
    let run = herald(&["key", "new", "--id", id], &[], "");
    assert_eq!(run.code, 0, "{run:#?}");
    let mut words = run.stderr.split_whitespace();
    let key = words.find(|word| word.starts_with("hk_")).unwrap();
    let key = key.to_owned();
    (run, key)
}

#[test]
fn key_new_shows_a_key_of_256_bits_and_the_settings_under_which_it_opens() {
    let (run, key) = new("team-a");
    assert_eq!(key.len(), "hk_".len() + 43);
    let hash = hex::encode(Sha256::digest(&key));
    assert_eq!(
        run.stdout,
        format!("[[keys]]\nid = \"team-a\"\nsha256 = \"{hash}\"\n")
    );
    let check = herald(&["check", "--settings", "/dev/stdin"], &[], &run.stdout);
    assert_eq!(check.code, 0, "{check:#?}");
}

#[test]
fn no_two_keys_are_alike_and_what_goes_into_the_settings_does_not_hold_the_key() {
    let ((first, key), (_, other)) = (new("a"), new("a"));
    assert_ne!(key, other);
    assert!(!first.stdout.contains(&key));
}

#[test]
fn explain_route_says_which_models_a_key_may_use_and_by_which_pattern() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/commands/key.toml");
    let ask = |arguments: &[&str]| {
        let run = herald(
            &[&["--settings", file, "explain", "route"], arguments].concat(),
            &[],
            "",
        );
        run.line("who may ask").to_owned()
    };
    let begins = |arguments: &[&str], expected: &str| {
        let told = ask(arguments);
        assert!(told.starts_with(expected), "{told:?}");
    };
    begins(&["large"], "1 of the 3 [[keys]], keys (");
    begins(&["large", "--key", "all"], "all may, keys[0] (");
    begins(
        &["small-1", "--key", "some"],
        "some may, keys[1].models[1] (",
    );
    begins(
        &["large", "--key", "some"],
        "some may not: no pattern matches, keys[1].models (",
    );
    assert!(ask(&["large", "--key", "some"]).ends_with("; a client gets 403 model_not_allowed"));
    begins(
        &["large", "--key", "old"],
        "old may not: it expired at 2001-01-01T00:00:00Z, keys[2].expires (",
    );
    assert!(ask(&["large", "--key", "old"]).ends_with("; a client gets 401 expired_api_key"));
}
