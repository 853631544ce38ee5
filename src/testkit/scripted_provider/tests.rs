//! The provider seen from outside, by callers that are plain sockets.

mod leaving;
mod on_the_wire;
mod queue;
mod tls;

use std::{future::Future, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use super::*;

/// A whole small request.
const REQUEST: &str =
    "POST /v1/chat/completions HTTP/1.1\r\nHost: scripted\r\nContent-Length: 2\r\n\r\n{}";

/// The head of every scripted stream.
const SSE_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// Fails in place of hanging.
async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), work)
        .await
        .expect("it takes no ten seconds")
}

async fn connect(provider: &ScriptedProvider) -> TcpStream {
    TcpStream::connect(provider.addr()).await.unwrap()
}

/// Connects and sends [`REQUEST`].
async fn ask(provider: &ScriptedProvider) -> TcpStream {
    let mut caller = connect(provider).await;
    caller.write_all(REQUEST.as_bytes()).await.unwrap();
    caller
}

/// Reads just these bytes.
async fn expect(caller: &mut (impl AsyncRead + Unpin), expected: &str) {
    let mut bytes = vec![0; expected.len()];
    within(caller.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

/// Reads to the end.
async fn read_to_end(caller: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    within(caller.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

async fn send(caller: &mut (impl AsyncWrite + Unpin), text: &str) {
    within(caller.write_all(text.as_bytes())).await.unwrap();
}

/// The events by name and in order, for comparing.
fn names(provider: &ScriptedProvider) -> Vec<String> {
    let name = |event: &ProviderEvent| {
        let shown = format!("{:?}", event.what);
        shown
            .split([' ', '('])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    provider.events().iter().map(name).collect()
}
