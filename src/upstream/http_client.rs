//! The awc client, over our connector.

mod body;
mod classify;

use std::{collections::HashMap, fmt, rc::Rc, sync::Arc, time::Duration};

use actix_web::http::{
    StatusCode, Uri,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    uri::PathAndQuery,
};
use awc::{ClientResponse, error::PayloadError};
use bytes::Bytes;
use bytestring::ByteString;
use futures_util::stream::Stream;

pub use self::body::UpstreamBody;
use super::{
    connector::{self, Connector, memory::MemoryServer, names::NameSource, proxy::ProxyRules},
    error::{ConnectError, UpstreamError},
    request_body::RequestBody,
};
use crate::{alive::Alive, providers::ProviderId};

/// Oldest connection that is used again. Whoever balances load behind one address wants a say too.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(600);

/// awc's own connect clock, which must never be the one that runs out: a century.
const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);

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

impl Transport {
    /// What the `Host` header says (RFC 9110 section 7.2): the port only where it is not the
    /// scheme's own.
    #[must_use]
    pub fn host_header(&self, provider: &ProviderId) -> String {
        let (host, port, default_port) = match self {
            Self::Http { host, port } => (host, *port, 80),
            Self::Https { host, port, .. } => (host, *port, 443),
            Self::Memory(_) => return provider.to_string(),
        };
        let authority = connector::authority(host, port);
        match authority.strip_suffix(&format!(":{default_port}")) {
            Some(bare) if port == default_port => bare.to_owned(),
            _ => authority,
        }
    }
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
    /// Who tells the addresses of host names, and how long they hold.
    pub names: NameSource,
}

impl ClientParts {
    /// The proxies that the environment names, if the settings allow them.
    pub(super) fn proxies(&self) -> ProxyRules {
        if self.proxy_from_environment {
            ProxyRules::from_environment()
        } else {
            ProxyRules::none()
        }
    }
}

/// One request to a provider. It is always a `POST`.
#[derive(Debug)]
pub struct UpstreamRequest {
    /// Whom to ask.
    pub provider: ProviderId,
    /// Path and query, beginning with a slash.
    pub path: ByteString,
    /// The header fields, in order. `host`, `accept-encoding` (`identity`) and the framing are
    /// always the client's own, whatever stands here, and `expect` is dropped.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: RequestBody,
}

/// The head of a provider's final answer.
#[derive(Clone, Debug)]
pub struct UpstreamHead {
    /// The status, never a 1xx.
    pub status: StatusCode,
    /// The header fields as awc read them. One that would have made awc mistake the body's end
    /// has lost its name: `upgrade`, and in a 204 or 304 `content-length` and `transfer-encoding`.
    pub headers: HeaderMap,
}

/// Sends requests to providers; one for each worker and settings generation, cheap to clone.
///
/// Connections are pooled per provider, without a limit of their own:
/// each serves one of the requests that `server.max_connections` bounds. There are no
/// redirects, no decompression, no cookies, and no clocks but the one for connecting. A request that
/// meets a pooled connection which the provider has closed is sent once more, on a new one; nothing
/// else is repeated here.
#[derive(Clone)]
pub struct HttpClient {
    awc: awc::Client,
    connector: Connector,
    hosts: Rc<HashMap<ProviderId, HeaderValue>>,
}

impl HttpClient {
    /// Builds a client, with the proxies that the environment names if the settings allow them.
    #[must_use]
    pub fn new(parts: &ClientParts) -> Self {
        Self::counted(parts, &Alive::default())
    }

    /// As [`new`](Self::new), with its exchanges counted as long as they last.
    pub(crate) fn counted(parts: &ClientParts, exchanges: &Alive) -> Self {
        Self::build(parts, parts.proxies(), exchanges)
    }

    /// Builds a client with the given proxies, whatever the settings say about them.
    #[must_use]
    pub fn with_proxies(parts: &ClientParts, proxies: ProxyRules) -> Self {
        Self::build(parts, proxies, &Alive::default())
    }

    fn build(parts: &ClientParts, proxies: ProxyRules, exchanges: &Alive) -> Self {
        let hosts = parts.endpoints.iter().filter_map(|(provider, transport)| {
            // A host that fits no header cannot be reached: `send` refuses the provider.
            let host = HeaderValue::try_from(transport.host_header(provider)).ok()?;
            Some((provider.clone(), host))
        });
        let hosts = Rc::new(hosts.collect());
        let own = Connector::new(Rc::new(parts.clone()), proxies, exchanges.clone());
        let connector = awc::Connector::new()
            .connector(own.clone())
            .timeout(NEVER)
            .limit(0)
            .conn_keep_alive(parts.keep_alive)
            .conn_lifetime(MAX_CONNECTION_AGE);
        let awc = awc::Client::builder()
            .connector(connector)
            .disable_timeout()
            .disable_redirects()
            .no_default_headers()
            .finish();
        Self {
            awc,
            connector: own,
            hosts,
        }
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// No head came, and why. A provider that is not among the endpoints, or a path that is none,
    /// is [`ConnectError::Unreachable`].
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection at once; so does dropping the [`UpstreamBody`]
    /// before its end.
    pub async fn send(
        &self,
        request: UpstreamRequest,
    ) -> Result<(UpstreamHead, UpstreamBody), UpstreamError> {
        let Some(host) = self.hosts.get(&request.provider) else {
            return Err(ConnectError::Unreachable.into());
        };
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers {
            headers.append(name, value);
        }
        // awc would wait for the 100 that the head filter swallows.
        headers.remove(header::EXPECT);
        headers.insert(header::HOST, host.clone());
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        let freeze = |port, headers| {
            let uri = uri(&request.provider, request.path.clone(), port)?;
            let mut call = self.awc.post(uri).no_decompress();
            *call.headers_mut() = headers;
            // Frozen, a request leaves its head behind for whoever has to send it again.
            call.freeze().ok()
        };
        let call = freeze(None, headers).ok_or(ConnectError::Unreachable)?;
        self.connector.refresh(&request.provider).await;
        let again = request.body.again();
        let answer = match call.send_body(request.body).await {
            Err(error) if classify::is_stale(&error) => {
                tracing::debug!(provider = %request.provider, "an idle connection had been closed");
                again.begin_anew();
                let call = freeze(Some(connector::ONCE), call.headers().clone());
                let call = call.ok_or(ConnectError::Unreachable)?;
                call.send_body(again).await
            }
            answer => answer,
        };
        answer
            .map(taken_apart)
            .map_err(|error| classify::send_error(&error))
    }
}

/// An answer's head, and its body.
fn taken_apart<S>(response: ClientResponse<S>) -> (UpstreamHead, UpstreamBody)
where
    S: Stream<Item = Result<Bytes, PayloadError>> + 'static,
{
    let status = response.status();
    let mut headers = HeaderMap::new();
    let mut response = response.map_body(|head, payload| {
        headers = std::mem::take(&mut head.headers);
        payload
    });
    let body = UpstreamBody::new(actix_web::HttpMessage::take_payload(&mut response));
    (UpstreamHead { status, headers }, body)
}

/// The URI that makes awc and the [`Connector`] find the provider; the port is [`connector::ONCE`] or
/// none.
fn uri(provider: &ProviderId, path: ByteString, port: Option<u16>) -> Option<Uri> {
    if !path.starts_with('/') {
        return None;
    }
    let path = PathAndQuery::from_maybe_shared(path.into_bytes()).ok()?;
    let uri = Uri::builder().scheme("http").path_and_query(path);
    let uri = match port {
        None => uri.authority(provider.as_str()),
        Some(port) => uri.authority(format!("{provider}:{port}")),
    };
    uri.build().ok()
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::connector::tls::tls_config;

    #[test]
    fn the_host_header_names_the_port_only_where_it_is_not_the_schemes_own() {
        let http = |host: &str, port| Transport::Http {
            host: host.into(),
            port,
        };
        let https = |host: &str, port| Transport::Https {
            host: host.into(),
            port,
            tls: tls_config(None).unwrap(),
        };
        let provider = ProviderId::new("p");
        for (transport, want) in [
            (http("api.test", 80), "api.test"),
            (http("api.test", 443), "api.test:443"),
            (http("api.test", 8080), "api.test:8080"),
            (https("api.test", 443), "api.test"),
            (https("api.test", 80), "api.test:80"),
            (https("::1", 443), "[::1]"),
            (http("::80", 8080), "[::80]:8080"),
        ] {
            assert_eq!(transport.host_header(&provider), want);
        }
    }

    #[test]
    fn a_path_cannot_reach_into_the_authority() {
        let provider = ProviderId::new("open_ai-1.eu");
        let made = uri(&provider, "/v1/x?y=z".into(), None).unwrap();
        assert_eq!(made, "http://open_ai-1.eu/v1/x?y=z");
        let made = uri(&provider, "/v1/x?y=z".into(), Some(connector::ONCE)).unwrap();
        assert_eq!(made, "http://open_ai-1.eu:1/v1/x?y=z");
        for path in ["", "v1", "@other/v1", ".evil.test/", "/a b"] {
            assert_eq!(uri(&provider, path.into(), None), None, "{path:?}");
        }
    }
}
