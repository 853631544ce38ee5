//! What became of a check.

use serde::Serialize;

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The gateway did what is expected.
    Pass,
    /// It did not.
    Fail,
    /// It could not be told, and what was seen says why.
    Skipped,
}

impl Verdict {
    /// `pass`, `fail` or `skipped`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }
}

/// What was seen where the expectation was met, or why it was not.
pub(super) type Outcome = Result<String, Unmet>;

/// Why a check did not pass.
#[derive(Debug)]
pub(super) enum Unmet {
    /// What the gateway did instead.
    Failed(String),
    /// Why it cannot be told.
    Skipped(String),
}

/// Fails with what was seen where the expectation is not met.
pub(super) fn ensure(is_met: bool, seen: impl FnOnce() -> String) -> Result<(), Unmet> {
    if is_met {
        Ok(())
    } else {
        Err(Unmet::Failed(seen()))
    }
}

/// The text on one line, printable, and cut where it gets long: it may hold whatever a gateway wrote.
pub(super) fn bounded(text: &str, most: usize) -> String {
    let mut characters = text.chars();
    let mut line: String = characters
        .by_ref()
        .take(most)
        .flat_map(|character| match character {
            '\n' | '\r' | '\t' => character.escape_default().collect::<Vec<_>>(),
            other if other.is_control() => other.escape_unicode().collect(),
            other => vec![other],
        })
        .collect();
    if characters.next().is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gateway_wrote_is_shown_on_one_bounded_line() {
        assert_eq!(bounded("a\r\nb\u{1}é", 10), "a\\r\\nb\\u{1}é");
        assert_eq!(bounded("abcdef", 3), "abc…");
        assert_eq!(bounded("abc", 3), "abc");
    }
}
