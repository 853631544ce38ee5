//! The table of docs/reliability.md.

use crate::{
    dialects::{Dialect, Ending},
    faults::Fault,
    rules::Seen,
    wires::{OF_B, Way},
    world::Cell,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reliability.md");
const BEGIN: &str = "<!-- faults: begin -->\n";
const END: &str = "<!-- faults: end -->";

/// Holds the page to what was measured, or writes it.
pub(crate) fn compare(faults: &[Fault], measured: &[(usize, Cell, Seen)]) {
    let page = std::fs::read_to_string(FILE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let table = table(faults, measured);
    if std::env::var_os("HERALD_WRITE_DOCS").is_some() {
        std::fs::write(FILE, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert!(
        written == table,
        "docs/reliability.md is not what was measured: HERALD_WRITE_DOCS=1 cargo test --test faults\n{table}"
    );
}

fn table(faults: &[Fault], measured: &[(usize, Cell, Seen)]) -> String {
    let mut table = "| Fault | Stream | with a fallback | JSON | with a fallback |\n\
                     |---|---|---|---|---|\n"
        .to_owned();
    for (number, fault) in faults.iter().enumerate() {
        let column = |way: Way, has_fallback: bool| -> Vec<(Dialect, String)> {
            let of_column = |cell: &Cell| cell.way == way && cell.has_fallback == has_fallback;
            let cells = measured
                .iter()
                .filter(|(of, cell, _)| *of == number && of_column(cell));
            cells
                .map(|(_, cell, seen)| (cell.dialect, told(seen)))
                .collect()
        };
        table.push_str(&format!("| {}", fault.name));
        for way in Way::ALL {
            let (alone, with_b) = (column(way, false), column(way, true));
            let same = if alone == with_b {
                "the same".to_owned()
            } else {
                joined(&with_b)
            };
            table.push_str(&format!(" | {} | {same}", joined(&alone)));
        }
        table.push_str(" |\n");
    }
    table
}

/// What most dialects are told, and then the others.
fn joined(told: &[(Dialect, String)]) -> String {
    let mut kinds: Vec<(&str, Vec<String>)> = Vec::new();
    for (dialect, text) in told {
        match kinds.iter_mut().find(|(known, _)| known == text) {
            Some((_, dialects)) => dialects.push(dialect.name()),
            None => kinds.push((text, vec![dialect.name()])),
        }
    }
    if let [(text, _)] = kinds[..] {
        return text.to_owned();
    }
    let kinds = kinds
        .iter()
        .map(|(text, dialects)| format!("{}: {text}", dialects.join(", ")));
    kinds.collect::<Vec<_>>().join("<br>")
}

/// One answer in short.
fn told(seen: &Seen) -> String {
    let upstream = seen.upstream_status.as_deref().unwrap_or("–");
    let code = || format!("`{}`", seen.outcome.1.as_deref().unwrap_or("?"));
    let mut told = format!("{} ({upstream}) ", seen.status);
    told.push_str(&match seen.ending {
        Ending::Whole if seen.text == Some(OF_B) => "by the fallback".to_owned(),
        Ending::Whole => "whole".to_owned(),
        Ending::Unmarked => "whole, without a marker".to_owned(),
        Ending::ErrorEvent if seen.words => "begins, then the provider's error".to_owned(),
        Ending::ErrorEvent => format!("begins, then {}", code()),
        Ending::Refusal => code(),
    });
    if let Some(seconds) = &seen.retry_after {
        told.push_str(&format!(", retry after {seconds}"));
    }
    told
}
