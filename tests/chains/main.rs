//! Three Heralds before one provider: the client of the last is told one true story.
//!
//! A file a promise; `heralds` builds the chain.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "../api/support/client.rs"]
#[expect(dead_code, reason = "the suites share it, and each uses its part")]
mod client;
mod heralds;
#[path = "../api/support/log_lines.rs"]
mod log_lines;

mod cody_gateway;
mod deadlines;
mod faults;
mod leaves;
mod log;
mod loops;
mod own_refusals;
mod passage;
