//! The ten promises of the design, held against what both sides saw. Nothing here asks Herald.

mod attempts;
mod bounds;
mod commit;
mod ejection;
mod ends;
mod faults;
mod headers;
mod hedge;
mod leaving;
mod record;
mod secrets;
mod verbatim;

use std::fmt;

use serde_json::Value;

use super::{
    case::{Case, cases},
    play::Run,
};

/// What a run broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// By its number in the design; 0 for what no promise says in so many words.
    pub(super) promise: u8,
    pub(super) what: String,
}

impl Broken {
    /// Whether it is the same thing that is broken, if not by the same request at the same instant.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let words = |broken: &Self| -> String {
            let letters = broken
                .what
                .chars()
                .filter(|letter| !letter.is_ascii_digit());
            letters.take(30).collect()
        };
        self.promise == other.promise && words(self) == words(other)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.promise {
            0 => write!(f, "{}", self.what),
            promise => write!(f, "promise {promise}: {}", self.what),
        }
    }
}

/// Collects what is broken.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Broken>);

impl Findings {
    fn unless(&mut self, holds: bool, promise: u8, what: impl FnOnce() -> String) {
        if !holds {
            let what = what();
            self.0.push(Broken { promise, what });
        }
    }
}

/// Holds a run to everything.
pub(super) fn judge(run: &Run) -> Vec<Broken> {
    let mut found = Findings::default();
    let cases = cases(run);
    record::check_run(run, &cases, &mut found);
    secrets::check_run(run, &mut found);
    ejection::check_run(&cases, &mut found);
    for case in &cases {
        check(case, &mut found);
    }
    found.0
}

/// A body as the value that it holds.
fn value(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

fn check(case: &Case<'_>, found: &mut Findings) {
    record::check(case, found);
    commit::check(case, found);
    headers::check(case, found);
    faults::check(case, found);
    ends::check(case, found);
    leaving::check(case, found);
    bounds::check(case, found);
    verbatim::check(case, found);
    secrets::check(case, found);
}
