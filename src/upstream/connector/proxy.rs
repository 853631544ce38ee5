//! Forward proxies: which one stands before a provider, and the tunnel through it.
//!
//! Every target is reached by `CONNECT` (RFC 9110 section 9.3.6), `http` ones too. A proxy that is
//! sent a plain request in absolute form answers in the provider's place, so nobody could say
//! whose 407 or 502 it was, and many buffer what they relay. The price: a proxy that allows
//! `CONNECT` to port 443 only, as squid does by default, must be told about an `http` provider's
//! port, or `NO_PROXY` must name its host.

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{authority, dial, names::Names};
use crate::upstream::error::ConnectError;

/// Largest answer to `CONNECT` that is read.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// Most header fields in that answer.
const MAX_ANSWER_HEADERS: usize = 64;

/// Which targets are reached through which proxy.
///
/// The rules are curl's, loopback included: with `HTTP_PROXY` set, a provider on `localhost` goes
/// through the proxy unless `NO_PROXY` names it. In-memory providers have no host and never do.
/// Only `http://` proxies are spoken to; a provider behind any other (`socks5://`, `https://`)
/// fails with [`ConnectError::Proxy`] and a log line that says why, and is never reached directly.
#[derive(Debug)]
pub struct ProxyRules(Option<Matcher>);

impl ProxyRules {
    /// No proxy for anyone.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// What `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say now, in upper or lower case.
    #[must_use]
    pub fn from_environment() -> Self {
        Self(Some(Matcher::from_env()))
    }

    /// `proxy` for everyone whom `no_proxy` does not name; both are written like the variables.
    #[must_use]
    pub fn new(proxy: &str, no_proxy: &str) -> Self {
        Self(Some(Matcher::builder().all(proxy).no(no_proxy).build()))
    }

    /// The proxy before `host`, if there is one.
    pub(super) fn proxy_for(&self, scheme: &str, host: &str, port: u16) -> Option<Intercept> {
        let matcher = self.0.as_ref()?;
        // A host that does not parse here has no address either: dialling it will say so.
        let target = format!("{scheme}://{}/", authority(host, port));
        matcher.intercept(&target.parse::<http::Uri>().ok()?)
    }
}

/// The proxy's host name or address, IPv6 without brackets.
pub(super) fn host_of(proxy: &Intercept) -> Option<&str> {
    let host = proxy.uri().host()?;
    Some(host.trim_start_matches('[').trim_end_matches(']'))
}

/// Connects to the proxy and has it connect to `host`.
pub(super) async fn open_tunnel(
    names: &Names,
    proxy: &Intercept,
    host: &str,
    port: u16,
) -> Result<TcpStream, ConnectError> {
    if proxy.uri().scheme_str() != Some("http") {
        tracing::error!(proxy = %proxy.uri(), "only http:// proxies are supported");
        return Err(ConnectError::Proxy);
    }
    let proxy_host = host_of(proxy).ok_or(ConnectError::Proxy)?;
    let proxy_port = proxy.uri().port_u16().unwrap_or(80);
    let mut tcp = dial::dial(names, proxy_host, proxy_port)
        .await
        .map_err(|error| {
            tracing::warn!(proxy = %proxy.uri(), %error, "no connection to the proxy");
            ConnectError::Proxy
        })?;
    let credentials = proxy.basic_auth().map(|value| value.as_bytes());
    request_tunnel(&mut tcp, &authority(host, port), credentials)
        .await
        .map_err(|reason| {
            tracing::warn!(proxy = %proxy.uri(), host, reason, "the proxy opened no tunnel");
            ConnectError::Proxy
        })?;
    Ok(tcp)
}

/// Sends `CONNECT` and reads the answer's head to its last byte and no further.
///
/// # Errors
/// Why there is no tunnel, in a few words.
async fn request_tunnel<S>(
    io: &mut S,
    target: &str,
    credentials: Option<&[u8]>,
) -> Result<(), &'static str>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n").into_bytes();
    if let Some(credentials) = credentials {
        request.extend_from_slice(b"proxy-authorization: ");
        request.extend_from_slice(credentials);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let broke = |_| "the connection broke";
    io.write_all(&request).await.map_err(broke)?;
    io.flush().await.map_err(broke)?;

    let mut answer = Vec::new();
    loop {
        let room = MAX_ANSWER_BYTES - answer.len();
        if room == 0 {
            return Err("its answer is too large");
        }
        let read = (&mut *io).take(room as u64).read_buf(&mut answer).await;
        if read.map_err(broke)? == 0 {
            return Err("it closed the connection");
        }
        if let Some(length) = answer_length(&answer)? {
            // Whoever is behind a tunnel speaks second, in TLS and in HTTP: more bytes are not its.
            return if length == answer.len() {
                Ok(())
            } else {
                Err("it sent more than an answer")
            };
        }
    }
}

/// Length of the answer's head once it is whole, if it is a 2xx.
fn answer_length(bytes: &[u8]) -> Result<Option<usize>, &'static str> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_ANSWER_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    match answer.parse(bytes) {
        Ok(httparse::Status::Partial) => Ok(None),
        Ok(httparse::Status::Complete(length)) => match answer.code {
            Some(200..=299) => Ok(Some(length)),
            Some(407) => Err("it wants other credentials"),
            _ => Err("it refused"),
        },
        Err(_) => Err("its answer is not HTTP/1.1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::connector::names::NameSource;

    async fn tunnel_when_answered(answer: &[u8]) -> Result<(), &'static str> {
        let (mut near, mut far) = tokio::io::duplex(64 * 1024);
        far.write_all(answer).await.unwrap();
        far.shutdown().await.unwrap();
        request_tunnel(&mut near, "api.test:443", None).await
    }

    #[tokio::test]
    async fn a_tunnel_opens_on_any_2xx_and_on_nothing_else() {
        assert_eq!(
            tunnel_when_answered(b"HTTP/1.1 200 OK\r\n\r\n").await,
            Ok(())
        );
        assert_eq!(
            tunnel_when_answered(b"HTTP/1.0 204 Fine\r\nvia: p\r\n\r\n").await,
            Ok(())
        );
        for answer in [
            &b"HTTP/1.1 407 No\r\n\r\n"[..],
            b"HTTP/1.1 502 No\r\n\r\n",
            b"HTTP/1.1 302 There\r\n\r\n",
            b"SSH-2.0-proxy\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nsmuggled",
            b"HTTP/1.1 200",
            b"",
        ] {
            assert!(tunnel_when_answered(answer).await.is_err(), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn an_endless_answer_to_connect_is_cut_off() {
        let mut answer = b"HTTP/1.1 200 OK\r\n".to_vec();
        while answer.len() < 2 * MAX_ANSWER_BYTES {
            answer
                .extend_from_slice(b"x: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        }
        assert_eq!(
            tunnel_when_answered(&answer).await,
            Err("its answer is too large")
        );
    }

    #[test]
    fn no_proxy_is_obeyed_as_curl_does_and_loopback_is_not_special() {
        let rules = ProxyRules::new("http://proxy.test:3128", "internal.test,10.0.0.0/8,::1");
        for (host, proxied) in [
            ("api.test", true),
            ("localhost", true),
            ("127.0.0.1", true),
            ("internal.test", false),
            ("llm.internal.test", false),
            ("10.1.2.3", false),
            ("::1", false),
        ] {
            let found = rules.proxy_for("https", host, 443).is_some();
            assert_eq!(found, proxied, "{host}");
        }
        assert!(
            ProxyRules::none()
                .proxy_for("https", "api.test", 443)
                .is_none()
        );
    }

    #[tokio::test]
    async fn a_socks_or_https_proxy_is_an_error_and_never_a_direct_connection() {
        for url in ["socks5://127.0.0.1:1", "https://127.0.0.1:1"] {
            let rules = ProxyRules::new(url, "");
            let proxy = rules.proxy_for("https", "api.test", 443).unwrap();
            let names = Names::new(NameSource::System);
            let result = open_tunnel(&names, &proxy, "api.test", 443).await;
            assert_eq!(result.map(drop), Err(ConnectError::Proxy), "{url}");
        }
    }
}
