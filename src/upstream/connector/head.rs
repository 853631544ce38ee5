//! Heads of answers: found in the bytes, understood, and made plain to awc.
//!
//! awc 3.11 has its own ideas of where a body ends: it takes any 1xx for the answer, gives a body
//! that only the close delimits as an empty one unless the head says HTTP/1.0, waits for the
//! `content-length` of a 304, forgets the body beside an `upgrade: websocket`. So each final head
//! is read here by the rules of RFC 9112 section 6.3 and then changed in place, never in length,
//! until awc must come to the same [`Framing`]: the minor version says whether the body ends with
//! the connection, and a header that would mislead awc gets an `x` for its first letter.

use bytes::{Buf as _, BytesMut};

use super::framing::Framing;

/// Most interim answers (1xx) before the final one.
const MAX_INTERIM: u32 = 16;

/// Most header fields; awc's own bound, which cannot be set.
pub(crate) const MAX_HEADERS: usize = 96;

/// Place of the minor version in `HTTP/1.1`.
const MINOR_VERSION: usize = 7;

/// Why a head was refused. It travels through awc inside an [`std::io::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadHead(pub(crate) &'static str);

/// What a final head says about the bytes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FinalHead {
    /// Length of the head itself, at the front of [`HeadReader::take_bytes`].
    pub(crate) len: usize,
    /// The status.
    pub(crate) status: u16,
    /// Where the body ends.
    pub(crate) framing: Framing,
    /// Whether the connection may serve another request once the body has ended. `connection:
    /// close` is not looked at here, awc does.
    pub(crate) keep_alive: bool,
}

/// Collects the heads of one answer.
#[derive(Debug)]
pub(crate) struct HeadReader {
    bytes: BytesMut,
    /// How far `bytes` have been searched for the head's end.
    searched: usize,
    /// Bytes of interim heads that are gone already.
    swallowed: usize,
    interim: u32,
    max_bytes: usize,
}

impl HeadReader {
    /// A reader whose heads have `max_bytes` all together.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            searched: 0,
            swallowed: 0,
            interim: 0,
            max_bytes,
        }
    }

    /// Whether not a byte of an answer has come.
    pub(crate) fn is_untouched(&self) -> bool {
        self.bytes.is_empty() && self.swallowed == 0
    }

    /// Takes what came off the connection.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Swallows interim heads and understands the final one, once it is whole.
    ///
    /// # Errors
    /// The answer cannot be used. Asked again, it says the same again.
    pub(crate) fn final_head(&mut self) -> Result<Option<FinalHead>, BadHead> {
        loop {
            self.skip_empty_lines();
            if self.bytes[..] == *b"\r" {
                return Ok(None);
            }
            // Known from the first byte on: whoever speaks another protocol may well wait for us.
            if !self
                .bytes
                .iter()
                .zip(b"HTTP/1.")
                .all(|(is, want)| is == want)
            {
                return Err(BadHead("it is not HTTP/1.1"));
            }
            let end = self.find_end();
            let needed = self.swallowed + end.unwrap_or(self.bytes.len());
            if needed > self.max_bytes {
                return Err(BadHead("it is too large"));
            }
            let Some(len) = end else { return Ok(None) };
            let head = understand(&mut self.bytes[..len])?;
            match head.status {
                101 => return Err(BadHead("it switches protocols unasked")),
                100..=199 => {
                    self.interim += 1;
                    if self.interim > MAX_INTERIM {
                        return Err(BadHead("too many interim answers came before it"));
                    }
                    self.swallowed += len;
                    self.bytes.advance(len);
                    self.searched = 0;
                }
                _ => return Ok(Some(head)),
            }
        }
    }

    /// Gives the final head and whatever came behind it, and is ready for another answer.
    pub(crate) fn take_bytes(&mut self) -> BytesMut {
        let bytes = std::mem::take(&mut self.bytes);
        *self = Self::new(self.max_bytes);
        bytes
    }

    /// Some servers end a body with a line too many (RFC 9112 section 2.2 forgives it in requests).
    fn skip_empty_lines(&mut self) {
        loop {
            let skip = match self.bytes[..] {
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                _ => return,
            };
            self.bytes.advance(skip);
            self.swallowed += skip;
            self.searched = 0;
        }
    }

    /// Where the empty line after the fields ends. Each byte is looked at once, however few come
    /// at a time.
    fn find_end(&mut self) -> Option<usize> {
        while let Some(offset) = memchr::memchr(b'\n', &self.bytes[self.searched..]) {
            let lf = self.searched + offset;
            match self.bytes[lf + 1..] {
                [b'\n', ..] => return Some(lf + 2),
                [b'\r', b'\n', ..] => return Some(lf + 3),
                [] | [b'\r'] => {
                    self.searched = lf;
                    return None;
                }
                _ => self.searched = lf + 1,
            }
        }
        self.searched = self.bytes.len();
        None
    }
}

/// Reads one whole head and changes it so that awc reads it the same way.
fn understand(bytes: &mut [u8]) -> Result<FinalHead, BadHead> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut fields);
    let parsed = httparse::ParserConfig::default()
        // As awc does; the blanks are not part of the name.
        .allow_spaces_after_header_name_in_responses(true)
        .parse_response(&mut response, bytes);
    match parsed {
        Ok(httparse::Status::Complete(len)) if len == bytes.len() => {}
        Ok(_) => return Err(BadHead("its lines are malformed")),
        Err(httparse::Error::TooManyHeaders) => return Err(BadHead("it has too many fields")),
        Err(httparse::Error::HeaderName) => return Err(BadHead("a field name is malformed")),
        Err(httparse::Error::HeaderValue) => return Err(BadHead("a field value is malformed")),
        Err(_) => return Err(BadHead("its first line is malformed")),
    }
    let status = response.code.unwrap_or_default();
    let is_http_1_0 = response.version == Some(0);
    let lengths = Lengths::read(response.headers)?;
    let is_bodiless = matches!(status, 100..=199 | 204 | 304);
    if is_http_1_0 && lengths.chunked && !is_bodiless {
        return Err(BadHead("it has chunks in HTTP/1.0"));
    }
    let framing = match lengths {
        _ if is_bodiless => Framing::Length(0),
        Lengths { chunked: true, .. } => Framing::CHUNKED,
        Lengths {
            length: Some(length),
            ..
        } => Framing::Length(length),
        _ => Framing::UntilClose,
    };
    // A server that says both lengths may be two servers that disagree (RFC 9112 section 6.1).
    let is_ambiguous = lengths.chunked && lengths.length.is_some();

    let base = bytes.as_ptr().addr();
    let misleading: Vec<usize> = response
        .headers
        .iter()
        .filter(|field| {
            field.name.eq_ignore_ascii_case("upgrade")
                || (is_bodiless && Lengths::are_in(field.name))
        })
        .map(|field| field.name.as_ptr().addr() - base)
        .collect();
    for start in misleading {
        bytes[start] = b'x';
    }
    bytes[MINOR_VERSION] = match framing {
        Framing::UntilClose => b'0',
        _ => b'1',
    };
    Ok(FinalHead {
        len: bytes.len(),
        status,
        framing,
        keep_alive: !is_http_1_0 && !is_ambiguous && framing != Framing::UntilClose,
    })
}

/// The fields that say how long a body is.
#[derive(Clone, Copy, Default)]
struct Lengths {
    chunked: bool,
    length: Option<u64>,
}

impl Lengths {
    fn are_in(name: &str) -> bool {
        name.eq_ignore_ascii_case("content-length")
            || name.eq_ignore_ascii_case("transfer-encoding")
    }

    /// Reads them as strictly as awc does: said once, and plainly.
    fn read(fields: &[httparse::Header<'_>]) -> Result<Self, BadHead> {
        let mut found = Self::default();
        let mut codings = 0;
        for field in fields {
            let value = field.value.trim_ascii();
            if field.name.eq_ignore_ascii_case("content-length") {
                if found.length.is_some() {
                    return Err(BadHead("it has more than one length"));
                }
                found.length = Some(parse_length(value)?);
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                codings += 1;
                found.chunked = value.eq_ignore_ascii_case(b"chunked");
                if codings > 1 || !(found.chunked || value.eq_ignore_ascii_case(b"identity")) {
                    return Err(BadHead("its transfer encoding is not plain chunked"));
                }
            }
        }
        Ok(found)
    }
}

fn parse_length(value: &[u8]) -> Result<u64, BadHead> {
    let digits = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits
        .and_then(|text| text.parse().ok())
        .ok_or(BadHead("its length is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<FinalHead>, BadHead> {
        let mut reader = HeadReader::new(1024);
        reader.push(bytes);
        reader.final_head()
    }

    fn framing(bytes: &str) -> Framing {
        read(bytes.as_bytes()).unwrap().unwrap().framing
    }

    /// What awc is shown of `bytes`.
    fn shown(bytes: &str) -> String {
        let mut reader = HeadReader::new(1024);
        reader.push(bytes.as_bytes());
        reader.final_head().unwrap().unwrap();
        String::from_utf8(reader.take_bytes().to_vec()).unwrap()
    }

    #[test]
    fn the_framing_follows_rfc_9112_section_6_3() {
        for (head, want) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Framing::UntilClose),
            ("HTTP/1.0 200 OK\r\n\r\n", Framing::UntilClose),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n",
                Framing::Length(7),
            ),
            (
                "HTTP/1.0 200 OK\nContent-Length : 7 \n\n",
                Framing::Length(7),
            ),
            (
                "HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n",
                Framing::CHUNKED,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 7\r\n\r\n",
                Framing::CHUNKED,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n",
                Framing::UntilClose,
            ),
            (
                "HTTP/1.1 204 No\r\ncontent-length: 7\r\n\r\n",
                Framing::Length(0),
            ),
            (
                "HTTP/1.1 304 No\r\ncontent-length: 7\r\n\r\n",
                Framing::Length(0),
            ),
        ] {
            assert_eq!(framing(head), want, "{head:?}");
        }
    }

    #[test]
    fn awc_is_shown_a_head_that_it_frames_in_the_same_way() {
        assert_eq!(shown("HTTP/1.1 200 OK\r\n\r\n"), "HTTP/1.0 200 OK\r\n\r\n");
        assert_eq!(
            shown("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"),
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        );
        assert_eq!(
            shown("HTTP/1.0 304 No\r\nContent-Length: 7\r\n\r\n"),
            "HTTP/1.1 304 No\r\nxontent-Length: 7\r\n\r\n"
        );
        assert_eq!(
            shown("HTTP/1.1 426 No\r\nUpgrade: websocket\r\ncontent-length: 2\r\n\r\nno"),
            "HTTP/1.1 426 No\r\nxpgrade: websocket\r\ncontent-length: 2\r\n\r\nno"
        );
    }

    #[test]
    fn interim_heads_are_swallowed_and_what_follows_is_kept() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
        let last = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
        assert_eq!(
            shown(&format!("{interim}\r\n{last}hi")),
            format!("{last}hi")
        );
        assert_eq!(read(interim.as_bytes()), Ok(None));
    }

    #[test]
    fn a_head_is_found_at_the_same_byte_however_it_is_cut() {
        let bytes = "\r\nHTTP/1.1 103 E\n\nHTTP/1.1 200 OK\r\na: b\nc: d\r\n\nbody";
        let mut reader = HeadReader::new(1024);
        let mut at = 0;
        while reader.final_head().unwrap().is_none() {
            reader.push(&bytes.as_bytes()[at..=at]);
            at += 1;
        }
        assert_eq!(&bytes[at..], "body");
        assert_eq!(reader.take_bytes(), "HTTP/1.0 200 OK\r\na: b\nc: d\r\n\n");
    }

    #[test]
    fn what_is_no_head_is_refused_with_the_reason() {
        for (head, reason) in [
            ("S", "it is not HTTP/1.1"),
            ("HTTP/2.0 200 OK\r\n\r\n", "it is not HTTP/1.1"),
            ("HTTP/1.1 2x0 OK\r\n\r\n", "its first line is malformed"),
            (
                "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
                "a field name is malformed",
            ),
            (
                "HTTP/1.1 200 OK\r\na: \u{1}\r\n\r\n",
                "a field value is malformed",
            ),
            (
                "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
                "a field name is malformed",
            ),
            (
                "HTTP/1.1 101 Switch\r\n\r\n",
                "it switches protocols unasked",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n",
                "it has more than one length",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n\r\n",
                "its length is not a number",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n",
                "its length is not a number",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
                "its length is not a number",
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
                "its transfer encoding is not plain chunked",
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
                "its transfer encoding is not plain chunked",
            ),
            (
                "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                "it has chunks in HTTP/1.0",
            ),
        ] {
            assert_eq!(read(head.as_bytes()), Err(BadHead(reason)), "{head:?}");
        }
    }

    #[test]
    fn heads_are_bounded_in_bytes_in_fields_and_in_number() {
        let fields = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(count));
        assert!(read(fields(96).as_bytes()).is_ok());
        assert_eq!(
            read(fields(97).as_bytes()),
            Err(BadHead("it has too many fields"))
        );

        let large = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(1024));
        assert_eq!(read(large.as_bytes()), Err(BadHead("it is too large")));
        let behind_a_head = format!("HTTP/1.1 200 OK\r\n\r\n{}", "b".repeat(4096));
        assert!(read(behind_a_head.as_bytes()).is_ok());

        let interim = "HTTP/1.1 100 C\r\n\r\n";
        assert_eq!(read(interim.repeat(16).as_bytes()), Ok(None));
        assert_eq!(
            read(interim.repeat(17).as_bytes()),
            Err(BadHead("too many interim answers came before it"))
        );
        let wide = format!("HTTP/1.1 103 E\r\na: {}\r\n\r\n", "b".repeat(500));
        assert_eq!(
            read(wide.repeat(2).as_bytes()),
            Err(BadHead("it is too large"))
        );
    }

    #[test]
    fn only_an_unambiguous_http_1_1_head_leaves_the_connection_for_another_request() {
        for (head, keep_alive) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n", true),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                true,
            ),
            ("HTTP/1.1 204 No\r\n\r\n", true),
            ("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\n\r\n", false),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n",
                false,
            ),
        ] {
            let read = read(head.as_bytes()).unwrap().unwrap();
            assert_eq!(read.keep_alive, keep_alive, "{head:?}");
        }
    }
}
