//! Requests out of bytes (RFC 9112), as far as a test's caller needs it.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::super::{Departure, ReceivedRequest};
use crate::conformance::framing::BodyDecoder;

/// What has been read from a connection and not yet understood. Unbounded: the caller is a test's own.
#[derive(Debug)]
pub(super) struct Inbox<R> {
    reader: R,
    pub(super) buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Inbox<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: BytesMut::new(),
        }
    }

    /// Reads some more bytes into the buffer.
    ///
    /// # Errors
    /// How the caller left.
    ///
    /// # Cancel safety
    /// A dropped call has lost nothing.
    pub(super) async fn fill(&mut self) -> Result<(), Departure> {
        match self.reader.read_buf(&mut self.buffer).await {
            Ok(0) => Err(Departure::Eof),
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads on until the caller leaves.
    ///
    /// # Cancel safety
    /// A dropped call has lost nothing.
    pub(super) async fn until_left(&mut self) -> Departure {
        loop {
            if let Err(departure) = self.fill().await {
                return departure;
            }
        }
    }

    pub(super) fn into_reader(self) -> R {
        self.reader
    }
}

/// Takes a request's head off the front of `input`; `None` while it is not whole.
///
/// # Errors
/// Why it is not a head of HTTP/1.
pub(super) fn take_head(input: &mut BytesMut) -> Result<Option<ReceivedRequest>, String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(input) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(format!("{error} in {:?}", String::from_utf8_lossy(input))),
    };
    let request = ReceivedRequest {
        method: head.method.unwrap_or_default().to_owned(),
        path: head.path.unwrap_or_default().to_owned(),
        headers: head
            .headers
            .iter()
            .map(|header| {
                (
                    header.name.to_owned(),
                    String::from_utf8_lossy(header.value).into_owned(),
                )
            })
            .collect(),
        body: Bytes::new(),
        connection: 0,
        request: 0,
    };
    input.advance(length);
    Ok(Some(request))
}

/// More headers than any gateway sends.
const MAX_HEADERS: usize = 256;

/// What takes the body that this head announces off the front of the input.
///
/// # Errors
/// If its length is not a number.
pub(super) fn body_decoder(head: &ReceivedRequest) -> Result<BodyDecoder, String> {
    let announced = BodyDecoder::announced(
        head.header("transfer-encoding"),
        head.header("content-length"),
    )?;
    Ok(announced.unwrap_or_else(|| BodyDecoder::of_length(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the bytes one at a time, as the worst of networks would.
    fn receive(bytes: &[u8]) -> Result<(ReceivedRequest, Bytes, usize), String> {
        let mut input = BytesMut::new();
        let mut rest = bytes.iter().copied();
        let head = loop {
            input.extend_from_slice(&[rest.next().ok_or("the head is not whole")?]);
            if let Some(head) = take_head(&mut input)? {
                break head;
            }
        };
        let mut decoder = body_decoder(&head)?;
        while !decoder.advance(&mut input)? {
            input.extend_from_slice(&[rest.next().ok_or("the body is not whole")?]);
        }
        Ok((head, decoder.into_body(), rest.count()))
    }

    #[test]
    fn a_body_with_a_length_is_taken_and_no_byte_more() {
        let (head, body, rest) =
            receive(b"POST /v1/x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET")
                .unwrap();
        assert_eq!(
            (head.method.as_str(), head.path.as_str()),
            ("POST", "/v1/x?y")
        );
        assert_eq!(head.headers[0], ("Host".to_owned(), "a".to_owned()));
        assert_eq!((body.as_ref(), rest), (&b"abc"[..], 3));
    }

    #[test]
    fn a_chunked_body_is_joined_and_its_extensions_and_trailers_are_skipped() {
        let (_, body, rest) = receive(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
              3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\nGET",
        )
        .unwrap();
        assert_eq!((body.as_ref(), rest), (&b"abc0123456789"[..], 3));
    }

    #[test]
    fn a_request_without_length_has_no_body() {
        let (_, body, rest) = receive(b"GET / HTTP/1.1\r\n\r\nGET").unwrap();
        assert_eq!((body.as_ref(), rest), (&b""[..], 3));
    }

    #[test]
    fn what_is_not_http_is_refused_with_a_reason() {
        for (bytes, reason) in [
            (&b"PRI * HTTP/2.0\r\n\r\n"[..], "invalid HTTP version"),
            (
                b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
                "is not a number",
            ),
            (
                b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
                "size of a chunk",
            ),
            (
                b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabcd",
                "followed by more",
            ),
        ] {
            let error = receive(bytes).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
