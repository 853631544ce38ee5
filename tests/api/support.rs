//! A client that shows each byte, and the lines that requests leave in the log.

mod client;
mod log_lines;

pub(crate) use client::{Client, End, Reply, chat, completion_request, stream_request};
pub(crate) use log_lines::{Line, LogLines};

use herald::testkit::{Gate, Script, chat as scripted};

/// A stream that stops at a gate behind its first event, and ends well once that is open.
pub(crate) fn gated_stream(gate: &Gate) -> Script {
    Script::sse()
        .event(scripted::text("a"))
        .wait(gate)
        .event(scripted::finish("stop"))
        .done()
        .finish()
}
