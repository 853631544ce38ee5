//! Ways not to get a connection, and ways to get one all the same.

use std::time::Duration;

use herald::{
    providers::ProviderId,
    upstream::{
        UpstreamError,
        connector::tls::tls_config,
        error::ConnectError,
        http_client::{ClientParts, HttpClient, Transport},
    },
};
use tokio::{io::AsyncReadExt as _, net::TcpListener};

use crate::peer::{Peer, certificate, parts, read, request};

fn https(port: u16, extra_roots: Option<&str>) -> Transport {
    Transport::Https {
        host: "127.0.0.1".into(),
        port,
        tls: tls_config(extra_roots.map(str::as_bytes)).unwrap(),
    }
}

async fn failure(parts: ClientParts) -> UpstreamError {
    let answer = HttpClient::new(&parts).send(request("ask")).await;
    answer.expect_err("nobody is there")
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[actix_web::test]
async fn a_refused_connection_is_said_to_be_refused() {
    let (listener, port) = listen().await;
    drop(listener);
    let host = "127.0.0.1".into();
    let error = failure(parts(Transport::Http { host, port })).await;
    assert_eq!(error, ConnectError::Refused.into());
}

#[actix_web::test]
async fn a_name_without_an_address_is_a_dns_failure() {
    let host = "herald-test.invalid".into();
    let error = failure(parts(Transport::Http { host, port: 80 })).await;
    assert_eq!(error, ConnectError::Dns.into());
}

#[actix_web::test]
async fn a_name_is_resolved_and_its_living_address_found() {
    // `localhost` has ::1 too on many machines; nobody listens there.
    let (listener, port) = listen().await;
    let host = "localhost".into();
    let client = HttpClient::new(&parts(Transport::Http { host, port }));
    let (answer, head) = tokio::join!(
        async { read(client.send(request("ask")).await).await },
        async {
            let mut peer = Peer::new(listener.accept().await.unwrap().0);
            let (head, _) = peer.request().await;
            peer.say(b"HTTP/1.1 204 No\r\n\r\n").await;
            head
        }
    );
    assert_eq!(answer, Ok((204, String::new())));
    assert!(head.contains(&format!("\r\nhost: localhost:{port}\r\n")));
}

#[actix_web::test]
async fn the_connect_clock_runs_through_the_handshake() {
    let (_listener, port) = listen().await;
    let length = Duration::from_millis(50);
    let parts = ClientParts {
        connect: length,
        ..parts(https(port, None))
    };
    assert_eq!(failure(parts).await, ConnectError::Timeout(length).into());
}

#[actix_web::test]
async fn a_certificate_of_an_unknown_issuer_is_not_accepted() {
    let (listener, port) = listen().await;
    let (_pem, acceptor) = certificate();
    let (error, _) = tokio::join!(failure(parts(https(port, None))), async {
        let (tcp, _) = listener.accept().await.unwrap();
        acceptor.accept(tcp).await.map(drop)
    });
    assert_eq!(error, ConnectError::TlsCertificate.into());
}

#[actix_web::test]
async fn a_certificate_of_another_host_is_not_accepted() {
    let (listener, port) = listen().await;
    let (pem, acceptor) = certificate();
    let transport = Transport::Https {
        host: "localhost".into(),
        port,
        tls: tls_config(Some(pem.as_bytes())).unwrap(),
    };
    let (error, _) = tokio::join!(failure(parts(transport)), async {
        let (tcp, _) = listener.accept().await.unwrap();
        acceptor.accept(tcp).await.map(drop)
    });
    assert_eq!(error, ConnectError::TlsCertificate.into());
}

#[actix_web::test]
async fn a_peer_that_does_not_speak_tls_fails_the_handshake() {
    for words in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
        let (listener, port) = listen().await;
        let (error, ()) = tokio::join!(failure(parts(https(port, None))), async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut hello = [0; 5];
            tcp.read_exact(&mut hello).await.unwrap();
            let mut peer = Peer::new(tcp);
            peer.say(words).await;
            peer.stop().await;
            peer.until_left().await;
        });
        assert_eq!(error, ConnectError::TlsHandshake.into());
    }
}

#[actix_web::test]
async fn a_provider_or_a_path_that_cannot_be_is_unreachable() {
    let host = "127.0.0.1".into();
    let client = HttpClient::new(&parts(Transport::Http { host, port: 1 }));
    let mut unknown = request("ask");
    unknown.provider = ProviderId::new("q");
    let mut crooked = request("ask");
    crooked.path = "no-slash".into();
    for bad in [unknown, crooked] {
        let error = client.send(bad).await.unwrap_err();
        assert_eq!(error, ConnectError::Unreachable.into());
    }
}
