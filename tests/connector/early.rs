//! Answers that come before the request is all written.

use herald::upstream::UpstreamError;

use crate::peer::{Upstream, Wire, read, request};

/// More than all the buffers on the way can hold.
const LARGE: usize = 32 << 20;

const REFUSAL: &[u8] = b"HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo large";

#[actix_web::test]
async fn a_413_is_heard_though_the_provider_reads_no_further() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        let (answer, _) = tokio::join!(
            async { read(client.send(request(vec![b'x'; LARGE])).await).await },
            async {
                let mut peer = upstream.accept().await;
                peer.head().await;
                peer.say(REFUSAL).await;
                peer
            }
        );
        assert_eq!(answer, Ok((413, "too large".to_owned())), "{wire:?}");
    }
}

#[actix_web::test]
async fn a_connection_whose_request_was_not_all_written_is_closed() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        let (_, mut peer) = tokio::join!(
            async {
                read(client.send(request(vec![b'x'; LARGE])).await)
                    .await
                    .unwrap()
            },
            async {
                let mut peer = upstream.accept().await;
                peer.head().await;
                peer.say(REFUSAL).await;
                peer
            }
        );
        assert!(peer.until_left().await < LARGE, "{wire:?}");
    }
}

#[actix_web::test]
async fn a_413_is_heard_though_the_connection_is_reset_behind_it() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        let (answer, ()) = tokio::join!(
            async { read(client.send(request(vec![b'x'; LARGE])).await).await },
            async {
                let mut peer = upstream.accept().await;
                peer.head().await;
                peer.say(REFUSAL).await;
                // Dropped with bytes unread, a TCP socket is reset.
            }
        );
        assert_eq!(answer, Ok((413, "too large".to_owned())), "{wire:?}");
    }
}

#[actix_web::test]
async fn an_early_200_does_not_cut_the_request_short() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        let (answer, read_bytes) = tokio::join!(
            async { read(client.send(request(vec![b'x'; LARGE])).await).await },
            async {
                let mut peer = upstream.accept().await;
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
                peer.say(head.as_bytes()).await;
                let (_, body) = peer.request().await;
                peer.say(b"hello").await;
                body.len()
            }
        );
        assert_eq!(answer, Ok((200, "hello".to_owned())), "{wire:?}");
        assert_eq!(read_bytes, LARGE, "{wire:?}");
    }
}

#[actix_web::test]
async fn an_interim_answer_while_the_request_is_written_changes_nothing() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        let (answer, read_bytes) = tokio::join!(
            async { read(client.send(request(vec![b'x'; LARGE])).await).await },
            async {
                let mut peer = upstream.accept().await;
                peer.say(b"HTTP/1.1 100 Continue\r\n\r\n").await;
                let (_, body) = peer.request().await;
                peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
                    .await;
                body.len()
            }
        );
        assert_eq!(answer, Ok((200, "hello".to_owned())), "{wire:?}");
        assert_eq!(read_bytes, LARGE, "{wire:?}");
    }
}

#[actix_web::test]
async fn a_reset_without_an_answer_while_the_request_is_written_is_a_reset() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        let (answer, ()) = tokio::join!(
            async { read(client.send(request(vec![b'x'; LARGE])).await).await },
            async {
                upstream.accept().await.head().await;
            }
        );
        assert_eq!(answer, Err(UpstreamError::Reset), "{wire:?}");
    }
}

#[actix_web::test]
async fn a_bad_head_while_the_request_is_written_is_a_bad_head() {
    let mut upstream = Upstream::start(Wire::Http).await;
    let client = upstream.client.clone();
    let (answer, _) = tokio::join!(
        async { read(client.send(request(vec![b'x'; LARGE])).await).await },
        async {
            let mut peer = upstream.accept().await;
            peer.say(b"220 mail.test ESMTP\r\n").await;
            peer
        }
    );
    assert!(
        matches!(answer, Err(UpstreamError::BadHead(_))),
        "{answer:?}"
    );
}
