//! What the checks came to, as text.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Check, Verdict, verdict::bounded};

/// What became of one check.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    /// What is expected.
    pub expected: &'static str,
    /// Who says so.
    pub source: &'static str,
    /// What it came to.
    pub verdict: Verdict,
    /// What was seen, on one line of at most 240 characters.
    pub seen: String,
}

/// Longest text of what was seen, in characters.
const MAX_SEEN: usize = 240;

impl Finding {
    pub(super) fn new(check: &'static Check, verdict: Verdict, seen: &str) -> Self {
        Self {
            check: check.name,
            expected: check.expected,
            source: check.source,
            verdict,
            seen: bounded(seen, MAX_SEEN),
        }
    }

    /// The lines of a table for people: one, or three where the check did not pass.
    #[must_use]
    pub fn lines(&self) -> String {
        let Self { check, seen, .. } = self;
        let mut lines = format!("{:<8}{check:<30} {seen}\n", self.verdict.word());
        if self.verdict == Verdict::Fail {
            let (expected, source) = (self.expected, self.source);
            let _ = writeln!(lines, "        expected: {expected}\n        by: {source}");
        }
        lines
    }
}

/// What became of all checks that ran.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of the kit, which is Herald's.
    pub version: &'static str,
    /// What both sides spoke, `chat` or `messages`.
    pub dialect: &'static str,
    /// How many passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many could not be told.
    pub skipped: usize,
    /// All of them, in the order in which they ran.
    pub checks: Vec<Finding>,
}

impl Report {
    pub(super) fn new(dialect: &'static str, checks: Vec<Finding>) -> Self {
        let count = |verdict| {
            let of_it = checks.iter().filter(|finding| finding.verdict == verdict);
            of_it.count()
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            dialect,
            passed: count(Verdict::Pass),
            failed: count(Verdict::Fail),
            skipped: count(Verdict::Skipped),
            checks,
        }
    }

    /// `40 passed, 2 failed, 1 skipped`.
    #[must_use]
    pub fn tally(&self) -> String {
        let Self {
            passed,
            failed,
            skipped,
            ..
        } = self;
        format!("{passed} passed, {failed} failed, {skipped} skipped")
    }

    /// A JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("numbers and texts are JSON") + "\n"
    }

    /// A table of Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut table =
            "| Check | Expected | Source | Verdict | Seen |\n|---|---|---|---|---|\n".to_owned();
        for finding in &self.checks {
            let _ = writeln!(
                table,
                "| `{}` | {} | {} | {} | {} |",
                finding.check,
                finding.expected,
                finding.source,
                finding.verdict.word(),
                // What a gateway wrote is neither a cell's end nor markup.
                finding.seen.replace('|', "\\|").replace('<', "\\<"),
            );
        }
        let _ = writeln!(table, "\n{}.", self.tally());
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::checks;

    fn finding(verdict: Verdict, seen: &str) -> Finding {
        Finding::new(checks().next().unwrap(), verdict, seen)
    }

    #[test]
    fn a_failure_says_what_is_expected_and_by_whom_and_a_success_takes_a_line() {
        assert_eq!(finding(Verdict::Pass, "all").lines().lines().count(), 1);
        let failed = finding(Verdict::Fail, "none").lines();
        assert!(failed.contains("expected: the head") && failed.contains("by: promise 1"));
    }

    #[test]
    fn what_was_seen_breaks_no_table() {
        let report = Report::new("chat", vec![finding(Verdict::Fail, "<b>|\n")]);
        let row = report.markdown();
        assert!(row.contains("| fail | \\<b>\\|\\n |\n"), "{row}");
        assert!(row.ends_with("0 passed, 1 failed, 0 skipped.\n"), "{row}");
    }

    #[test]
    fn what_was_seen_is_bounded() {
        let finding = finding(Verdict::Fail, &"x".repeat(1000));
        assert_eq!(finding.seen.chars().count(), MAX_SEEN + 1);
    }
}
