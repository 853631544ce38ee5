//! Status line, headers and framing of a scripted answer.

use http::StatusCode;

/// How an answer shows where its body ends (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// `content-length`, summed over all the script's steps.
    #[default]
    ContentLength,
    /// `content-length` of this many bytes, true or not.
    Declared(u64),
    /// `transfer-encoding: chunked`: each step one chunk, and `finish()` the last.
    Chunked,
    /// HTTP/1.1 without either: the body ends when the provider closes.
    CloseDelimited,
    /// HTTP/1.0, whose body ends when the provider closes.
    Http10,
}

/// The head of an answer, as a script has it.
#[derive(Clone, Debug)]
pub(in crate::testkit) struct AnswerHead {
    pub(super) status: u16,
    pub(super) framing: Framing,
    headers: Vec<(String, Vec<u8>)>,
}

impl Default for AnswerHead {
    fn default() -> Self {
        Self {
            status: 200,
            framing: Framing::default(),
            headers: Vec::new(),
        }
    }
}

impl AnswerHead {
    /// Adds a header, or replaces the one `content-type`.
    pub(super) fn add(&mut self, name: &str, value: &[u8]) {
        if name.eq_ignore_ascii_case("content-type") {
            self.headers
                .retain(|(old, _)| !old.eq_ignore_ascii_case(name));
        }
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// The bytes on the wire, for a body of this length.
    pub(in crate::testkit) fn to_bytes(&self, body_length: u64) -> Vec<u8> {
        let version = match self.framing {
            Framing::Http10 => "1.0",
            _ => "1.1",
        };
        let reason = StatusCode::from_u16(self.status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default();
        let mut head = format!("HTTP/{version} {:03} {reason}\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        let framing = match self.framing {
            Framing::ContentLength => format!("content-length: {body_length}\r\n"),
            Framing::Declared(length) => format!("content-length: {length}\r\n"),
            Framing::Chunked => "transfer-encoding: chunked\r\n".to_owned(),
            Framing::CloseDelimited | Framing::Http10 => String::new(),
        };
        head.extend_from_slice(framing.as_bytes());
        head.extend_from_slice(b"\r\n");
        head
    }

    pub(in crate::testkit) fn is_chunked(&self) -> bool {
        self.framing == Framing::Chunked
    }

    /// Whether the next answer may follow on the same connection: this one is whole by its framing,
    /// and does not say `connection: close`.
    pub(in crate::testkit) fn leaves_open(
        &self,
        planned: u64,
        written: u64,
        finished: bool,
    ) -> bool {
        let whole = match self.framing {
            Framing::ContentLength => written == planned,
            Framing::Declared(length) => written == length,
            Framing::Chunked => finished,
            Framing::CloseDelimited | Framing::Http10 => false,
        };
        whole && !self.says_close()
    }

    fn says_close(&self) -> bool {
        self.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case(b"close")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(framing: Framing) -> AnswerHead {
        AnswerHead {
            framing,
            ..AnswerHead::default()
        }
    }

    #[test]
    fn each_framing_writes_its_own_head() {
        for (framing, expected) in [
            (
                Framing::ContentLength,
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
            ),
            (
                Framing::Declared(9),
                "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
            ),
            (
                Framing::Chunked,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            ),
            (Framing::CloseDelimited, "HTTP/1.1 200 OK\r\n\r\n"),
            (Framing::Http10, "HTTP/1.0 200 OK\r\n\r\n"),
        ] {
            assert_eq!(
                head(framing).to_bytes(5),
                expected.as_bytes(),
                "{framing:?}"
            );
        }
    }

    #[test]
    fn headers_keep_their_order_case_and_repetition_but_content_type_is_replaced() {
        let mut head = head(Framing::CloseDelimited);
        head.status = 529;
        head.add("content-type", b"text/plain");
        head.add("Set-Cookie", b"a");
        head.add("Set-Cookie", b"\xff");
        head.add("Content-Type", b"text/html");
        let expected =
            b"HTTP/1.1 529 \r\nSet-Cookie: a\r\nSet-Cookie: \xff\r\nContent-Type: text/html\r\n\r\n";
        assert_eq!(head.to_bytes(0), expected);
    }

    #[test]
    fn an_answer_leaves_the_connection_open_only_if_it_is_whole_and_does_not_say_close() {
        assert!(head(Framing::ContentLength).leaves_open(3, 3, false));
        assert!(!head(Framing::ContentLength).leaves_open(3, 2, true));
        assert!(!head(Framing::Declared(4)).leaves_open(3, 3, true));
        assert!(head(Framing::Chunked).leaves_open(3, 3, true));
        assert!(!head(Framing::Chunked).leaves_open(3, 3, false));
        assert!(!head(Framing::CloseDelimited).leaves_open(3, 3, true));
        assert!(!head(Framing::Http10).leaves_open(3, 3, true));

        let mut closing = head(Framing::Chunked);
        closing.add("Connection", b"close");
        assert!(!closing.leaves_open(3, 3, true));
    }
}
