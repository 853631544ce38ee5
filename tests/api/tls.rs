//! TLS on the public listener.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use herald::{
    settings::{ProcessEnvironment, Settings},
    testkit::{Gate, Script, ScriptedProvider, TestCertificate, TestGateway, chat},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};
use rustls_pki_types::{ServerName, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{Client, stream_request};

/// A folder of one test's own for a certificate and its key.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("herald-tls-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that has failed may have left nothing to remove.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn certificate() -> TestCertificate {
    TestCertificate::generate(&["localhost"])
}

async fn start(
    provider: &ScriptedProvider,
    certificate: &TestCertificate,
    folder: &Path,
) -> TestGateway {
    TestGateway::tuned(provider, &certificate.install(folder)).await
}

/// A connection of somebody who trusts this certificate and offers these protocols.
pub(crate) async fn connect(
    address: SocketAddr,
    trusted: &TestCertificate,
    alpn: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(trusted.root_pem().as_bytes());
    roots.add(root.unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let tcp = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
}

async fn post_chat(connection: &mut TlsStream<TcpStream>) {
    let body = stream_request().to_string();
    let length = body.len();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    connection.write_all(request.as_bytes()).await.unwrap();
}

/// Reads until a text has come.
async fn read_until(connection: &mut TlsStream<TcpStream>, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let more = connection.read_buf(&mut read).await.unwrap();
        assert!(more > 0, "{}", String::from_utf8_lossy(&read));
    }
    String::from_utf8(read).unwrap()
}

#[actix_web::test]
async fn a_new_certificate_is_shown_to_new_connections_while_an_open_stream_goes_on() {
    let (folder, gate) = (Folder::new(), Gate::new());
    let script = Script::sse()
        .event(chat::text("a"))
        .wait(&gate)
        .event(chat::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script, Script::chat(["b"])]).await;
    let (old, new) = (certificate(), certificate());
    let gateway = start(&provider, &old, &folder.0).await;
    let mut open = connect(gateway.address(), &old, &["http/1.1"])
        .await
        .unwrap();
    post_chat(&mut open).await;
    let head = read_until(&mut open, "\"a\"").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");

    // As a reload does: the same settings, with what the files hold now.
    let written = Settings::from_toml(&new.install(&folder.0)).unwrap();
    let mut settings = (*gateway.gateway().settings()).clone();
    settings.tls = written.verify(&ProcessEnvironment).unwrap().tls;
    gateway.gateway().replace_settings(settings);

    let refused = connect(gateway.address(), &old, &[]).await.unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
    let mut later = connect(gateway.address(), &new, &[]).await.unwrap();
    let shown = later.get_ref().1.peer_certificates().unwrap();
    assert_eq!(shown[0], *new.certificate_der());
    post_chat(&mut later).await;
    read_until(&mut later, "data: [DONE]").await;
    gate.open();
    read_until(&mut open, "data: [DONE]").await;
}

#[actix_web::test]
async fn settings_without_tls_leave_the_certificate_that_the_listener_began_with() {
    let folder = Folder::new();
    let provider = ScriptedProvider::start([]).await;
    let certificate = certificate();
    let gateway = start(&provider, &certificate, &folder.0).await;
    let mut settings = (*gateway.gateway().settings()).clone();
    settings.tls = None;
    gateway.gateway().replace_settings(settings);
    let connection = connect(gateway.address(), &certificate, &[]).await.unwrap();
    let shown = connection.get_ref().1.peer_certificates().unwrap();
    assert_eq!(shown[0], *certificate.certificate_der());
}

#[actix_web::test]
async fn only_http_1_1_is_agreed_on() {
    let folder = Folder::new();
    let provider = ScriptedProvider::start([]).await;
    let certificate = certificate();
    let gateway = start(&provider, &certificate, &folder.0).await;
    let both = connect(gateway.address(), &certificate, &["h2", "http/1.1"]).await;
    assert_eq!(
        both.unwrap().get_ref().1.alpn_protocol(),
        Some(&b"http/1.1"[..])
    );
    let refused = connect(gateway.address(), &certificate, &["h2"])
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("NoApplicationProtocol"),
        "{refused}"
    );
}

#[actix_web::test]
async fn plain_http_is_told_to_speak_tls() {
    let folder = Folder::new();
    let provider = ScriptedProvider::start([]).await;
    let gateway = start(&provider, &certificate(), &folder.0).await;
    let mut plain = Client::connect(gateway.address()).await;
    plain.post_chat(&stream_request()).await;
    let mut refused = plain.reply().await;
    assert_eq!(refused.status, 400);
    let told = refused.text().await;
    assert_eq!(told, "this port speaks TLS: ask it by https://\n");
}

#[actix_web::test]
async fn a_connection_that_says_nothing_is_given_up_as_one_without_a_head_is() {
    let folder = Folder::new();
    let provider = ScriptedProvider::start([]).await;
    let settings = format!(
        "[server]\nrequest_head = \"1s\"\n{}",
        certificate().install(&folder.0)
    );
    let gateway = TestGateway::tuned(&provider, &settings).await;
    let mut silent = TcpStream::connect(gateway.address()).await.unwrap();
    let mut answer = Vec::new();
    assert_eq!(silent.read_to_end(&mut answer).await.unwrap(), 0);
}

#[actix_web::test]
async fn a_client_that_leaves_with_or_without_a_goodbye_frees_the_provider() {
    let folder = Folder::new();
    let endless = || Script::sse().event(chat::text("a")).stall();
    let provider = ScriptedProvider::start([endless(), endless()]).await;
    let certificate = certificate();
    let gateway = start(&provider, &certificate, &folder.0).await;
    for says_goodbye in [true, false] {
        let mut client = connect(gateway.address(), &certificate, &[]).await.unwrap();
        post_chat(&mut client).await;
        read_until(&mut client, "\"a\"").await;
        if says_goodbye {
            // close_notify; the socket stays open.
            client.shutdown().await.unwrap();
            provider.caller_left().await;
        } else {
            drop(client);
            provider.caller_left().await;
        }
    }
}
