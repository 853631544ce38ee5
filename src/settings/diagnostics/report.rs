//! Diagnostics for programs: editors and CI.

use serde::Serialize;
use serde_json::Value;

use super::{Diagnostic, Diagnostics};
use crate::settings::origin::Origin;

/// One diagnostic as `herald check --format json` writes it. Lines and columns count from one, columns
/// in characters; the end is behind the last character.
#[derive(Serialize)]
struct Report<'a> {
    severity: String,
    /// Empty if it concerns no key.
    key: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
    notes: &'a [String],
    #[serde(flatten)]
    place: Option<ReportPlace<'a>>,
    related: Vec<Related<'a>>,
}

#[derive(Serialize)]
struct Related<'a> {
    message: &'a str,
    #[serde(flatten)]
    place: Option<ReportPlace<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ReportPlace<'a> {
    File {
        file: &'a str,
        line: usize,
        column: usize,
        end_line: usize,
        end_column: usize,
    },
    Variable {
        variable: &'a str,
    },
}

impl Diagnostics {
    /// All of them as a JSON array of objects: `severity` (`error` or `warning`), `key`, `message`,
    /// `hint` (or null), `notes`, and either `file`, `line`, `column`, `end_line` and `end_column` or `variable`;
    /// `related` has further places with a `message` each.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let report = |diagnostic| self.report(diagnostic);
        let reports: Vec<_> = self.list.iter().map(report).collect();
        serde_json::to_value(reports).expect("texts and numbers are JSON")
    }

    fn report<'a>(&'a self, diagnostic: &'a Diagnostic) -> Report<'a> {
        let related = |(origin, message): &'a (Origin, String)| Related {
            message,
            place: self.report_place(origin),
        };
        Report {
            severity: diagnostic.severity.to_string(),
            key: &diagnostic.key,
            message: &diagnostic.problem,
            hint: diagnostic.hint.as_deref(),
            notes: &diagnostic.notes,
            place: self.report_place(&diagnostic.origin),
            related: diagnostic.related.iter().map(related).collect(),
        }
    }

    fn report_place<'a>(&self, origin: &'a Origin) -> Option<ReportPlace<'a>> {
        match origin {
            Origin::File(place) => {
                let source = self.sources.get(place.source)?;
                let (end_line, end_column) = source.line_and_column(place.span.end);
                Some(ReportPlace::File {
                    file: &place.file,
                    line: place.line,
                    column: place.column,
                    end_line,
                    end_column,
                })
            }
            Origin::Variable(variable) => Some(ReportPlace::Variable { variable }),
            Origin::Nowhere => None,
        }
    }
}
