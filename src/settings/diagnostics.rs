//! What is wrong with settings, or surely not meant, and where.

mod draw;
mod mask;
mod report;

use std::{error::Error, fmt, sync::Arc};

use super::{
    origin::{Anchor, Origin, Origins},
    source::Source,
};

/// One mistake, or one thing that is allowed but surely not meant.
///
/// No text in it repeats a value that may be a secret. Printed as one line that says what to write
/// instead: `herald.toml:3:8: clocks.idle: must be from 1ms to 1day, not 2days`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it keeps the settings from being taken.
    pub severity: Severity,
    /// The key's path, such as `clocks.idle` or `providers[0].base_url`; list items count from zero.
    /// Empty for what concerns no key: a file that cannot be read or is no TOML, a variable whose
    /// name is none of ours.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What was meant, or what to write instead, where that can be said in a few words.
    pub hint: Option<String>,
    /// What else helps: the known keys, the allowed range, the default.
    pub notes: Vec<String>,
    /// Where it was written.
    pub origin: Origin,
    /// Other places that belong to it, each with what stands there.
    pub related: Vec<(Origin, String)>,
}

impl Diagnostic {
    /// A mistake that concerns no key.
    pub(super) fn mistake(origin: Origin, problem: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            key: String::new(),
            problem: problem.into(),
            hint: None,
            notes: Vec::new(),
            origin,
            related: Vec::new(),
        }
    }

    /// Names and values that are repeated may hold anything: what looks like a key is covered, and
    /// what would act on a terminal is written out.
    fn make_harmless(&mut self) {
        let related = self.related.iter_mut().map(|(_, text)| text);
        let texts = [&mut self.key, &mut self.problem].into_iter();
        let texts = texts.chain(&mut self.hint).chain(&mut self.notes);
        for text in texts.chain(related) {
            *text = mask::harmless(text);
        }
    }
}

/// What follows from a [`Diagnostic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The settings are refused.
    Error,
    /// The settings are taken.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (origin, key) = (self.origin.to_string(), self.key.as_str());
        for part in [origin.as_str(), key] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.problem)?;
        let rest = self.hint.iter().chain(&self.notes);
        rest.into_iter().try_for_each(|part| write!(f, "; {part}"))
    }
}

/// Everything that was found wrong with settings, in the order of the text.
///
/// As an error it prints each diagnostic as one line. [`draw`](Self::draw) shows them under the lines
/// they speak of, [`to_json`](Self::to_json) is for programs.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    sources: Arc<[Source]>,
}

impl Diagnostics {
    pub(super) fn new(mut list: Vec<Diagnostic>, sources: Arc<[Source]>) -> Self {
        let place = |diagnostic: &Diagnostic| match &diagnostic.origin {
            Origin::Nowhere => (0, 0, 0, String::new()),
            Origin::File(place) => (1, place.source, place.span.start, String::new()),
            Origin::Variable(name) => (2, 0, 0, name.clone()),
        };
        list.sort_by_cached_key(place);
        list.iter_mut().for_each(Diagnostic::make_harmless);
        Self { list, sources }
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// How many of them have this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let is_so = |diagnostic: &&Diagnostic| diagnostic.severity == severity;
        self.list.iter().filter(is_so).count()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.list.iter().enumerate() {
            let line_end = if index > 0 { "\n" } else { "" };
            write!(f, "{line_end}{diagnostic}")?;
        }
        Ok(())
    }
}

impl Error for Diagnostics {}

/// Collects what is found on the way.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    origins: &'a Origins,
    found: Found,
}

/// What was found so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) list: Vec<Diagnostic>,
    /// Keys that are there under a misspelt name, which is told.
    pub(super) misspelt: Vec<String>,
}

impl From<Vec<Diagnostic>> for Found {
    fn from(list: Vec<Diagnostic>) -> Self {
        let misspelt = Vec::new();
        Self { list, misspelt }
    }
}

impl<'a> Problems<'a> {
    /// Goes on from what was found before.
    pub(super) fn new(origins: &'a Origins, found: Found) -> Self {
        Self { origins, found }
    }

    /// Notes that an unknown key, which is told, was surely meant to be this one.
    pub(super) fn note_misspelt(&mut self, key: String) {
        self.found.misspelt.push(key);
    }

    /// Notes a mistake at the value of the key, with nothing to add.
    pub(super) fn at(&mut self, key: &str, problem: impl Into<String>) {
        self.error(key, problem).tell();
    }

    /// Notes a mistake at the key if there was one, and goes on with what there is.
    pub(super) fn take<T>(&mut self, key: &str, result: Result<T, impl Into<String>>) -> Option<T> {
        result.map_err(|problem| self.at(key, problem)).ok()
    }

    /// Begins a mistake that has more to say.
    pub(super) fn error<'p>(
        &'p mut self,
        key: &str,
        problem: impl Into<String>,
    ) -> Finding<'p, 'a> {
        self.finding(Severity::Error, key, problem.into())
    }

    /// Begins a warning.
    pub(super) fn warning<'p>(
        &'p mut self,
        key: &str,
        problem: impl Into<String>,
    ) -> Finding<'p, 'a> {
        self.finding(Severity::Warning, key, problem.into())
    }

    fn finding<'p>(
        &'p mut self,
        severity: Severity,
        key: &str,
        problem: String,
    ) -> Finding<'p, 'a> {
        let diagnostic = Diagnostic {
            severity,
            key: key.to_owned(),
            problem,
            hint: None,
            notes: Vec::new(),
            origin: self.origins.find(key),
            related: Vec::new(),
        };
        Finding {
            problems: self,
            diagnostic,
        }
    }

    /// Where a value was written.
    pub(super) fn origin(&self, key: &str) -> Origin {
        self.origins.find(key)
    }

    /// Whether the value of this key is the built-in one.
    pub(super) fn is_built_in(&self, key: &str) -> bool {
        self.origins.is_built_in(key)
    }

    /// Whether a mistake was told of this key, or of something around it: what is wrong there
    /// follows from that mistake.
    pub(super) fn is_told(&self, key: &str) -> bool {
        let errors = self.found.list.iter();
        let errors = errors.filter(|told| told.severity == Severity::Error);
        let told = errors.map(|told| &told.key).chain(&self.found.misspelt);
        told.filter(|told| !told.is_empty())
            .any(|told| is_within(key, told))
    }

    /// Whether a mistake was told of this key or of something in it.
    pub(super) fn has_error_within(&self, key: &str) -> bool {
        let mut errors = self.found.list.iter();
        errors.any(|told| told.severity == Severity::Error && is_within(&told.key, key))
    }

    pub(super) fn into_found(self) -> Found {
        self.found
    }
}

/// Whether a key is the other, or something in it.
fn is_within(key: &str, outer: &str) -> bool {
    let rest = key.strip_prefix(outer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A diagnostic that is still being written; [`tell`](Self::tell) notes it.
#[must_use = "a finding is only noted when it is told"]
pub(super) struct Finding<'p, 'a> {
    problems: &'p mut Problems<'a>,
    diagnostic: Diagnostic,
}

impl Finding<'_, '_> {
    /// Points at the name instead of the value.
    pub(super) fn at_the_name(mut self) -> Self {
        let key = &self.diagnostic.key;
        self.diagnostic.origin = self.problems.origins.find_at(key, Anchor::Key);
        self
    }

    /// Points at the variable that wrote something in this table.
    pub(super) fn at_the_variable(mut self) -> Self {
        let name = self.problems.origins.variable_within(&self.diagnostic.key);
        if let Some(name) = name {
            self.diagnostic.origin = Origin::Variable(name.to_owned());
        }
        self
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        self.hint_if(Some(hint.into()))
    }

    pub(super) fn hint_if(mut self, hint: Option<String>) -> Self {
        self.diagnostic.hint = hint;
        self
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.diagnostic.notes.push(note.into());
        self
    }

    pub(super) fn notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.diagnostic.notes.extend(notes);
        self
    }

    /// Another place that belongs to it, and what stands there.
    pub(super) fn beside(mut self, key: &str, text: impl Into<String>) -> Self {
        let origin = self.problems.origins.find(key);
        self.diagnostic.related.push((origin, text.into()));
        self
    }

    /// Notes it, unless it follows from a mistake that was told before.
    pub(super) fn tell(self) {
        if !self.problems.is_told(&self.diagnostic.key) {
            self.problems.found.list.push(self.diagnostic);
        }
    }
}
