//! A client that shows each byte, and the lines that requests leave in the log.

mod client;
mod log_lines;

pub(crate) use client::{Client, End, Reply, chat, completion_request, stream_request};
pub(crate) use log_lines::{Line, LogLines};
