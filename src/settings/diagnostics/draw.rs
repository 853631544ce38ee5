//! Diagnostics as a compiler draws them: the line, and a caret under what is wrong in it.

use std::ops::Range;

use codespan_reporting::{
    diagnostic::{self, Label},
    files::{self, Files},
    term::{self, Chars, Config, termcolor::Buffer},
};

use super::{Diagnostic, Diagnostics, Severity, mask::Masked};
use crate::settings::{
    origin::{Origin, Place},
    source::Source,
};

/// Longest line that is drawn, in bytes; of a longer one only the place is told.
const MAX_LINE_BYTES: usize = 300;

impl Diagnostics {
    /// Each diagnostic under the line that it speaks of, with colours for a terminal or without.
    ///
    /// What may be a secret in that line is covered with asterisks: every value behind a key that
    /// Herald does not know, and those of keys and headers.
    #[must_use]
    pub fn draw(&self, has_colours: bool) -> String {
        let mut output = if has_colours {
            Buffer::ansi()
        } else {
            Buffer::no_color()
        };
        let shown = self.sources.iter().map(Shown::of).collect();
        let files = AllShown(shown);
        let config = Config {
            chars: Chars::ascii(),
            ..Config::default()
        };
        for diagnostic in &self.list {
            let drawn = self.drawing(diagnostic);
            // A buffer takes everything, and every span is one of the text it names.
            let _ = term::emit_to_write_style(&mut output, &config, &files, &drawn);
        }
        String::from_utf8_lossy(output.as_slice()).into_owned()
    }

    fn drawing(&self, diagnostic: &Diagnostic) -> diagnostic::Diagnostic<usize> {
        let severity = match diagnostic.severity {
            Severity::Error => diagnostic::Severity::Error,
            Severity::Warning => diagnostic::Severity::Warning,
        };
        let mut drawn = diagnostic::Diagnostic::new(severity).with_message(&diagnostic.problem);
        if !diagnostic.key.is_empty() {
            drawn = drawn.with_code(&diagnostic.key);
        }
        match &diagnostic.origin {
            Origin::File(place) if self.is_drawable(place) => {
                let mut label = Label::primary(place.source, place.span.clone());
                if let Some(hint) = &diagnostic.hint {
                    label = label.with_message(hint);
                }
                drawn = drawn.with_label(label);
            }
            elsewhere => {
                drawn = match elsewhere {
                    Origin::File(place) => drawn.with_note(format!("at {place}")),
                    Origin::Variable(name) => {
                        drawn.with_note(format!("in the environment variable {name}"))
                    }
                    Origin::Nowhere => drawn,
                };
                if let Some(hint) = &diagnostic.hint {
                    drawn = drawn.with_note(hint);
                }
            }
        }
        for (origin, text) in &diagnostic.related {
            drawn = match origin {
                Origin::File(place) if self.is_drawable(place) => drawn.with_label(
                    Label::secondary(place.source, place.span.clone()).with_message(text),
                ),
                Origin::Nowhere => drawn.with_note(text),
                elsewhere => drawn.with_note(format!("{elsewhere}: {text}")),
            };
        }
        drawn.with_notes(diagnostic.notes.clone())
    }

    /// Whether the lines of the place are short enough to be drawn.
    fn is_drawable(&self, place: &Place) -> bool {
        let Some(source) = self.sources.get(place.source) else {
            return false;
        };
        let line_of = |byte| source.line_and_column(byte).0;
        let mut lines = line_of(place.span.start)..=line_of(place.span.end);
        lines.all(|line| {
            source
                .line(line)
                .is_some_and(|line| line.len() <= MAX_LINE_BYTES)
        })
    }
}

/// A source with what may be a secret covered.
struct Shown<'s> {
    source: &'s Source,
    text: String,
}

impl<'s> Shown<'s> {
    fn of(source: &'s Source) -> Self {
        let text = Masked::of(source).into_text();
        Self { source, text }
    }
}

/// Lines and columns are those of the source: asterisks may be more than the characters they cover.
struct AllShown<'s>(Vec<Shown<'s>>);

impl AllShown<'_> {
    fn get(&self, id: usize) -> Result<&Shown<'_>, files::Error> {
        self.0.get(id).ok_or(files::Error::FileMissing)
    }
}

impl<'a> Files<'a> for AllShown<'_> {
    type FileId = usize;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: usize) -> Result<&'a str, files::Error> {
        Ok(&self.get(id)?.source.name)
    }

    fn source(&'a self, id: usize) -> Result<&'a str, files::Error> {
        Ok(&self.get(id)?.text)
    }

    fn line_index(&'a self, id: usize, byte: usize) -> Result<usize, files::Error> {
        Ok(self.get(id)?.source.line_and_column(byte).0 - 1)
    }

    fn column_number(&'a self, id: usize, _: usize, byte: usize) -> Result<usize, files::Error> {
        Ok(self.get(id)?.source.line_and_column(byte).1)
    }

    fn line_range(&'a self, id: usize, index: usize) -> Result<Range<usize>, files::Error> {
        let line = self.get(id)?.source.line(index + 1);
        line.ok_or(files::Error::LineTooLarge {
            given: index,
            max: 0,
        })
    }
}
