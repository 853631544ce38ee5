//! The connector under awc: how a connection to a provider is made, and what awc sees of it.
//!
//! awc is given URIs `http://{provider id}{path}` and nothing else, but for the port `ONCE` where a
//! connection is to be new. The authority is what its pool is keyed by; the `Connector` looks it up among the endpoints and makes the connection
//! itself: DNS and all addresses (`dial`), a forward proxy ([`proxy`]), TLS ([`tls`]), or a pipe
//! that never leaves the process ([`memory`]). awc's own hook for TLS lies *above* the one for
//! connectors, which is why even an `https` provider is an `http` URI to awc: so the head filter
//! (`head_filter`, with `head` and `framing`) stands over the decrypted bytes.
//!
//! **Invariants.** One clock covers everything from the name to the finished handshake. A
//! connection carries HTTP/1.1 only. No answer's bytes are ever seen by another request.

mod dial;
pub(crate) mod framing;
pub(crate) mod head;
mod head_filter;
pub mod memory;
pub mod names;
pub mod proxy;
mod reuse;
mod stream;
pub mod tls;

use std::{collections::HashMap, io, rc::Rc};

use actix_service::Service;
use actix_tls::connect::{ConnectError as AwcConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use futures_util::future::LocalBoxFuture;
use tokio::net::TcpStream;

pub(crate) use self::{head::BadHead, reuse::StaleConnection, stream::UpstreamStream};
use self::{
    head::HeadReader,
    head_filter::HeadFilter,
    names::{NamedAddress, Names},
    proxy::ProxyRules,
};
use super::{
    error::{ConnectError, UpstreamError},
    http_client::{ClientParts, Transport},
};
use crate::{alive::Alive, providers::ProviderId};

/// Room in an in-memory connection, each way.
const MEMORY_BUFFER_BYTES: usize = 64 * 1024;

/// The port in awc's URIs that asks for a connection of the request's own. It is in no pool: awc keeps
/// those of another authority apart, and this one closes with its answer.
pub(super) const ONCE: u16 = 1;

/// Makes the connections that awc asks for.
///
/// A failure reaches awc as an [`io::Error`] that holds a [`ConnectError`];
/// [`HttpClient`](super::http_client::HttpClient) takes it out again.
#[derive(Clone)]
pub(super) struct Connector {
    parts: Rc<ClientParts>,
    proxies: Rc<ProxyRules>,
    names: Rc<Names>,
    /// Whose address is dialled for each provider that a network leads to: its own, or its proxy's.
    dialled_hosts: Rc<HashMap<ProviderId, String>>,
    exchanges: Alive,
}

impl Connector {
    pub(super) fn new(parts: Rc<ClientParts>, proxies: ProxyRules, exchanges: Alive) -> Self {
        let dialled = |(provider, transport): (&ProviderId, &Transport)| {
            Some((provider.clone(), dialled_host(transport, &proxies)?))
        };
        Self {
            names: Names::new(parts.names),
            dialled_hosts: Rc::new(parts.endpoints.iter().filter_map(dialled).collect()),
            parts,
            proxies: Rc::new(proxies),
            exchanges,
        }
    }

    /// Looks the provider's name up again if it may have changed, so that a connection to an address
    /// that it has no more is not used again.
    pub(super) async fn refresh(&self, provider: &ProviderId) {
        if let Some(host) = self.dialled_hosts.get(provider) {
            self.names.refresh(host).await;
        }
    }

    async fn connect(&self, provider: &str) -> Result<UpstreamStream, ConnectError> {
        // HttpClient refuses an unknown provider before awc is asked.
        let transport = self
            .parts
            .endpoints
            .get(&ProviderId::new(provider))
            .ok_or(ConnectError::Unreachable)?;
        let length = self.parts.connect;
        tokio::time::timeout(length, self.establish(transport))
            .await
            .unwrap_or(Err(ConnectError::Timeout(length)))
    }

    async fn establish(&self, transport: &Transport) -> Result<UpstreamStream, ConnectError> {
        match transport {
            Transport::Http { host, port } => {
                let tcp = self.reach("http", host, *port).await?;
                Ok(UpstreamStream::Tcp(tcp))
            }
            Transport::Https { host, port, tls } => {
                let tcp = self.reach("https", host, *port).await?;
                let tls = tls::handshake(tls.clone(), host, tcp).await?;
                Ok(UpstreamStream::Tls(Box::new(tls)))
            }
            Transport::Memory(server) => {
                let (near, far) = tokio::io::duplex(MEMORY_BUFFER_BYTES);
                server.accept(far);
                Ok(UpstreamStream::Memory(near))
            }
        }
    }

    /// A TCP connection to the provider, or one through a proxy that is as good.
    async fn reach(&self, scheme: &str, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
        match self.proxies.proxy_for(scheme, host, port) {
            None => dial::dial(&self.names, host, port).await,
            Some(proxy) => proxy::open_tunnel(&self.names, &proxy, host, port).await,
        }
    }
}

/// Whether Herald uses an answer under this final head, which stands here whole.
///
/// # Errors
/// [`UpstreamError::BadHead`]: it refuses the answer, whatever it says.
pub fn check_head(head: &[u8], max_bytes: usize) -> Result<(), UpstreamError> {
    let mut reader = HeadReader::new(max_bytes);
    reader.push(head);
    match reader.final_head() {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(UpstreamError::BadHead("it does not end")),
        Err(bad) => Err(UpstreamError::BadHead(bad.0)),
    }
}

/// A connection for one exchange that awc has no part in: not pooled, and its bytes are as they came.
/// Recordings are captured from it.
pub(crate) async fn open(
    parts: &ClientParts,
    provider: &ProviderId,
) -> Result<UpstreamStream, ConnectError> {
    let connector = Connector::new(Rc::new(parts.clone()), parts.proxies(), Alive::default());
    connector.connect(provider.as_str()).await
}

impl Service<ConnectInfo<Uri>> for Connector {
    type Response = Connection<Uri, HeadFilter>;
    type Error = AwcConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    actix_service::always_ready!();

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let uri = info.request().clone();
            let provider = uri.host().unwrap_or_default();
            match this.connect(provider).await {
                Ok(stream) => {
                    let host = this.dialled_hosts.get(&ProviderId::new(provider));
                    let address = host
                        .zip(stream.peer())
                        .and_then(|(host, peer)| NamedAddress::new(&this.names, host, peer));
                    let filter = HeadFilter::new(stream, this.parts.max_head_bytes, this.exchanges);
                    let filter = filter.to(address);
                    let filter = match uri.port_u16() {
                        Some(ONCE) => filter.once(),
                        _ => filter,
                    };
                    Ok(Connection::new(uri, filter))
                }
                Err(error) => Err(AwcConnectError::Io(io::Error::other(error))),
            }
        })
    }
}

/// Whose address is dialled: the provider's own, or its proxy's.
fn dialled_host(transport: &Transport, proxies: &ProxyRules) -> Option<String> {
    let (scheme, host, port) = match transport {
        Transport::Http { host, port } => ("http", host, *port),
        Transport::Https { host, port, .. } => ("https", host, *port),
        Transport::Memory(_) => return None,
    };
    match proxies.proxy_for(scheme, host, port) {
        None => Some(host.to_string()),
        Some(proxy) => proxy::host_of(&proxy).map(str::to_owned),
    }
}

/// `host:port` as URIs and `Host` headers write it: an IPv6 address stands in brackets.
pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
