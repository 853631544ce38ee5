//! Requests off a connection: HTTP/1.1 with a length or chunked (RFC 9112).

use std::future;

use bytes::{Buf, Bytes, BytesMut};
use httparse::{EMPTY_HEADER, Status};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Largest head, chunk size line or trailer section that is read.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Most headers that a request may have.
const MAX_HEADERS: usize = 128;
/// Largest body that is read; twice what Herald accepts from its own clients by default.
const MAX_BODY_BYTES: u64 = 64 << 20;
/// Room made for each read, so that a large body does not arrive in crumbs.
const READ_BYTES: usize = 8 << 10;
/// Most that is read ahead of an answer being played.
const MAX_AHEAD_BYTES: usize = 64 << 10;

/// A request, read to its end.
pub(super) struct Request {
    pub(super) method: String,
    /// The target without its query.
    pub(super) path: String,
    pub(super) body: Bytes,
    /// Whether the far side allows another request on this connection.
    pub(super) keep_alive: bool,
}

/// Why there is no further request.
pub(super) enum NoRequest {
    /// The far side closed the connection, between requests or within one.
    FarSideClosed,
    /// The bytes are no HTTP/1.1 request.
    Malformed(&'static str),
    /// It is larger than a player reads.
    TooLarge,
}

/// The reading half of a connection.
pub(super) struct RequestReader<R> {
    io: R,
    /// Read, but not yet consumed.
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> RequestReader<R> {
    pub(super) fn new(io: R) -> Self {
        Self {
            io,
            buffer: BytesMut::new(),
        }
    }

    /// The next request.
    pub(super) async fn next(&mut self) -> Result<Request, NoRequest> {
        let head = self.parsed(parse_head).await?;
        let body = match head.body {
            BodyFraming::Length(length) => self.take(length).await?,
            BodyFraming::Chunked => self.chunked_body().await?,
        };
        let Head {
            method,
            path,
            keep_alive,
            ..
        } = head;
        Ok(Request {
            method,
            path,
            body,
            keep_alive,
        })
    }

    /// Waits until the far side closes; what it sends meanwhile is kept for [`next`](Self::next).
    ///
    /// Reading stops at a bound, and closing goes unnoticed then; only a client that pipelines
    /// requests gets there, and awc does not.
    ///
    /// # Cancel safety
    /// Safe: what was read is in the buffer.
    pub(super) async fn far_side_closed(&mut self) {
        while self.buffer.len() < MAX_AHEAD_BYTES {
            if self.fill().await.is_err() {
                return;
            }
        }
        future::pending().await
    }

    async fn chunked_body(&mut self) -> Result<Bytes, NoRequest> {
        let mut body = BytesMut::new();
        loop {
            let size = self.parsed(parse_chunk_size).await?;
            if size == 0 {
                self.parsed(parse_trailers).await?;
                return Ok(body.freeze());
            }
            if size.saturating_add(body.len() as u64) > MAX_BODY_BYTES {
                return Err(NoRequest::TooLarge);
            }
            body.extend_from_slice(&self.take(size).await?);
            if self.take(2).await? != b"\r\n"[..] {
                return Err(NoRequest::Malformed("a chunk is longer than its size"));
            }
        }
    }

    /// Takes what `parse` finds at the buffer's start, reading on until it is all there.
    async fn parsed<T>(&mut self, parse: fn(&[u8]) -> Parsed<T>) -> Result<T, NoRequest> {
        loop {
            if let Some((length, found)) = parse(&self.buffer)? {
                self.buffer.advance(length);
                return Ok(found);
            }
            if self.buffer.len() >= MAX_HEAD_BYTES {
                return Err(NoRequest::TooLarge);
            }
            self.fill().await?;
        }
    }

    async fn take(&mut self, length: u64) -> Result<Bytes, NoRequest> {
        if length > MAX_BODY_BYTES {
            return Err(NoRequest::TooLarge);
        }
        let length = usize::try_from(length).map_err(|_| NoRequest::TooLarge)?;
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn fill(&mut self) -> Result<(), NoRequest> {
        self.buffer.reserve(READ_BYTES);
        match self.io.read_buf(&mut self.buffer).await {
            Ok(1..) => Ok(()),
            Ok(0) | Err(_) => Err(NoRequest::FarSideClosed),
        }
    }
}

/// What was found and how many bytes it took, or nothing if more bytes are needed.
type Parsed<T> = Result<Option<(usize, T)>, NoRequest>;

struct Head {
    method: String,
    path: String,
    body: BodyFraming,
    keep_alive: bool,
}

enum BodyFraming {
    Length(u64),
    Chunked,
}

fn parse_head(bytes: &[u8]) -> Parsed<Head> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(NoRequest::Malformed("its head is no HTTP/1.1 request head")),
    };
    let path = request.path.unwrap_or_default();
    let mut head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        path: path.split('?').next().unwrap_or_default().to_owned(),
        body: BodyFraming::Length(0),
        keep_alive: request.version == Some(1),
    };
    let mut is_chunked = false;
    for header in request.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).unwrap_or_default();
            let length = text
                .parse()
                .map_err(|_| NoRequest::Malformed("its length is no number"))?;
            head.body = BodyFraming::Length(length);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            is_chunked = lists(header.value, "chunked");
        } else if header.name.eq_ignore_ascii_case("connection") && lists(header.value, "close") {
            head.keep_alive = false;
        }
    }
    if is_chunked {
        head.body = BodyFraming::Chunked;
    }
    Ok(Some((length, head)))
}

fn parse_chunk_size(bytes: &[u8]) -> Parsed<u64> {
    match httparse::parse_chunk_size(bytes) {
        Ok(Status::Complete(found)) => Ok(Some(found)),
        Ok(Status::Partial) => Ok(None),
        Err(_) => Err(NoRequest::Malformed("a chunk's size is no number")),
    }
}

fn parse_trailers(bytes: &[u8]) -> Parsed<()> {
    match httparse::parse_headers(bytes, &mut [EMPTY_HEADER; MAX_HEADERS]) {
        Ok(Status::Complete((length, _))) => Ok(Some((length, ()))),
        Ok(Status::Partial) => Ok(None),
        Err(_) => Err(NoRequest::Malformed("its trailers are no headers")),
    }
}

/// Whether a comma-separated header value has this word in it, in any case.
pub(super) fn lists(value: &[u8], word: &str) -> bool {
    value
        .split(|byte| *byte == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}
