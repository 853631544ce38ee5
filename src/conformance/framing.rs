//! Where a body of HTTP/1.1 ends (RFC 9112, section 6): of a request and of an answer alike.

use bytes::{Buf, Bytes, BytesMut};

/// Takes a body off the front of the input, piece by piece.
#[derive(Debug)]
pub(crate) struct BodyDecoder {
    expected: Expected,
    body: BytesMut,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// So many bytes more.
    Bytes(u64),
    /// The line with the size of a chunk.
    ChunkSize,
    /// So many bytes more of a chunk.
    Chunk(usize),
    /// The line end after a chunk.
    ChunkEnd,
    /// Trailer lines up to an empty one.
    Trailers,
    /// Whatever comes until the connection closes.
    UntilClose,
    /// Nothing more.
    Nothing,
}

/// Where a body of HTTP/1.1 begins and is expected to end.
impl BodyDecoder {
    /// For a body in chunks.
    pub(crate) fn chunked() -> Self {
        Self::expecting(Expected::ChunkSize)
    }

    /// For a body of so many bytes.
    pub(crate) fn of_length(bytes: u64) -> Self {
        Self::expecting(Expected::Bytes(bytes))
    }

    /// For an answer that ends with its connection.
    pub(crate) fn until_close() -> Self {
        Self::expecting(Expected::UntilClose)
    }

    /// For the body that these two headers announce; `None` if there are neither.
    ///
    /// # Errors
    /// If the length is no number.
    pub(crate) fn announced(
        transfer_encoding: Option<&str>,
        content_length: Option<&str>,
    ) -> Result<Option<Self>, String> {
        let is_chunked = transfer_encoding
            .is_some_and(|coding| coding.to_ascii_lowercase().ends_with("chunked"));
        match content_length {
            _ if is_chunked => Ok(Some(Self::chunked())),
            None => Ok(None),
            Some(length) => match length.parse() {
                Ok(length) => Ok(Some(Self::of_length(length))),
                Err(_) => Err(format!("content-length {length:?} is not a number")),
            },
        }
    }

    fn expecting(expected: Expected) -> Self {
        Self {
            expected,
            body: BytesMut::new(),
        }
    }

    /// Takes what there is of the body; true once it is whole.
    ///
    /// # Errors
    /// Why the chunks cannot be read.
    pub(crate) fn advance(&mut self, input: &mut BytesMut) -> Result<bool, String> {
        loop {
            self.expected = match self.expected {
                Expected::Nothing | Expected::Bytes(0) => return Ok(true),
                Expected::Bytes(missing) => {
                    if input.is_empty() {
                        return Ok(false);
                    }
                    let most = usize::try_from(missing).unwrap_or(usize::MAX);
                    Expected::Bytes(missing - self.take(input, most) as u64)
                }
                Expected::ChunkSize => match take_line(input) {
                    None => return Ok(false),
                    Some(line) => match chunk_size(&line)? {
                        0 => Expected::Trailers,
                        size => Expected::Chunk(size),
                    },
                },
                Expected::Chunk(0) => Expected::ChunkEnd,
                Expected::Chunk(missing) => {
                    if input.is_empty() {
                        return Ok(false);
                    }
                    Expected::Chunk(missing - self.take(input, missing))
                }
                Expected::ChunkEnd => {
                    if input.len() < CRLF.len() {
                        return Ok(false);
                    }
                    if !input.starts_with(CRLF) {
                        return Err("a chunk is followed by more than its size".to_owned());
                    }
                    input.advance(CRLF.len());
                    Expected::ChunkSize
                }
                Expected::Trailers => match take_line(input) {
                    None => return Ok(false),
                    Some(line) if line.is_empty() => Expected::Nothing,
                    Some(_) => Expected::Trailers,
                },
                Expected::UntilClose => {
                    self.take(input, usize::MAX);
                    return Ok(false);
                }
            };
        }
    }

    /// Moves bytes of the input into the body, and says how many.
    fn take(&mut self, input: &mut BytesMut, most: usize) -> usize {
        let taken = input.split_to(most.min(input.len()));
        self.body.extend_from_slice(&taken);
        taken.len()
    }

    /// Whether the end of the connection is the end of the body.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.expected == Expected::UntilClose
    }

    /// What has come of the body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, once it is whole.
    pub(crate) fn into_body(self) -> Bytes {
        self.body.freeze()
    }
}

const CRLF: &[u8] = b"\r\n";

fn take_line(input: &mut BytesMut) -> Option<Bytes> {
    let length = memchr::memmem::find(input, CRLF)?;
    let line = input.split_to(length).freeze();
    input.advance(CRLF.len());
    Some(line)
}

fn chunk_size(line: &[u8]) -> Result<usize, String> {
    let line = String::from_utf8_lossy(line);
    let digits = line.split(';').next().unwrap_or_default().trim();
    usize::from_str_radix(digits, 16).map_err(|_| format!("{line:?} is not the size of a chunk"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_ends_with_its_connection_is_never_whole_before() {
        let mut decoder = BodyDecoder::until_close();
        let mut input = BytesMut::from("abc");
        assert_eq!(decoder.advance(&mut input), Ok(false));
        assert!(decoder.ends_with_connection() && decoder.body() == b"abc");
    }

    #[test]
    fn what_has_come_of_a_chunk_is_there_before_the_chunk_is_whole() {
        let mut decoder = BodyDecoder::chunked();
        let mut input = BytesMut::from("5\r\nab");
        assert_eq!(decoder.advance(&mut input), Ok(false));
        assert_eq!(decoder.body(), b"ab");
        input.extend_from_slice(b"cde\r\n0\r\n\r\nmore");
        assert_eq!(decoder.advance(&mut input), Ok(true));
        assert_eq!((decoder.body(), &input[..]), (&b"abcde"[..], &b"more"[..]));
    }
}
