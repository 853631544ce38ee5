//! The awc client, over our connector.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::connector::memory::MemoryServer;
use crate::providers::ProviderId;

/// How a provider is reached.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Plain TCP.
    Http {
        /// Host name or address, IPv6 without brackets.
        host: Arc<str>,
        /// Port.
        port: u16,
    },
    /// TLS over TCP.
    Https {
        /// Host name or address, IPv6 without brackets; also the name that the certificate must bear.
        host: Arc<str>,
        /// Port.
        port: u16,
        /// Made by [`tls_config`](super::connector::tls::tls_config): ALPN is `http/1.1` alone.
        tls: Arc<rustls::ClientConfig>,
    },
    /// A connection that never leaves the process.
    Memory(Arc<dyn MemoryServer>),
}

/// What an awc client is built from: everything in it is `Send`, made once per settings generation
/// and shared by the workers, each of which builds its own client from it.
#[derive(Clone, Debug)]
pub struct ClientParts {
    /// Where each provider is. The key is the authority of the URIs that awc is given, so each
    /// provider has a connection pool of its own.
    pub endpoints: HashMap<ProviderId, Transport>,
    /// Setting `clocks.connect`.
    pub connect: Duration,
    /// Setting `upstream.keep_alive`: how long an idle connection is kept for the next request.
    pub keep_alive: Duration,
    /// Setting `upstream.max_head_bytes`: the largest answer head that is read.
    pub max_head_bytes: usize,
    /// Setting `upstream.proxy = "environment" | "none"`: whether `HTTP_PROXY`, `HTTPS_PROXY`,
    /// `ALL_PROXY` and `NO_PROXY` are obeyed.
    pub proxy_from_environment: bool,
}
