//! Whether what is written for people may have colours.

use std::{ffi::OsStr, io::IsTerminal};

/// Whether to colour what goes to this stream: only on a terminal, one that knows colours, and where
/// `NO_COLOR` (<https://no-color.org>) is not set, or empty.
#[must_use]
pub fn has_colours(stream: &impl IsTerminal) -> bool {
    let variable = |name| std::env::var_os(name);
    stream.is_terminal() && are_wanted(variable("NO_COLOR").as_deref(), variable("TERM").as_deref())
}

fn are_wanted(no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_refused_by_a_no_color_that_says_something_and_by_a_dumb_terminal() {
        let wanted = |no_color: Option<&'static str>, term: Option<&'static str>| {
            are_wanted(no_color.map(OsStr::new), term.map(OsStr::new))
        };
        assert!(wanted(None, Some("xterm-256color")));
        assert!(wanted(Some(""), None));
        assert!(!wanted(Some("1"), Some("xterm-256color")));
        assert!(!wanted(None, Some("dumb")));
    }

    #[test]
    fn what_is_no_terminal_has_no_colours() {
        assert!(!has_colours(&std::fs::File::open("/dev/null").unwrap()));
    }
}
