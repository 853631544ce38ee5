//! Gateways with a fault each, as small as they can be.

use std::{net::SocketAddr, sync::Arc};

use serde_json::{Value, json};
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::JoinHandle,
};

use crate::transforms::{Upstream, dechunked};

/// What a gateway does wrong.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// It does nothing by itself: bytes go through.
    Relay,
    /// It waits for the whole of an answer.
    Buffers,
    /// It ends each stream with an end marker.
    FakesTheEnd,
    /// It waits for the whole of an answer, and writes another.
    Transforms(fn(Upstream) -> Vec<u8>),
    /// It relays, but writes requests anew.
    RewritesRequests,
    /// It relays, for one client after the other.
    OneAtATime,
    /// It relays, but probes the provider first, and makes each call twice.
    Nervous,
}

/// A gateway of plain HTTP with this fault, until it is dropped.
pub(crate) struct BadGateway {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl BadGateway {
    pub(crate) async fn start(provider: SocketAddr, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let turn = Arc::new(Mutex::new(()));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let turn = Arc::clone(&turn);
                tokio::spawn(async move {
                    let _turn = match fault {
                        Fault::OneAtATime => Some(turn.lock().await),
                        _ => None,
                    };
                    // A client that left, or a provider that broke off: the gateway lives on.
                    let _ = serve(client, provider, fault).await;
                });
            }
        });
        Self { address, accepting }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

impl Drop for BadGateway {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut client: TcpStream, provider: SocketAddr, fault: Fault) -> io::Result<()> {
    let mut request = read_request(&mut client).await?;
    if let Fault::Nervous = fault {
        probe_and_repeat(provider, &request).await?;
    }
    let mut upstream = TcpStream::connect(provider).await?;
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    if let Fault::RewritesRequests = fault {
        request = rewritten(&request);
    }
    upstream.write_all(&request).await?;
    match fault {
        Fault::Relay | Fault::RewritesRequests | Fault::OneAtATime | Fault::Nervous => {
            relay(client, upstream).await
        }
        Fault::Buffers => {
            let answer = read_all(&mut upstream).await;
            client.write_all(&answer).await
        }
        Fault::Transforms(transform) => {
            let answer = read_all(&mut upstream).await;
            client.write_all(&transform(Upstream::parse(&answer))).await
        }
        Fault::FakesTheEnd => fake_the_end(&mut client, &mut upstream).await,
    }
}

/// Asks for the models, then gives up a first call once it is answered.
async fn probe_and_repeat(provider: SocketAddr, request: &[u8]) -> io::Result<()> {
    let mut probe = TcpStream::connect(provider).await?;
    let asked = b"GET /v1/models HTTP/1.1\r\nhost: provider\r\n\r\n";
    probe.write_all(asked).await?;
    let models = read_all(&mut probe).await;
    assert!(
        models.starts_with(b"HTTP/1.1 200 "),
        "the kit knows its models"
    );
    let mut first = TcpStream::connect(provider).await?;
    first.write_all(request).await?;
    // As soon as an answer begins, it is given up for another.
    first.readable().await
}

/// Bytes go both ways until either side is done.
async fn relay(client: TcpStream, upstream: TcpStream) -> io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_upstream, mut to_upstream) = upstream.into_split();
    let upwards = std::pin::pin!(io::copy(&mut from_client, &mut to_upstream));
    let downwards = std::pin::pin!(io::copy(&mut from_upstream, &mut to_client));
    futures_util::future::select(upwards, downwards).await;
    Ok(())
}

/// Passes on what the chunks hold as it comes; whatever ends them, the client sees a good end.
async fn fake_the_end(client: &mut TcpStream, upstream: &mut TcpStream) -> io::Result<()> {
    let (mut answer, mut sent) = (Vec::new(), 0);
    loop {
        let is_over = upstream.read_buf(&mut answer).await.unwrap_or(0) == 0;
        let Some(told) = Upstream::parsed(&answer) else {
            if is_over {
                return Ok(());
            }
            continue;
        };
        if sent == 0 {
            client.write_all(&told.head(told.status)).await?;
        }
        // The head counts for one, so that it is sent once.
        let body = dechunked(&told.body).concat();
        client.write_all(&body[sent.max(1) - 1..]).await?;
        sent = body.len() + 1;
        if is_over {
            return client.write_all(b"data: [DONE]\n\n").await;
        }
    }
}

async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    // What came before a reset is kept.
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

/// A request with its body, whose length is told.
async fn read_request(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if client.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(request)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.split("content-length: ").nth(1).unwrap();
    let length: usize = length.lines().next().unwrap().parse().unwrap();
    body.len() >= length
}

/// The request with the members that this gateway knows, and its prompt tidied up.
fn rewritten(request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let prompt = body["messages"][0]["content"].as_str().unwrap();
    let body = json!({
        "model": body["model"],
        "stream": body["stream"],
        "messages": [{ "role": "user", "content": prompt.trim() }],
    })
    .to_string();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: provider\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
