//! `[upstream]` and `[stream]`: bounds on what a provider may send, and on what waits between it
//! and a client.

use std::time::Duration;

use serde::Deserialize;

use super::{
    error::Problems,
    units::{Size, Time, hold_to},
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamSection {
    max_event_bytes: Size,
    max_body_bytes: Size,
    max_error_bytes: Size,
    error_body: Time,
    pub(super) max_head_bytes: Size,
    pub(super) keep_alive: Time,
    pub(super) proxy: ProxySource,
    drain_after_end: Time,
}

/// Where a forward proxy is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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
    /// Largest answer that is no stream, in bytes. Setting `upstream.max_body_bytes`, default 32 MiB.
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
}

impl UpstreamSection {
    pub(super) fn verify(&self, problems: &mut Problems<'_>) -> UpstreamBounds {
        for (key, size, most) in [
            ("upstream.max_event_bytes", self.max_event_bytes, Size::GIB),
            ("upstream.max_body_bytes", self.max_body_bytes, Size::GIB),
            (
                "upstream.max_error_bytes",
                self.max_error_bytes,
                Size::MIB.times(16),
            ),
            ("upstream.max_head_bytes", self.max_head_bytes, Size::MIB),
        ] {
            hold_to(Size::KIB..=most, size, key, problems);
        }
        let (idle, rest) = (self.keep_alive, self.drain_after_end);
        hold_to(
            Time::ZERO..=Time::HOUR,
            idle,
            "upstream.keep_alive",
            problems,
        );
        hold_to(
            Time::ZERO..=Time::MINUTE,
            rest,
            "upstream.drain_after_end",
            problems,
        );
        hold_to(
            Time::ZERO..=Time::MINUTE,
            self.error_body,
            "upstream.error_body",
            problems,
        );
        UpstreamBounds {
            error_body: self.error_body.0,
            max_event_bytes: self.max_event_bytes.bytes(),
            max_body_bytes: self.max_body_bytes.bytes(),
            max_error_bytes: self.max_error_bytes.bytes(),
            drain_after_end: rest.0,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamSection {
    queue_events: u64,
    queue_bytes: Size,
    held_events: u64,
    held_bytes: Size,
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
}

impl StreamSection {
    pub(super) fn verify(&self, problems: &mut Problems<'_>) -> StreamBounds {
        let (queued, held, bytes) = (self.queue_events, self.held_events, self.held_bytes);
        hold_to(1..=1024, queued, "stream.queue_events", problems);
        hold_to(
            Size::KIB..=Size::GIB,
            self.queue_bytes,
            "stream.queue_bytes",
            problems,
        );
        hold_to(1..=4096, held, "stream.held_events", problems);
        hold_to(
            Size::KIB..=Size::MIB.times(64),
            bytes,
            "stream.held_bytes",
            problems,
        );
        StreamBounds {
            queue_events: usize::try_from(queued).unwrap_or(usize::MAX),
            queue_bytes: self.queue_bytes.bytes(),
            held_events: usize::try_from(held).unwrap_or(usize::MAX),
            held_bytes: bytes.bytes(),
        }
    }
}
