//! The conformance kit: Herald passes it, and each check of it can fail.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod bad;
mod command;
mod gateways;
mod herald_passes;
mod transforms;
