//! Every fault of a provider, alone and with another target behind it, as clients of every dialect are
//! told of it over real sockets; and docs/reliability.md, which has what is measured here.
//!
//! `faults` has what goes wrong and the one rule for each, `rules` what a rule asks of a cell, `dialects`
//! how clients ask and read, `wires` what providers write, `world` the gateway and the providers of one
//! fault, and `table` the page.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "../api/support/client.rs"]
#[expect(dead_code, reason = "the suites share it, and each uses its part")]
mod client;
#[path = "../api/support/log_lines.rs"]
mod log_lines;

/// Where the suite `api` has what `strict` uses of it.
mod support {
    pub(crate) use crate::client::{End, Reply};
}
#[path = "../api/sourcegraph/strict.rs"]
#[expect(dead_code, reason = "the suites share it, and each uses its part")]
mod strict;

mod dialects;
mod faults;
mod nowhere;
mod rules;
mod table;
mod wires;
mod world;

use futures_util::stream::{self, StreamExt as _};

use faults::faults;
use log_lines::LogLines;
use nowhere::Nowhere;
use rules::Seen;
use world::{Backups, Cell, World, cells};

/// Faults that are tried at a time, each by all of its cells at once.
const AT_A_TIME: usize = 4;

#[actix_web::test]
async fn every_fault_is_told_by_its_rule_and_the_page_says_what_was_measured() {
    let lines = LogLines::collect();
    let (nowhere, backups) = (Nowhere::find().await, Backups::start().await);
    let faults = faults();
    let measured: Vec<(usize, Cell, Seen)> = stream::iter(faults.iter().enumerate())
        .map(async |(number, fault)| {
            let world = World::start(fault, &nowhere, &backups).await;
            let asked = cells().map(async |cell| (number, cell, world.ask(cell, &lines).await));
            let seen: Vec<_> = futures_util::future::join_all(asked).await;
            world.end().await;
            seen
        })
        .buffered(AT_A_TIME)
        .concat()
        .await;
    backups.end().await;

    let mut broken = Vec::new();
    for (number, cell, seen) in &measured {
        let (fault, expected) = (&faults[*number], faults[*number].expects(*cell));
        if expected != *seen {
            let model = cell.model(fault);
            broken.push(format!("{model}\nexpected {expected:#?}\nseen {seen:#?}"));
        }
    }
    assert!(
        broken.is_empty(),
        "{} cells of {}:\n{}",
        broken.len(),
        measured.len(),
        broken.join("\n\n")
    );
    // A second line of a request would have come by now: all of them have ended, and their servers.
    assert_eq!(lines.wait(|_| true).await.len(), measured.len());
    table::compare(&faults, &measured);
}
