//! A provider of raw bytes, over each kind of connection, and a client that knows it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use actix_web::http::header::{HeaderName, HeaderValue};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use herald::{
    providers::ProviderId,
    upstream::{
        UpstreamError,
        connector::{memory::MemoryServer, names::NameSource, tls::tls_config},
        http_client::{
            ClientParts, HttpClient, Transport, UpstreamBody, UpstreamHead, UpstreamRequest,
        },
        request_body::RequestBody,
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which kind of connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Http,
    Https,
    Memory,
}

impl Wire {
    pub(crate) const ALL: [Self; 3] = [Self::Http, Self::Https, Self::Memory];
}

/// A provider and the client that calls it.
pub(crate) struct Upstream {
    pub(crate) client: HttpClient,
    door: Door,
}

enum Door {
    Tcp(TcpListener),
    Tls(TcpListener, TlsAcceptor),
    Memory(mpsc::UnboundedReceiver<DuplexStream>),
}

#[derive(Debug)]
struct Pipes(mpsc::UnboundedSender<DuplexStream>);

impl MemoryServer for Pipes {
    fn accept(&self, io: DuplexStream) {
        self.0.send(io).unwrap();
    }
}

/// A certificate for 127.0.0.1, as PEM, and a server that shows it.
pub(crate) fn certificate() -> (String, TlsAcceptor) {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = own.signing_key.serialize_der().try_into().unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![own.cert.der().clone()], key)
    .unwrap();
    (own.cert.pem(), TlsAcceptor::from(Arc::new(config)))
}

/// Parts for one provider, `p`.
pub(crate) fn parts(transport: Transport) -> ClientParts {
    ClientParts {
        endpoints: HashMap::from([(ProviderId::new("p"), transport)]),
        connect: Duration::from_secs(10),
        keep_alive: Duration::from_secs(60),
        max_head_bytes: 16 * 1024,
        proxy_from_environment: false,
        names: NameSource::System,
    }
}

/// A request to `p`.
pub(crate) fn request(body: impl Into<Bytes>) -> UpstreamRequest {
    UpstreamRequest {
        provider: ProviderId::new("p"),
        path: "/v1/chat?x=1".into(),
        headers: vec![(
            HeaderName::from_static("x-test"),
            HeaderValue::from_static("yes"),
        )],
        body: RequestBody::new(vec![body.into()]).0,
    }
}

/// An answer, read to its end.
pub(crate) async fn read(
    answer: Result<(UpstreamHead, UpstreamBody), UpstreamError>,
) -> Result<(u16, String), UpstreamError> {
    let (head, body) = answer?;
    let chunks: Vec<Bytes> = body.try_collect().await?;
    let text = String::from_utf8(chunks.concat()).unwrap();
    Ok((head.status.as_u16(), text))
}

impl Upstream {
    pub(crate) async fn start(wire: Wire) -> Self {
        if wire == Wire::Memory {
            let (sender, receiver) = mpsc::unbounded_channel();
            let transport = Transport::Memory(Arc::new(Pipes(sender)));
            return Self {
                client: HttpClient::new(&parts(transport)),
                door: Door::Memory(receiver),
            };
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = "127.0.0.1".into();
        let port = listener.local_addr().unwrap().port();
        let (transport, door) = if wire == Wire::Http {
            (Transport::Http { host, port }, Door::Tcp(listener))
        } else {
            let (pem, acceptor) = certificate();
            let tls = tls_config(Some(pem.as_bytes())).unwrap();
            (
                Transport::Https { host, port, tls },
                Door::Tls(listener, acceptor),
            )
        };
        Self {
            client: HttpClient::new(&parts(transport)),
            door,
        }
    }

    /// The next connection, which must come soon.
    pub(crate) async fn accept(&mut self) -> Peer {
        let next = tokio::time::timeout(PATIENCE, self.next_peer());
        next.await.expect("no connection came within ten seconds")
    }

    async fn next_peer(&mut self) -> Peer {
        match &mut self.door {
            Door::Tcp(listener) => Peer::new(listener.accept().await.unwrap().0),
            Door::Tls(listener, acceptor) => {
                let (tcp, _) = listener.accept().await.unwrap();
                // Session tickets go first; Nagle's algorithm would hold back what follows them.
                tcp.set_nodelay(true).unwrap();
                Peer::new(acceptor.accept(tcp).await.unwrap())
            }
            Door::Memory(receiver) => Peer::new(receiver.recv().await.unwrap()),
        }
    }

    /// Sends a request, answers it with these bytes on a new connection, and reads what arrives.
    pub(crate) async fn exchange(
        &mut self,
        answer: &[u8],
    ) -> (Result<(u16, String), UpstreamError>, Peer) {
        let client = self.client.clone();
        let (answer, peer) = tokio::join!(async { client.send(request("ask")).await }, async {
            let mut peer = self.accept().await;
            peer.request().await;
            peer.say(answer).await;
            peer.stop().await;
            peer
        });
        (read(answer).await, peer)
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

/// The provider's end of a connection.
pub(crate) struct Peer(Box<dyn Io>);

impl Peer {
    pub(crate) fn new(io: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Self {
        Self(Box::new(io))
    }

    /// Reads a head up to its empty line.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// As [`request`](Self::request); `None` where the client has left instead.
    pub(crate) async fn try_request(&mut self) -> Option<(String, String)> {
        let first = self.0.read_u8().await.ok()?;
        let (rest, body) = self.request().await;
        Some((format!("{}{rest}", char::from(first)), body))
    }

    /// Reads a whole request: its head and its body.
    pub(crate) async fn request(&mut self) -> (String, String) {
        let head = self.head().await;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap()
            .parse()
            .unwrap();
        (head, self.body(length).await)
    }

    /// Reads a body of this many bytes.
    pub(crate) async fn body(&mut self, length: usize) -> String {
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        String::from_utf8(body).unwrap()
    }

    /// Writes; that the client has gone is no concern of this end.
    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
        let _ = self.0.flush().await;
    }

    /// Says that there is no more to come.
    pub(crate) async fn stop(&mut self) {
        let _ = self.0.shutdown().await;
    }

    /// Waits for the client to close, and tells how many bytes came before.
    pub(crate) async fn until_left(&mut self) -> usize {
        let mut rest = Vec::new();
        let left = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut rest)).await;
        let _ = left.expect("the connection stayed open for ten seconds");
        rest.len()
    }
}
