//! What the upstream actor reports. Both messages go to the response actor.

use std::time::Duration;

use actix::Message;

use super::{UpstreamError, hold::HoldEnd};
use crate::completion::TokenUsage;

/// The call is over: sent once, after the metadata and the last event.
///
/// The response actor handles it; there is no reply. It tells what happened on the provider's side;
/// whether the client took all of it is the response actor's to know.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CompletionFinished {
    /// How it ended.
    pub end: UpstreamEnd,
    /// What passed.
    pub tally: Tally,
}

/// How the provider's side of a call ended.
#[derive(Debug)]
pub enum UpstreamEnd {
    /// The provider said all, by its own end marker or its equivalent.
    Completed,
    /// It failed.
    Failed(UpstreamError),
    /// The client left.
    ClientLeft,
    /// The client took nothing for as long as `clocks.client_write` allows.
    ClientStalled(Duration),
}

/// What passed in a call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Events put into the channel to the client.
    pub events: u64,
    /// Events dropped because their data is empty.
    pub empty_events: u64,
    /// Events in which invalid UTF-8 was replaced.
    pub replaced_utf8: u64,
    /// From the client's request parsed to the first content event.
    pub time_to_first_event: Option<Duration>,
    /// How the hold ended; `None` for what is no stream, and where the client left before.
    pub hold: Option<HoldEnd>,
    /// Tokens, if the provider told.
    pub usage: Option<TokenUsage>,
    /// Sorts of things in the answer that could not be carried to the client's dialect.
    pub lost_parts: usize,
}
