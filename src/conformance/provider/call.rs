//! One call that the gateway makes, and the provider's end of its connection.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    super::{
        framing::BodyDecoder,
        headers::{Headers, MAX_HEADERS},
    },
    Ending, Reply,
};

/// A whole request of the gateway, and the connection that its answer goes into.
///
/// Dropping it closes the connection.
#[derive(Debug)]
pub(in super::super) struct Call {
    /// The request target as written.
    pub(in super::super) path: String,
    /// The request line and the headers as they came.
    pub(in super::super) raw_head: Bytes,
    pub(in super::super) headers: Headers,
    pub(in super::super) body: Bytes,
    method: String,
    stream: TcpStream,
}

/// A gateway that lets go of a call closes its connection in this time.
const LINGER: Duration = Duration::from_millis(500);

/// Far more than any check sends.
const MAX_REQUEST_BYTES: usize = 16 << 20;

/// What is written apart shall be read apart.
const BETWEEN_PIECES: Duration = Duration::from_millis(10);

impl Call {
    /// Reads a request; `None` if none comes, or none that can be read.
    pub(super) async fn read(mut stream: TcpStream) -> Option<Self> {
        let mut inbox = BytesMut::new();
        let (mut call, mut decoder) = loop {
            if let Some((length, mut call)) = parse_head(&inbox)? {
                call.0 = inbox.split_to(length).freeze();
                break with_body(call, stream)?;
            }
            fill(&mut stream, &mut inbox).await?;
        };
        if call.headers.get("expect").is_some() {
            // RFC 9110, 10.1.1: such a gateway waits with its body.
            let _ = call.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        while !decoder.advance(&mut inbox).ok()? {
            if decoder.body().len() > MAX_REQUEST_BYTES {
                return None;
            }
            fill(&mut call.stream, &mut inbox).await?;
        }
        call.body = decoder.into_body();
        Some(call)
    }

    /// Whether a completion is asked for, in either dialect.
    pub(super) fn is_completion(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        self.method == "POST"
            && [
                "/chat/completions",
                "/messages",
                "/responses",
                "/completions",
            ]
            .iter()
            .any(|end| path.ends_with(end))
    }

    /// Whether the request is the one of the check that sent this mark.
    pub(in super::super) fn has_mark(&self, mark: &str) -> bool {
        memchr::memmem::find(&self.body, mark.as_bytes()).is_some()
    }

    /// The request's body, if it is JSON.
    pub(in super::super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Writes these bytes as they are.
    ///
    /// # Errors
    /// That the gateway has closed the connection.
    pub(in super::super) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), String> {
        let sent = self.stream.write_all(bytes.as_ref()).await;
        sent.map_err(|error| format!("the gateway let go of the provider: {error}"))
    }

    /// Writes some of these bytes, and says how many.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// A dropped call has written nothing.
    pub(in super::super) async fn send_some(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let sent = self.stream.write(bytes).await;
        sent.map_err(|error| format!("the gateway let go of the provider: {error}"))
    }

    /// Writes a whole reply, as far as the gateway takes it.
    pub(in super::super) async fn play(&mut self, reply: &Reply) {
        for piece in reply.pieces() {
            // Who has left needs no more of it.
            if self.send(piece).await.is_err() {
                return;
            }
            sleep(BETWEEN_PIECES).await;
        }
        match reply.ending() {
            Ending::Close => self.close().await,
            Ending::Reset => self.reset(),
        }
    }

    /// Has the connection reset when it is dropped.
    pub(in super::super) fn reset(&mut self) {
        // With a linger time of zero, closing sends RST. It fails only on a socket that is gone.
        let _ = self.stream.set_zero_linger();
    }

    /// Closes the connection without a reset.
    pub(in super::super) async fn close(&mut self) {
        // If this fails the gateway has closed first, which is as good.
        let _ = self.stream.shutdown().await;
        let _ = timeout(LINGER, self.left()).await;
    }

    /// Waits until the gateway closes the connection.
    ///
    /// # Cancel safety
    /// A dropped call has lost nothing that is looked at.
    pub(in super::super) async fn left(&mut self) {
        let mut unread = [0; 1024];
        while matches!(self.stream.read(&mut unread).await, Ok(read) if read > 0) {}
    }
}

/// A head before its connection: the raw bytes, method, path, headers.
type ParsedHead = (Bytes, String, String, Headers);

/// `None` if it is no head of HTTP/1, `Some(None)` while it is not whole.
fn parse_head(inbox: &[u8]) -> Option<Option<(usize, ParsedHead)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    // What a gateway passes on of a broken header must be seen, and it stands in the raw head.
    let mut config = httparse::ParserConfig::default();
    config.ignore_invalid_headers_in_requests(true);
    match config.parse_request(&mut head, inbox).ok()? {
        httparse::Status::Partial => Some(None),
        httparse::Status::Complete(length) => {
            let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
            let headers = Headers::parsed(head.headers);
            let parsed = (Bytes::new(), text(head.method), text(head.path), headers);
            Some(Some((length, parsed)))
        }
    }
}

fn with_body(head: ParsedHead, stream: TcpStream) -> Option<(Call, BodyDecoder)> {
    let (raw_head, method, path, headers) = head;
    let decoder = BodyDecoder::announced(
        headers.get("transfer-encoding").as_deref(),
        headers.get("content-length").as_deref(),
    );
    let decoder = decoder.ok()?;
    let call = Call {
        path,
        raw_head,
        headers,
        body: Bytes::new(),
        method,
        stream,
    };
    Some((call, decoder.unwrap_or_else(|| BodyDecoder::of_length(0))))
}

async fn fill(stream: &mut TcpStream, inbox: &mut BytesMut) -> Option<()> {
    let read = stream.read_buf(inbox).await.ok()?;
    (read > 0).then_some(())
}
