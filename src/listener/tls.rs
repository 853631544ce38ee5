//! TLS on the public listener.
//!
//! actix's own way, `HttpServer::listen_rustls_0_23`, offers h2 wherever its feature `http2` is on,
//! and awc turns that on. Herald speaks HTTP/1.1 only, because actix notices too late when a client of
//! h2 leaves. So the handshake is done here, and its stream handed to actix's HTTP/1.1 service.

use std::{fmt, io, net::TcpListener, sync::Arc, time::Duration};

use actix_http::{Protocol, Request, Response, error::DispatchError};
use actix_server::Server;
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::{Error, body::MessageBody, dev::AppConfig};
use rustls::{
    ServerConfig,
    crypto::ring,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{alive::Alive, settings::ServerSettings, startup::Gateway};

/// The one protocol that is offered and accepted (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// TLS 1.2 and 1.3 for a gateway whose settings ask for it.
pub(crate) fn acceptor(gateway: &Gateway) -> Option<TlsAcceptor> {
    let first = gateway.settings().tls.as_ref()?.certified_key();
    let in_force = CertificateInForce {
        gateway: gateway.clone(),
        first,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for both versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(in_force));
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Some(Arc::new(config).into())
}

/// Shows the certificate of the settings in force at the moment of the handshake, so that a reload
/// needs neither a new listener nor a word to this one.
#[derive(Debug)]
struct CertificateInForce {
    gateway: Gateway,
    /// For settings that say nothing of TLS: turning it off needs a restart.
    first: Arc<CertifiedKey>,
}

impl ResolvesServerCert for CertificateInForce {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let settings = self.gateway.settings();
        let current = settings.tls.as_ref();
        Some(current.map_or_else(|| Arc::clone(&self.first), |tls| tls.certified_key()))
    }
}

/// Serves an app over TLS, with what [`Gateway::run`] asks of a server without it.
///
/// # Errors
/// The listener cannot be used.
pub(crate) fn serve<F, I, S, B>(
    app: F,
    acceptor: TlsAcceptor,
    listener: TcpListener,
    settings: &ServerSettings,
    shutdown_grace: Duration,
    connections: Alive,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let (keep_alive, request_head) = (settings.keep_alive, settings.request_head);
    let service = move || {
        let app = app().into_factory();
        let app = app.map_err(|error| error.into().error_response());
        let connections = connections.clone();
        let http = super::http1(keep_alive, request_head)
            .on_connect_ext(move |_, data| drop(data.insert(connections.enter())));
        let http = http.finish(map_config(app, |()| AppConfig::default()));
        let acceptor = acceptor.clone();
        fn_service(move |tcp| accept(acceptor.clone(), tcp, request_head))
            .map_err(DispatchError::Io)
            .and_then(http)
    };
    let server = Server::build()
        .workers(settings.workers)
        .backlog(settings.backlog)
        .max_concurrent_connections(settings.max_connections)
        .disable_signals()
        .shutdown_timeout(shutdown_grace.as_secs())
        .listen("herald", listener, service)?;
    Ok(server.run())
}

/// A connection as actix's HTTP service takes it.
type Accepted = (TlsStream<TcpStream>, Protocol, Option<std::net::SocketAddr>);

/// Agrees on TLS with who has just connected, within the time that a request's head may take.
async fn accept(
    acceptor: TlsAcceptor,
    mut tcp: TcpStream,
    patience: Duration,
) -> io::Result<Accepted> {
    // Without it Nagle's algorithm holds each event back for up to 40 ms.
    tcp.set_nodelay(true)?;
    let peer = tcp.peer_addr().ok();
    let handshake = async {
        if speaks_http(&tcp).await? {
            refuse_http(&mut tcp).await?;
            return Err(io::ErrorKind::InvalidData.into());
        }
        acceptor.accept(tcp).await
    };
    let tls = timeout(patience, handshake).await.map_err(io::Error::from);
    let tls = tls.flatten().inspect_err(|error| {
        tracing::debug!(%error, "no TLS with a client");
    })?;
    Ok((tls, Protocol::Http1, peer))
}

/// Whether the first byte is a method's: that of a handshake is 22 (RFC 8446 section 5.1).
async fn speaks_http(tcp: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    Ok(tcp.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase())
}

/// What is told to a client that came with `http://`. It is no completion's error, so it has no
/// dialect.
const SPEAK_HTTPS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 41\r\n\
    connection: close\r\n\r\n\
    this port speaks TLS: ask it by https://\n";

async fn refuse_http(tcp: &mut TcpStream) -> io::Result<()> {
    tcp.write_all(SPEAK_HTTPS).await?;
    tcp.shutdown().await?;
    // Bytes that nobody has read when the socket closes would take the answer back with them.
    let mut rest = [0; 4096];
    let mut left = 16;
    while left > 0 && tcp.read(&mut rest).await? > 0 {
        left -= 1;
    }
    Ok(())
}
