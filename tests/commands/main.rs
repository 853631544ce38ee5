//! The commands of the binary, each as a process.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

mod check;
mod diff;
mod explain;
mod health;
mod help;
mod key;
mod output;
mod replay;
mod serve;
