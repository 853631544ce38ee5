//! Providers behind a forward proxy.

use herald::upstream::{
    UpstreamError,
    connector::{proxy::ProxyRules, tls::tls_config},
    error::ConnectError,
    http_client::{HttpClient, Transport},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::peer::{Peer, certificate, parts, read, request};

const OPEN: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// A listening proxy, and its URL with credentials in it.
async fn proxy() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (
        listener,
        format!("http://Aladdin:open%20sesame@127.0.0.1:{port}"),
    )
}

fn client(transport: Transport, rules: ProxyRules) -> HttpClient {
    HttpClient::with_proxies(&parts(transport), rules)
}

/// Takes the next connection and reads `CONNECT` to its last byte.
async fn connect_request(listener: &TcpListener) -> (String, TcpStream) {
    use tokio::io::AsyncReadExt as _;
    let (mut tcp, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.unwrap());
    }
    (String::from_utf8(head).unwrap(), tcp)
}

#[actix_web::test]
async fn a_tunnel_carries_tls_and_plain_http_alike() {
    let (pem, acceptor) = certificate();
    let tls = tls_config(Some(pem.as_bytes())).unwrap();
    let host = "127.0.0.1";
    let targets: [(Transport, Option<TlsAcceptor>); 2] = [
        (
            Transport::Https {
                host: host.into(),
                port: 443,
                tls,
            },
            Some(acceptor),
        ),
        (
            Transport::Http {
                host: host.into(),
                port: 443,
            },
            None,
        ),
    ];
    for (transport, acceptor) in targets {
        let (listener, url) = proxy().await;
        let client = client(transport, ProxyRules::new(&url, ""));
        let (answer, connect) = tokio::join!(
            async { read(client.send(request("ask")).await).await },
            async {
                use tokio::io::AsyncWriteExt as _;
                let (connect, mut tcp) = connect_request(&listener).await;
                tcp.write_all(OPEN).await.unwrap();
                let mut peer = match acceptor {
                    Some(acceptor) => Peer::new(acceptor.accept(tcp).await.unwrap()),
                    None => Peer::new(tcp),
                };
                let (head, _) = peer.request().await;
                assert!(head.starts_with("POST /v1/chat?x=1 HTTP/1.1\r\n"));
                assert!(!head.contains("proxy-authorization"));
                peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
                    .await;
                connect
            }
        );
        assert_eq!(answer, Ok((200, "hello".to_owned())));
        assert_eq!(
            connect,
            "CONNECT 127.0.0.1:443 HTTP/1.1\r\nhost: 127.0.0.1:443\r\n\
             proxy-authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
        );
    }
}

#[actix_web::test]
async fn a_407_is_the_proxys_failure_and_not_the_providers() {
    let (listener, url) = proxy().await;
    let transport = Transport::Http {
        host: "api.test".into(),
        port: 80,
    };
    let client = client(transport, ProxyRules::new(&url, ""));
    let (answer, ()) = tokio::join!(
        async { read(client.send(request("ask")).await).await },
        async {
            let (connect, tcp) = connect_request(&listener).await;
            assert!(connect.starts_with("CONNECT api.test:80 HTTP/1.1\r\n"));
            let refusal =
                b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
            Peer::new(tcp).say(refusal).await;
        }
    );
    assert_eq!(answer, Err(UpstreamError::Connect(ConnectError::Proxy)));
}

#[actix_web::test]
async fn a_proxy_that_is_not_there_is_the_proxys_failure() {
    let (listener, url) = proxy().await;
    drop(listener);
    let transport = Transport::Http {
        host: "api.test".into(),
        port: 80,
    };
    let answer = client(transport, ProxyRules::new(&url, ""))
        .send(request("ask"))
        .await;
    assert_eq!(answer.unwrap_err(), ConnectError::Proxy.into());
}

#[actix_web::test]
async fn a_provider_that_no_proxy_names_is_called_directly() {
    let provider = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = provider.local_addr().unwrap().port();
    let (_listener, url) = proxy().await;
    let transport = Transport::Http {
        host: "127.0.0.1".into(),
        port,
    };
    let client = client(transport, ProxyRules::new(&url, "127.0.0.1"));
    let (answer, ()) = tokio::join!(
        async { read(client.send(request("ask")).await).await },
        async {
            let mut peer = Peer::new(provider.accept().await.unwrap().0);
            peer.request().await;
            peer.say(b"HTTP/1.1 204 No\r\n\r\n").await;
        }
    );
    assert_eq!(answer, Ok((204, String::new())));
}
