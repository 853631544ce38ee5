//! What becomes of every kind of answer.

use herald::upstream::UpstreamError;

use crate::peer::{Upstream, Wire, read, request};

/// An answer of two parts, where a length or chunks end the body, the connection being kept.
const WHOLE: [(&str, u16, &str); 8] = [
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        200,
        "hello",
    ),
    ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, ""),
    (
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        200,
        "hello",
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
         2;a=b\r\nhe\r\n3 ; c=\"d\"\r\nllo\r\n0\r\nx-sum: 1\r\n\r\n",
        200,
        "hello",
    ),
    // A length beside chunks is wrong; the chunks are right (RFC 9112 section 6.3).
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        200,
        "hello",
    ),
    (
        "HTTP/1.0 500 No\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nno",
        500,
        "no",
    ),
    (
        "HTTP/1.1 426 No\r\nupgrade: websocket\r\ncontent-length: 2\r\n\r\nno",
        426,
        "no",
    ),
    ("HTTP/1.1 304 Same\r\ncontent-length: 9\r\n\r\n", 304, ""),
];

/// Answers that only the close of the connection ends.
const UNTIL_CLOSE: [(&str, u16, &str); 3] = [
    ("HTTP/1.1 200 OK\r\n\r\nhello", 200, "hello"),
    (
        "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n\r\nhello",
        200,
        "hello",
    ),
    (
        "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\nhello",
        200,
        "hello",
    ),
];

#[actix_web::test]
async fn each_caller_gets_its_own_body_when_the_first_answer_comes_after_a_103() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        let client = async {
            let first = read(client.send(request("one")).await).await;
            let second = read(client.send(request("two")).await).await;
            (first, second)
        };
        let peer = async {
            let mut peer = upstream.accept().await;
            assert_eq!(peer.request().await.1, "one");
            peer.say(b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n")
                .await;
            peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst")
                .await;
            assert_eq!(peer.request().await.1, "two");
            peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond")
                .await;
            peer
        };
        let ((first, second), _peer) = tokio::join!(client, peer);
        assert_eq!(first, Ok((200, "first".to_owned())), "{wire:?}");
        assert_eq!(second, Ok((200, "second".to_owned())), "{wire:?}");
    }
}

#[actix_web::test]
async fn every_way_to_end_a_body_is_understood() {
    for wire in Wire::ALL {
        for (bytes, status, body) in WHOLE.into_iter().chain(UNTIL_CLOSE) {
            let mut upstream = Upstream::start(wire).await;
            let (answer, _peer) = upstream.exchange(bytes.as_bytes()).await;
            assert_eq!(answer, Ok((status, body.to_owned())), "{wire:?} {bytes:?}");
        }
    }
}

#[actix_web::test]
async fn a_body_with_an_end_of_its_own_does_not_wait_for_the_close() {
    for (bytes, status, body) in WHOLE {
        let mut upstream = Upstream::start(Wire::Http).await;
        let client = upstream.client.clone();
        let (answer, _peer) = tokio::join!(
            async { read(client.send(request("ask")).await).await },
            async {
                let mut peer = upstream.accept().await;
                peer.request().await;
                peer.say(bytes.as_bytes()).await;
                peer
            }
        );
        assert_eq!(answer, Ok((status, body.to_owned())), "{bytes:?}");
    }
}

#[actix_web::test]
async fn an_answer_may_come_byte_by_byte() {
    for (bytes, status, body) in WHOLE {
        let mut upstream = Upstream::start(Wire::Memory).await;
        let client = upstream.client.clone();
        let (answer, _peer) = tokio::join!(
            async { read(client.send(request("ask")).await).await },
            async {
                let mut peer = upstream.accept().await;
                peer.request().await;
                for byte in bytes.as_bytes() {
                    peer.say(&[*byte]).await;
                    tokio::task::yield_now().await;
                }
                peer
            }
        );
        assert_eq!(answer, Ok((status, body.to_owned())), "{bytes:?}");
    }
}

#[actix_web::test]
async fn an_answer_that_is_cut_short_is_truncated_and_never_complete() {
    for wire in Wire::ALL {
        for cut in [
            "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nhello",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        ] {
            let mut upstream = Upstream::start(wire).await;
            let (answer, _peer) = upstream.exchange(cut.as_bytes()).await;
            assert_eq!(answer, Err(UpstreamError::Truncated), "{wire:?} {cut:?}");
        }
    }
}

#[actix_web::test]
async fn a_tls_connection_that_ends_without_a_goodbye_is_truncated() {
    let mut upstream = Upstream::start(Wire::Https).await;
    let client = upstream.client.clone();
    let (answer, ()) = tokio::join!(
        async { read(client.send(request("ask")).await).await },
        async {
            let mut peer = upstream.accept().await;
            peer.request().await;
            peer.say(b"HTTP/1.1 200 OK\r\n\r\nhello").await;
        }
    );
    assert_eq!(answer, Err(UpstreamError::Truncated));
}

#[actix_web::test]
async fn a_connection_that_ends_before_a_head_is_a_reset() {
    for wire in Wire::ALL {
        for cut in [
            "",
            "HTTP/1.1 200 OK\r\ncontent-le",
            "HTTP/1.1 100 Continue\r\n\r\n",
        ] {
            let mut upstream = Upstream::start(wire).await;
            let (answer, _peer) = upstream.exchange(cut.as_bytes()).await;
            assert_eq!(answer, Err(UpstreamError::Reset), "{wire:?} {cut:?}");
        }
    }
}

#[actix_web::test]
async fn a_head_that_cannot_be_understood_is_a_bad_head() {
    let fields = |count| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(count));
    let large = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "b".repeat(16 * 1024));
    for head in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "<html>\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 099 Low\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: \u{7}\r\n\r\n",
        "HTTP/1.1 200 OK\r\nhost: a\r\nhost: b\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
        &fields(97),
        &large,
    ] {
        let mut upstream = Upstream::start(Wire::Memory).await;
        let (answer, mut peer) = upstream.exchange(head.as_bytes()).await;
        let is_bad_head = matches!(answer, Err(UpstreamError::BadHead(_)));
        assert!(is_bad_head, "{answer:?} for {head:?}");
        peer.until_left().await;
    }
    let (answer, _peer) = Upstream::start(Wire::Memory)
        .await
        .exchange(fields(96).as_bytes())
        .await;
    assert_eq!(answer, Ok((200, String::new())));
}

#[actix_web::test]
async fn a_malformed_chunk_breaks_the_body_and_the_connection() {
    let mut upstream = Upstream::start(Wire::Memory).await;
    let bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n";
    let (answer, mut peer) = upstream.exchange(bytes).await;
    assert_eq!(answer, Err(UpstreamError::Reset));
    peer.until_left().await;
}

#[actix_web::test]
async fn a_request_says_what_it_must_and_nothing_by_itself() {
    let mut upstream = Upstream::start(Wire::Memory).await;
    let client = upstream.client.clone();
    let (_answer, mut lines) = tokio::join!(
        async { read(client.send(request("ask")).await).await },
        async {
            let mut peer = upstream.accept().await;
            let (head, _) = peer.request().await;
            peer.say(b"HTTP/1.1 204 No\r\n\r\n").await;
            head.lines().map(str::to_owned).collect::<Vec<_>>()
        }
    );
    // awc dates every request.
    lines.retain(|line| !line.is_empty() && !line.starts_with("date: "));
    assert_eq!(lines.remove(0), "POST /v1/chat?x=1 HTTP/1.1");
    lines.sort();
    let want = [
        "accept-encoding: identity",
        "content-length: 3",
        "host: p",
        "x-test: yes",
    ];
    assert_eq!(lines, want);
}
