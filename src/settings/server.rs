//! `[server]`: where and how Herald listens.

use std::{net::SocketAddr, num::NonZeroUsize, thread, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    diagnostics::Problems,
    schema::between,
    tls::TlsSection,
    units::{Size, Time},
};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerSection {
    listen: String,
    #[schemars(range(min = 0, max = 512))]
    workers: u64,
    #[schemars(range(min = 1, max = 65_535))]
    backlog: u64,
    #[schemars(range(min = 1, max = 1_000_000))]
    max_connections: u64,
    #[schemars(transform = between("0s", "1m"))]
    overload_lag: Time,
    #[schemars(transform = between("1KiB", "1GiB"))]
    max_body_bytes: Size,
    #[schemars(transform = between("0s", "1h"))]
    keep_alive: Time,
    // actix's clock for heads ticks every half second: less would refuse heads that came at once.
    #[schemars(transform = between("1s", "1h"))]
    request_head: Time,
    #[schemars(transform = between("1ms", "1h"))]
    request_body: Time,
    #[schemars(transform = between("4KiB", "64MiB"))]
    send_buffer: Size,
    #[schemars(transform = between("0s", "1h"))]
    drain_delay: Time,
    #[schemars(transform = between("0s", "1h"))]
    drain_timeout: Time,
    pub(super) tls: Option<TlsSection>,
}

/// Where and how Herald listens. Settings `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// Address and port. Setting `server.listen`, default 127.0.0.1:8080.
    pub listen: SocketAddr,
    /// Worker threads, at least one: `server.workers = 0` has become the number of cores.
    pub workers: usize,
    /// Connections that may wait to be accepted. Setting `server.backlog`, default 1024.
    pub backlog: u32,
    /// Open connections for each worker. Setting `server.max_connections`, default 25000.
    pub max_connections: usize,
    /// How late a worker may be for half a second without a break before it refuses some of the new
    /// completions; zero refuses none. Setting `server.overload_lag`, default 100 ms.
    pub overload_lag: Duration,
    /// Largest request body in bytes. Setting `server.max_body_bytes`, default 32 MiB.
    pub max_body_bytes: usize,
    /// How long an idle client connection stays open; zero closes it after each answer. Setting
    /// `server.keep_alive`, default 75 s.
    pub keep_alive: Duration,
    /// Longest wait for a request's head. Setting `server.request_head`, default 5 s.
    pub request_head: Duration,
    /// Longest wait for a request's body. Setting `server.request_body`, default 60 s.
    pub request_body: Duration,
    /// Kernel send buffer of each client connection in bytes. Setting `server.send_buffer`, default
    /// 256 KiB.
    pub send_buffer: usize,
    /// How long at least Herald goes on refusing requests after SIGTERM before it closes its
    /// listener. Setting `server.drain_delay`, default 5 s.
    pub drain_delay: Duration,
    /// How long requests that run may go on after the signal. Setting `server.drain_timeout`, default
    /// 25 s.
    pub drain_timeout: Duration,
}

impl ServerSection {
    pub(super) fn verify(&self, problems: &mut Problems<'_>) -> Option<ServerSettings> {
        let listen = self.listen.parse().map_err(
            |_| "must be an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
        );
        Some(ServerSettings {
            listen: problems.take("server.listen", listen)?,
            workers: threads(self.workers),
            backlog: u32::try_from(self.backlog).ok()?,
            max_connections: usize::try_from(self.max_connections).ok()?,
            overload_lag: self.overload_lag.0,
            max_body_bytes: self.max_body_bytes.bytes(),
            keep_alive: self.keep_alive.0,
            request_head: self.request_head.0,
            request_body: self.request_body.0,
            send_buffer: self.send_buffer.bytes(),
            drain_delay: self.drain_delay.0,
            drain_timeout: self.drain_timeout.0,
        })
    }
}

/// One for each core unless a number is written. A machine that does not tell gets one.
fn threads(written: u64) -> usize {
    match usize::try_from(written) {
        Ok(0) | Err(_) => thread::available_parallelism().map_or(1, NonZeroUsize::get),
        Ok(workers) => workers,
    }
}
