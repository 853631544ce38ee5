//! What goes wrong, and the one rule for each.

mod cut_short;
mod no_answer;
mod no_head;
mod scripts;

use herald::testkit::Script;

use crate::{
    dialects::Dialect,
    nowhere::Nowhere,
    rules::{Rule, Seen},
    wires::{Way, Wire},
    world::Cell,
};

/// One thing that goes wrong with a provider.
pub(crate) struct Fault {
    /// The row of the table.
    pub(crate) name: &'static str,
    /// What the gateway's settings have beside, in TOML behind `[clocks]`.
    pub(crate) settings: &'static str,
    /// How it is met.
    pub(crate) reach: Reach,
    stream: Rule,
    document: Rule,
    /// Dialects whose streams have another rule.
    except: Vec<(Dialect, Rule)>,
}

/// Where a request to such a provider gets to.
pub(crate) enum Reach {
    /// Nowhere.
    At(fn(&Nowhere) -> String),
    /// To somebody whose certificate nobody has signed that is trusted.
    Untrusted,
    /// To somebody who is asked for TLS and does not speak it.
    WithoutTls,
    /// To somebody who answers.
    Answers(fn(Wire, Way) -> Script),
}

impl Fault {
    /// A fault that is told alike of streams and documents.
    fn new(name: &'static str, reach: Reach, rule: Rule) -> Self {
        Self {
            name,
            settings: "",
            reach,
            stream: rule,
            document: rule,
            except: Vec::new(),
        }
    }

    fn at(name: &'static str, place: fn(&Nowhere) -> String, rule: Rule) -> Self {
        Self::new(name, Reach::At(place), rule)
    }

    fn answers(name: &'static str, script: fn(Wire, Way) -> Script, rule: Rule) -> Self {
        Self::new(name, Reach::Answers(script), rule)
    }

    fn but_documents(self, document: Rule) -> Self {
        Self { document, ..self }
    }

    fn but_streams_of(mut self, dialects: &[Dialect], rule: Rule) -> Self {
        let rules = dialects.iter().map(|dialect| (*dialect, rule));
        self.except.extend(rules);
        self
    }

    fn with(self, settings: &'static str) -> Self {
        Self { settings, ..self }
    }

    /// What its rule asks of a cell.
    pub(crate) fn expects(&self, cell: Cell) -> Seen {
        let excepted = self
            .except
            .iter()
            .find(|(dialect, _)| *dialect == cell.dialect);
        let rule = match (cell.way, excepted) {
            (Way::Document, _) => self.document,
            (Way::Stream, Some((_, rule))) => *rule,
            (Way::Stream, None) => self.stream,
        };
        rule.expects(cell)
    }
}

/// Everything that goes wrong, in the order of a request's way.
pub(crate) fn faults() -> Vec<Fault> {
    [
        no_head::no_connection(),
        no_head::no_head(),
        no_answer::statuses(),
        no_answer::no_answer(),
        cut_short::cut_short(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
