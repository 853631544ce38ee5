//! Which connections are used again, and when they are closed.

use futures_util::StreamExt as _;
use herald::upstream::{
    UpstreamError,
    request_body::{RequestBody, SendProgress},
};

use crate::peer::{Peer, Upstream, Wire, read, request};

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[actix_web::test]
async fn a_connection_serves_request_after_request() {
    for wire in Wire::ALL {
        for answer in [
            HELLO,
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n",
        ] {
            let mut upstream = Upstream::start(wire).await;
            let client = upstream.client.clone();
            tokio::join!(
                async {
                    for _ in 0..3 {
                        let answer = read(client.send(request("ask")).await).await;
                        assert_eq!(answer, Ok((200, "hello".to_owned())), "{wire:?}");
                    }
                },
                async {
                    let mut peer = upstream.accept().await;
                    for _ in 0..3 {
                        peer.request().await;
                        peer.say(answer).await;
                    }
                    // Kept to the end, so that a second connection would never be answered.
                }
            );
        }
    }
}

#[actix_web::test]
async fn a_connection_that_must_not_be_used_again_is_closed_with_its_answer() {
    for wire in Wire::ALL {
        for answer in [
            "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
            // Bytes behind the body, in the same segment, which awc would drop and forget.
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ] {
            let mut upstream = Upstream::start(wire).await;
            let client = upstream.client.clone();
            let (body, _) = tokio::join!(
                async { read(client.send(request("ask")).await).await },
                async {
                    let mut peer = upstream.accept().await;
                    peer.request().await;
                    peer.say(answer.as_bytes()).await;
                    peer.until_left().await;
                }
            );
            assert_eq!(body, Ok((200, "hello".to_owned())), "{wire:?} {answer:?}");
        }
    }
}

#[actix_web::test]
async fn stray_bytes_on_an_idle_connection_reach_no_other_caller() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        let (_, mut idle) = tokio::join!(
            async { read(client.send(request("one")).await).await.unwrap() },
            async {
                let mut peer = upstream.accept().await;
                peer.request().await;
                peer.say(HELLO).await;
                peer
            }
        );
        idle.say(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen")
            .await;
        let (answer, _) = tokio::join!(
            async { read(client.send(request("two")).await).await },
            async {
                let mut fresh = upstream.accept().await;
                assert_eq!(fresh.request().await.1, "two");
                fresh.say(HELLO).await;
                assert_eq!(idle.until_left().await, 0);
            }
        );
        assert_eq!(answer, Ok((200, "hello".to_owned())), "{wire:?}");
    }
}

#[actix_web::test]
async fn a_connection_that_the_provider_closed_while_idle_is_not_used() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        let (_, mut idle) = tokio::join!(
            async { read(client.send(request("one")).await).await.unwrap() },
            async {
                let mut peer = upstream.accept().await;
                peer.request().await;
                peer.say(HELLO).await;
                peer
            }
        );
        idle.stop().await;
        drop(idle);
        let (answer, _) = tokio::join!(
            async { read(client.send(request("two")).await).await },
            async {
                let mut fresh = upstream.accept().await;
                fresh.request().await;
                fresh.say(HELLO).await;
            }
        );
        assert_eq!(answer, Ok((200, "hello".to_owned())), "{wire:?}");
    }
}

/// The provider's end of a connection that has served a request and waits in the pool.
async fn used_once(upstream: &mut Upstream) -> Peer {
    let client = upstream.client.clone();
    let (_, peer) = tokio::join!(
        async { read(client.send(request("one")).await).await.unwrap() },
        async {
            let mut peer = upstream.accept().await;
            peer.request().await;
            peer.say(HELLO).await;
            peer
        }
    );
    peer
}

#[actix_web::test]
async fn a_request_that_meets_a_connection_closed_while_idle_is_sent_once_more_on_a_new_one() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        let mut idle = used_once(&mut upstream).await;
        let (answer, _) = tokio::join!(
            async { read(client.send(request("two")).await).await },
            async {
                let first = idle.request().await;
                drop(idle);
                let mut fresh = upstream.accept().await;
                assert_eq!(fresh.request().await, first, "{wire:?}");
                fresh.say(HELLO).await;
                // It was for this request alone.
                assert_eq!(fresh.until_left().await, 0);
            }
        );
        assert_eq!(answer, Ok((200, "hello".to_owned())), "{wire:?}");
        // The next one finds no trace of it.
        let (answer, ()) = tokio::join!(
            async { read(client.send(request("three")).await).await },
            async {
                let mut next = upstream.accept().await;
                assert_eq!(next.request().await.1, "three");
                next.say(HELLO).await;
            }
        );
        assert_eq!(answer, Ok((200, "hello".to_owned())), "{wire:?}");
    }
}

#[actix_web::test]
async fn a_large_body_that_meets_a_closed_connection_is_sent_whole_on_a_new_one() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        let mut idle = used_once(&mut upstream).await;
        let body: String = ('a'..='z').cycle().take(3 << 20).collect();
        let sent = body.clone();
        let (answer, ()) = tokio::join!(
            async { read(client.send(request(sent)).await).await },
            async {
                // Unread bytes in the kernel make this a reset.
                idle.head().await;
                drop(idle);
                let mut fresh = upstream.accept().await;
                assert!(fresh.request().await.1 == body, "{wire:?}");
                fresh.say(HELLO).await;
            }
        );
        assert_eq!(answer, Ok((200, "hello".to_owned())), "{wire:?}");
    }
}

#[actix_web::test]
async fn a_request_is_sent_twice_at_the_most_and_never_after_a_byte_of_an_answer() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        // On a new connection.
        let (answer, ()) = tokio::join!(
            async { read(client.send(request("new")).await).await },
            async {
                upstream.accept().await.request().await;
            }
        );
        assert_eq!(answer, Err(UpstreamError::Reset), "{wire:?}");
        // On one that replaces another.
        let mut idle = used_once(&mut upstream).await;
        let (answer, ()) = tokio::join!(
            async { read(client.send(request("again")).await).await },
            async {
                idle.request().await;
                drop(idle);
                upstream.accept().await.request().await;
            }
        );
        assert_eq!(answer, Err(UpstreamError::Reset), "{wire:?}");
        // After the first byte of an answer, be it an interim one.
        for said in ["H", "HTTP/1.1 103 Early Hints\r\n\r\n", "\r\n"] {
            let mut idle = used_once(&mut upstream).await;
            let (answer, ()) = tokio::join!(
                async { read(client.send(request("said")).await).await },
                async {
                    idle.request().await;
                    idle.say(said.as_bytes()).await;
                    idle.stop().await;
                }
            );
            assert_eq!(answer, Err(UpstreamError::Reset), "{wire:?} {said:?}");
        }
    }
}

#[actix_web::test]
async fn a_dropped_request_closes_the_connection() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        let mut call = Box::pin(async move { client.send(request("ask")).await.map(drop) });
        let mut peer = tokio::select! {
            _ = &mut call => unreachable!("nobody has answered"),
            peer = async {
                let mut peer = upstream.accept().await;
                peer.request().await;
                peer
            } => peer,
        };
        drop(call);
        peer.until_left().await;
    }
}

#[actix_web::test]
async fn a_dropped_body_closes_the_connection() {
    for wire in Wire::ALL {
        let mut upstream = Upstream::start(wire).await;
        let client = upstream.client.clone();
        let (answer, mut peer) = tokio::join!(
            async { client.send(request("ask")).await.unwrap() },
            async {
                let mut peer = upstream.accept().await;
                peer.request().await;
                peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhello")
                    .await;
                peer
            }
        );
        let (_head, mut body) = answer;
        assert_eq!(body.next().await.unwrap().unwrap(), "hello", "{wire:?}");
        drop(body);
        peer.until_left().await;
    }
}

#[actix_web::test]
async fn the_body_tells_when_the_connection_stands_and_when_all_is_written() {
    let mut upstream = Upstream::start(Wire::Memory).await;
    let client = upstream.client.clone();
    let (body, mut progress) = RequestBody::new(vec![vec![b'x'; 1 << 20].into()]);
    assert_eq!(
        progress.borrow_and_update().progress,
        SendProgress::Connecting
    );
    let mut ask = request("");
    ask.body = body;
    tokio::join!(
        async { read(client.send(ask).await).await.unwrap() },
        async {
            let mut peer = upstream.accept().await;
            peer.head().await;
            // The pipe holds 64 KiB and awc's buffer not much more, so this cannot be all.
            assert_eq!(progress.borrow_and_update().progress, SendProgress::Writing);
            peer.body(1 << 20).await;
            assert!(progress.has_changed().unwrap());
            assert_eq!(progress.borrow_and_update().progress, SendProgress::Written);
            peer.say(HELLO).await;
        }
    );
}
