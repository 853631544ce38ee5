//! The drawn text of every case is the one that lies beside it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::corpus::{Case, cases, names};

fn hold(case: &Case, drawn: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(case.folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(case.name.as_str(), drawn));
}

fn hold_folder(folder: &'static str, are_taken: bool) {
    let mut changed = Vec::new();
    for case in cases(folder) {
        let (found, is_taken) = case.found();
        assert_eq!(is_taken, are_taken, "{}", case.name);
        assert!(!found.is_empty(), "{}", case.name);
        let drawn = found.draw(false);
        // Each is compared before any fails the test.
        if catch_unwind(AssertUnwindSafe(|| hold(&case, &drawn))).is_err() {
            changed.push(case.name);
        }
    }
    assert!(changed.is_empty(), "{folder}: {changed:?} changed");
}

#[test]
fn every_mistake_is_drawn_as_it_lies_beside_its_file() {
    hold_folder("refused", false);
}

#[test]
fn every_warning_is_drawn_as_it_lies_beside_its_file() {
    hold_folder("warned", true);
}

#[test]
fn no_drawn_text_lies_there_without_its_file() {
    for folder in ["refused", "warned"] {
        assert_eq!(names(folder, ".snap"), names(folder, ".toml"), "{folder}");
    }
}

#[test]
fn there_are_as_many_cases_as_promised() {
    assert!(cases("refused").len() >= 60);
}
