//! What can be wrong with a recording.

use std::{io, path::Path};

/// Why a recording, or a folder of them, was refused.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file or folder could not be read.
    #[error("{file}: cannot be read: {source}")]
    Unreadable {
        /// Its path.
        file: String,
        /// What the operating system or the UTF-8 check said.
        source: io::Error,
    },
    /// The text is no recording.
    #[error("{file}, line {line}, column {column}: {reason}\n  | {source_line}")]
    Malformed {
        /// The file.
        file: String,
        /// Line of the first offending character, from 1.
        line: usize,
        /// Its column in characters, from 1.
        column: usize,
        /// That line, shortened to 80 characters; it shows the field.
        source_line: String,
        /// What is wrong, and what to write instead.
        reason: String,
    },
    /// A folder without a single recording in it.
    #[error("{0}: holds no recordings: put at least one NAME.toml there")]
    NoneFound(String),
}

impl RecordingError {
    pub(crate) fn unreadable(path: &Path, source: io::Error) -> Self {
        let file = path.display().to_string();
        Self::Unreadable { file, source }
    }

    pub(super) fn malformed(file: &str, text: &str, error: &toml::de::Error) -> Self {
        // Without a place the whole text is meant.
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..at).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let source_line = text[line_start..].lines().next().unwrap_or_default();
        Self::Malformed {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            source_line: source_line.chars().take(80).collect(),
            reason: error.message().to_owned(),
        }
    }
}
