//! What holds of everything that is told, whatever its words.

use std::fs;

use herald::settings::Diagnostics;
use serde_json::Value;

use crate::corpus::{Case, all};

/// What stands in the cases where a secret could.
const PLANTED: [&str; 2] = ["sk-secret", "hunter2"];

#[test]
fn no_secret_is_told_in_any_form() {
    let mut planted = 0;
    for case in all() {
        let (found, _) = case.found();
        let forms = [
            found.draw(false),
            found.draw(true),
            found.to_string(),
            found.to_json().to_string(),
            format!("{found:?}"),
        ];
        for secret in PLANTED {
            planted += case.text.matches(secret).count();
            for form in &forms {
                assert!(!form.contains(secret), "{}: {form}", case.name);
            }
        }
    }
    assert!(planted > 40, "{planted}");
}

#[test]
fn what_is_told_and_its_order_are_the_same_each_time() {
    for case in all() {
        let first = case.found().0.to_string();
        for _ in 0..3 {
            assert_eq!(case.found().0.to_string(), first, "{}", case.name);
        }
    }
}

#[test]
fn every_form_tells_the_same_and_the_places_lie_in_the_text() {
    for case in all() {
        let (found, _) = case.found();
        let (drawn, json) = (found.draw(false), found.to_json());
        let reports = json.as_array().unwrap();
        assert_eq!(reports.len(), found.iter().count(), "{}", case.name);
        assert_eq!(found.to_string().lines().count(), reports.len());
        for (report, line) in reports.iter().zip(found.to_string().lines()) {
            for related in report["related"].as_array().unwrap() {
                hold_place(&case, related);
            }
            if let Some(variable) = report["variable"].as_str() {
                assert!(line.starts_with(&format!("{variable}: ")), "{line}");
                assert!(drawn.contains(variable), "{drawn}");
            }
            let Some(place) = hold_place(&case, report) else {
                continue;
            };
            assert!(line.starts_with(&format!("{place}: ")), "{line}");
            assert!(drawn.contains(&format!("{place}\n")), "{place}: {drawn}");
        }
    }
}

/// The place as it is printed, if it is one in a file, once both of its ends were found there.
fn hold_place(case: &Case, report: &Value) -> Option<String> {
    let file = report["file"].as_str()?;
    let text = match file.strip_prefix("built-in ") {
        Some(name) => fs::read_to_string(format!("settings/{name}")).unwrap(),
        None => {
            assert_eq!(file, case.path.display().to_string());
            case.text.trim_start_matches('\u{feff}').to_owned()
        }
    };
    let number = |name: &str| usize::try_from(report[name].as_u64().unwrap()).unwrap();
    let (line, column) = (number("line"), number("column"));
    let end = (number("end_line"), number("end_column"));
    assert!((line, column) <= end, "{}: {report}", case.name);
    for (line, column) in [(line, column), end] {
        // The end of the text is a place too, behind its last line end.
        let length = text
            .split('\n')
            .nth(line - 1)
            .map(|line| line.chars().count());
        let is_in = length.is_some_and(|length| (1..=length + 1).contains(&column));
        assert!(is_in, "{}: {report}", case.name);
    }
    Some(format!("{file}:{line}:{column}"))
}

#[test]
fn a_report_for_programs_has_all_that_is_drawn() {
    let case = all().find(|case| case.name == "duplicate_ids").unwrap();
    let (found, _) = case.found();
    let Value::Array(reports) = found.to_json() else {
        panic!("a list");
    };
    let expected = serde_json::json!({
        "severity": "error",
        "key": "providers[1].id",
        "message": "\"acme\" is already the id of providers[0]",
        "hint": null,
        "notes": [],
        "file": "tests/settings/refused/duplicate_ids.toml",
        "line": 8,
        "column": 6,
        "end_line": 8,
        "end_column": 12,
        "related": [{
            "message": "the first",
            "file": "tests/settings/refused/duplicate_ids.toml",
            "line": 4,
            "column": 6,
            "end_line": 4,
            "end_column": 12,
        }],
    });
    assert_eq!(reports[0], expected);
}

#[test]
fn nothing_wrong_is_told_as_nothing() {
    let nothing = Diagnostics::default();
    assert_eq!(nothing.draw(false), "");
    assert_eq!(nothing.to_string(), "");
    assert_eq!(nothing.to_json(), Value::Array(Vec::new()));
}
