//! Over TLS.

use std::io;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::testkit::{Departure, TestCertificate};

/// Connects as a caller that trusts this root only, and that speaks HTTP/1.1 only.
async fn handshake(
    provider: &ScriptedProvider,
    root_pem: &str,
    server_name: &'static str,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(root_pem.as_bytes()).unwrap())
        .unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let server_name = ServerName::try_from(server_name).unwrap();
    let tcp = connect(provider).await;
    within(TlsConnector::from(Arc::new(config)).connect(server_name, tcp)).await
}

#[actix_web::test]
async fn a_caller_that_trusts_the_root_gets_the_same_bytes() {
    for name in ["localhost", "127.0.0.1"] {
        let provider = ScriptedProvider::start_tls([Script::sse().event("{}")]).await;
        assert!(provider.base_url().starts_with("https://127.0.0.1:"));
        let mut caller = handshake(&provider, provider.root_pem(), name)
            .await
            .unwrap();
        send(&mut caller, REQUEST).await;
        // `read_to_end` would fail without `close_notify`.
        assert_eq!(
            read_to_end(&mut caller).await,
            format!("{SSE_HEAD}a\r\ndata: {{}}\n\n\r\n")
        );
        let established = Happened::TlsEstablished {
            server_name: (name == "localhost").then(|| name.to_owned()),
            protocol: Some("http/1.1".to_owned()),
        };
        provider
            .wait_for("the handshake", |what| *what == established)
            .await;
    }
}

#[actix_web::test]
async fn a_reset_is_a_reset_under_tls_too() {
    let provider = ScriptedProvider::start_tls([Script::sse().head().reset()]).await;
    let mut caller = handshake(&provider, provider.root_pem(), "localhost")
        .await
        .unwrap();
    send(&mut caller, REQUEST).await;
    expect(&mut caller, SSE_HEAD).await;
    let error = within(caller.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[actix_web::test]
async fn a_caller_that_leaves_without_close_notify_has_left() {
    let provider = ScriptedProvider::start_tls([Script::sse().stall()]).await;
    let mut caller = handshake(&provider, provider.root_pem(), "localhost")
        .await
        .unwrap();
    send(&mut caller, REQUEST).await;
    provider
        .wait_for("the stall", |what| *what == Happened::Waiting)
        .await;
    drop(caller);
    let left = provider.caller_left().await;
    assert!(matches!(
        left.what,
        Happened::CallerLeft {
            how: Departure::Eof | Departure::Reset,
            ..
        }
    ));
}

#[actix_web::test]
async fn a_caller_that_does_not_trust_the_root_or_the_name_refuses() {
    let provider = ScriptedProvider::start_tls([]).await;
    let other_root = TestCertificate::generate(&["localhost"]);
    assert!(
        handshake(&provider, other_root.root_pem(), "localhost")
            .await
            .is_err()
    );
    assert!(
        handshake(&provider, provider.root_pem(), "other.test")
            .await
            .is_err()
    );
    provider
        .wait_for("the refusal", |what| matches!(what, Happened::TlsFailed(_)))
        .await;
}

#[actix_web::test]
async fn a_server_that_offers_only_h2_has_no_protocol_for_a_caller_of_http_1() {
    let certificate = TestCertificate::generate(&["localhost"]);
    let provider = ScriptedProvider::start_tls_with([], &certificate, &["h2"]).await;
    assert!(
        handshake(&provider, certificate.root_pem(), "localhost")
            .await
            .is_err()
    );
}

#[actix_web::test]
async fn a_server_that_offers_h2_first_still_agrees_on_http_1() {
    let certificate = TestCertificate::generate(&["localhost"]);
    let provider =
        ScriptedProvider::start_tls_with([Script::new()], &certificate, &["h2", "http/1.1"]).await;
    let mut caller = handshake(&provider, certificate.root_pem(), "localhost")
        .await
        .unwrap();
    send(&mut caller, REQUEST).await;
    expect(&mut caller, "HTTP/1.1 200 OK\r\n").await;
}
