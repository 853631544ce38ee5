//! What was promised, what was found, and whether that holds.

/// The promises of a run, in the order in which they were looked at.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<[String; 3]>,
    broken: usize,
}

impl Table {
    /// Adds a figure that nothing is promised of.
    pub(crate) fn tell(&mut self, what: &str, found: impl ToString) {
        self.row(what, found.to_string(), "");
    }

    /// Adds a promise.
    pub(crate) fn hold(&mut self, what: &str, found: impl ToString, holds: bool) {
        self.broken += usize::from(!holds);
        self.row(
            what,
            found.to_string(),
            if holds { "holds" } else { "BROKEN" },
        );
    }

    fn row(&mut self, what: &str, found: String, verdict: &str) {
        self.rows.push([what.to_owned(), found, verdict.to_owned()]);
    }

    /// Prints it as a table of Markdown, and says whether all holds.
    pub(crate) fn print(&self) -> bool {
        println!("\n| What | Found | |\n|---|---|---|");
        for [what, found, verdict] in &self.rows {
            println!("| {what} | {found} | {verdict} |");
        }
        self.broken == 0
    }
}
