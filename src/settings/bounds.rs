//! `[upstream]` and `[stream]`: bounds on what a provider may send, and on what waits between it
//! and a client.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    diagnostics::Problems,
    schema::between,
    units::{Size, Time},
};
use crate::limits::ceilings::CeilingSettings;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamSection {
    #[schemars(transform = between("1KiB", "1GiB"))]
    max_event_bytes: Size,
    #[schemars(transform = between("1KiB", "1GiB"))]
    max_body_bytes: Size,
    #[schemars(transform = between("1KiB", "16MiB"))]
    max_error_bytes: Size,
    #[schemars(transform = between("0s", "1m"))]
    error_body: Time,
    #[schemars(transform = between("1KiB", "1MiB"))]
    pub(super) max_head_bytes: Size,
    #[schemars(transform = between("0s", "1h"))]
    pub(super) keep_alive: Time,
    pub(super) proxy: ProxySource,
    #[schemars(transform = between("0s", "1m"))]
    drain_after_end: Time,
    #[schemars(range(min = 0, max = 1_000_000))]
    drain_for_usage: u32,
    #[schemars(transform = between("1ms", "10m"))]
    drain_for_usage_time: Time,
    #[schemars(range(min = 1, max = 1_000_000))]
    max_open: u64,
    #[schemars(range(min = 1, max = 1_000_000))]
    max_waiting: u64,
}

/// Where a forward proxy is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProxySource {
    Environment,
    None,
}

/// Bounds on one answer of a provider. Settings `[upstream]`; those of its connections are in
/// [`ClientParts`](crate::upstream::http_client::ClientParts).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamBounds {
    /// Largest single event in bytes. Setting `upstream.max_event_bytes`, default 8 MiB.
    pub max_event_bytes: usize,
    /// Largest answer that is no stream, or that is kept because the last event of its stream repeats
    /// it, in bytes. Setting `upstream.max_body_bytes`, default 32 MiB.
    pub max_body_bytes: usize,
    /// How much of an error's body is read, in bytes. Setting `upstream.max_error_bytes`, default
    /// 64 KiB.
    pub max_error_bytes: usize,
    /// How long an error's body is waited for; then the client is told without it. Setting
    /// `upstream.error_body`, default 2 s.
    pub error_body: Duration,
    /// How long the rest of an answer is read after its end marker, so that the connection can be
    /// kept; zero closes it. Setting `upstream.drain_after_end`, default 1 s.
    pub drain_after_end: Duration,
    /// How many more events of a stream are read for its usage after its client left; 0 for none. Setting
    /// `upstream.drain_for_usage`, default 0.
    pub drain_for_usage: u32,
    /// How long that may take. Setting `upstream.drain_for_usage_time`, default 10 s.
    pub drain_for_usage_time: Duration,
    /// How many completions may be open at all providers together.
    pub ceilings: CeilingSettings,
}

impl UpstreamSection {
    pub(super) fn verified(&self) -> UpstreamBounds {
        UpstreamBounds {
            error_body: self.error_body.0,
            max_event_bytes: self.max_event_bytes.bytes(),
            max_body_bytes: self.max_body_bytes.bytes(),
            max_error_bytes: self.max_error_bytes.bytes(),
            drain_after_end: self.drain_after_end.0,
            drain_for_usage: self.drain_for_usage,
            drain_for_usage_time: self.drain_for_usage_time.0,
            ceilings: ceilings(Some(self.max_open), Some(self.max_waiting)),
        }
    }
}

/// Ceilings as written; what is not written is none.
pub(super) fn ceilings(open: Option<u64>, waiting: Option<u64>) -> CeilingSettings {
    let ceiling = |written: Option<u64>| {
        let ceiling = written.and_then(|written| usize::try_from(written).ok());
        ceiling.unwrap_or(usize::MAX)
    };
    CeilingSettings {
        open: ceiling(open),
        waiting: ceiling(waiting),
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamSection {
    #[schemars(range(min = 1, max = 1024))]
    queue_events: u64,
    #[schemars(transform = between("1KiB", "1GiB"))]
    queue_bytes: Size,
    #[schemars(range(min = 1, max = 4096))]
    held_events: u64,
    #[schemars(transform = between("1KiB", "64MiB"))]
    held_bytes: Size,
    #[schemars(range(min = 0, max = 4096))]
    buffer_events: u64,
    #[schemars(transform = between("0s", "1m"))]
    buffer: Time,
}

/// Bounds on what waits between a provider and a client. Settings `[stream]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamBounds {
    /// Events between the provider and a slow reader. Setting `stream.queue_events`, default 32.
    pub queue_events: usize,
    /// The same in bytes; an event larger than all of it passes alone. Setting `stream.queue_bytes`,
    /// default 1 MiB.
    pub queue_bytes: usize,
    /// Events held before the head is committed. Setting `stream.held_events`, default 64.
    pub held_events: usize,
    /// The same in bytes. Setting `stream.held_bytes`, default 256 KiB.
    pub held_bytes: usize,
    /// How many content events commit, not more than `held_events`; 0 for no such count. Setting
    /// `stream.buffer_events`, default 0.
    pub buffer_events: usize,
    /// How long content is held from its first event on; zero for not at all. Setting `stream.buffer`,
    /// default zero.
    pub buffer: Duration,
}

impl StreamSection {
    pub(super) fn verify(&self, problems: &mut Problems<'_>) -> StreamBounds {
        if self.buffer_events > self.held_events {
            let most = self.held_events;
            let key = "stream.buffer_events";
            let problem =
                format!("is more than stream.held_events ({most}), which are never passed");
            problems.at(key, problem);
        }
        StreamBounds {
            queue_events: usize::try_from(self.queue_events).unwrap_or(usize::MAX),
            queue_bytes: self.queue_bytes.bytes(),
            held_events: usize::try_from(self.held_events).unwrap_or(usize::MAX),
            held_bytes: self.held_bytes.bytes(),
            buffer_events: usize::try_from(self.buffer_events).unwrap_or(usize::MAX),
            buffer: self.buffer.0,
        }
    }
}
