//! Three Heralds before one provider: the client of the last is told one true story.
//!
//! A file a promise; `heralds` builds the chain, `played` the Herald that plays Cody Gateway, and what
//! Cody is told is judged by `strict` and played to `cody`.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "../api/support/client.rs"]
#[expect(dead_code, reason = "the suites share it, and each uses its part")]
mod client;
mod heralds;
#[path = "../api/support/log_lines.rs"]
mod log_lines;

/// Where the suite `api` has what `strict` and `cody` use of it.
mod support {
    pub(crate) use crate::client::{End, Reply};
}
mod asked_by_cody;
#[path = "../api/sourcegraph/cody.rs"]
mod cody;
mod played;
#[path = "../api/sourcegraph/strict.rs"]
#[expect(dead_code, reason = "the suites share it, and each uses its part")]
mod strict;

mod cody_faults;
mod cody_gateway;
mod cody_passage;
mod cody_refusals;
mod deadlines;
mod example;
mod faults;
mod leaves;
mod log;
mod loops;
mod own_refusals;
mod passage;
