//! Requests that are answered before their body is there: how much of it is read, and that the
//! connection is kept or closed.

use std::net::SocketAddr;

use futures_util::future::join_all;
use herald::testkit::TestGateway;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    time::{Duration, timeout},
};

use crate::support::{Client, chat, stream_request};

const COMPLETIONS: &str = "POST /v1/chat/completions";

/// Of the key `client-key`.
const KEYS: &str = "[[keys]]\nid = \"tests\"\n\
    sha256 = \"8eb943e7040b69a94bf39562088223755bff4c2e7c5fc257f1e08f870fe01d35\"\n";

/// Most that the kernel's buffers take of what nobody reads, with what Herald reads. A receive buffer
/// grows to 32 MiB where Linux lets it; without an end to the reading it was hundreds of them.
const MOST: usize = 48 << 20;

async fn gateway(more: &str) -> TestGateway {
    let bounds = "[server]\nmax_body_bytes = \"64KiB\"\nrequest_body = \"300ms\"\n";
    TestGateway::with_settings(&format!("{bounds}{more}")).await
}

/// Sends a chunked body that never ends, and counts what of it is taken before the connection is
/// closed; with the head of the answer.
async fn pour(address: SocketAddr, line: &str, header: &str, waits: bool) -> (String, usize) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(64 << 10).unwrap();
    let mut connection = socket.connect(address).await.unwrap();
    let (mut reader, mut writer) = connection.split();
    let head =
        format!("{line} HTTP/1.1\r\nhost: localhost\r\n{header}transfer-encoding: chunked\r\n\r\n");
    writer.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    if waits {
        let length = reader.read(&mut answer).await.unwrap();
        answer.truncate(length);
    }
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut taken = 0;
    let pour = async {
        while let Ok(count) = writer.write(&chunk.as_bytes()[taken % chunk.len()..]).await {
            taken += count;
        }
    };
    let closed = timeout(Duration::from_secs(10), pour).await;
    closed.expect("the connection is closed within ten seconds");
    if !waits {
        let length = reader.read(&mut answer).await.unwrap_or(0);
        answer.truncate(length);
    }
    let answer = String::from_utf8(answer).unwrap();
    (answer, taken)
}

#[actix_web::test]
async fn a_body_without_an_end_is_read_no_further_than_the_largest_and_its_connection_closes() {
    let open = gateway("").await;
    let locked = gateway(KEYS).await;
    let draining = gateway("").await;
    draining.gateway().drain().begin();
    let evil = "origin: http://evil.test\r\n";
    let coded = "content-encoding: gzip\r\n";
    let at = open.address();
    let cases = [
        (locked.address(), COMPLETIONS, "", 401, false),
        (at, COMPLETIONS, evil, 403, false),
        (at, "POST /nowhere", "", 404, false),
        (at, "GET /nowhere", "", 404, false),
        (at, "PUT /v1/models", "", 405, false),
        (at, COMPLETIONS, "", 408, true),
        (at, COMPLETIONS, "", 413, false),
        (at, COMPLETIONS, coded, 415, false),
        (draining.address(), COMPLETIONS, "", 503, false),
        // What needs no body has an answer too.
        (at, "GET /v1/models", "", 200, false),
        (at, "GET /health/live", "", 200, false),
        (open.admin_address(), "POST /nowhere", "", 404, false),
        (
            open.admin_address(),
            "POST /settings/validate",
            "",
            404,
            false,
        ),
    ];
    join_all(cases.map(async |(address, line, header, status, waits)| {
        let (answer, taken) = pour(address, line, header, waits).await;
        let told = answer.starts_with(&format!("HTTP/1.1 {status} "));
        assert!(told, "{status} {line}: {answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(taken < MOST, "{status} {line}: {taken} bytes");
    }))
    .await;
}

#[actix_web::test]
async fn a_small_body_that_nobody_asked_for_does_not_cost_the_connection() {
    let gateway = gateway("").await;
    let mut client = Client::connect(gateway.address()).await;
    for (head, body) in [
        ("content-length: 5", "hello"),
        ("transfer-encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
    ] {
        client
            .send(format!(
                "POST /nowhere HTTP/1.1\r\nhost: h\r\n{head}\r\n\r\n"
            ))
            .await;
        client.send(body).await;
        let mut reply = client.reply().await;
        assert_eq!(reply.status, 404, "{head}");
        assert_eq!(reply.header("connection"), None, "{head}");
        reply.text().await;
        client = reply.into_client();
    }
    client
        .send("GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n")
        .await;
    assert_eq!(client.reply().await.status, 200);
}

#[actix_web::test]
async fn a_body_that_does_not_come_does_not_hold_its_answer_back() {
    let gateway = gateway(KEYS).await;
    let mut client = Client::connect(gateway.address()).await;
    let head = format!("{COMPLETIONS} HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\n");
    client.send(head).await;
    let mut reply = client.reply().await;
    assert_eq!(reply.status, 401);
    assert_eq!(reply.header("connection"), Some("close"));
    assert_eq!(reply.json().await["error"]["code"], "invalid_api_key");
    assert_eq!(chat(gateway.address(), &stream_request()).await.status, 401);
}
