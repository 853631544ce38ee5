//! What the provider answers, as bytes.

use std::fmt::Write as _;

use bytes::Bytes;

use super::super::chat;

/// An answer, in the pieces in which it is written, and how its connection ends.
///
/// Every one says `connection: close`: what one check broke, no other shall meet in the gateway's pool.
#[derive(Clone, Debug)]
pub(in super::super) struct Reply {
    status: u16,
    headers: Vec<(String, Bytes)>,
    framing: Framing,
    before: Bytes,
    body: Vec<Bytes>,
    ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Framing {
    /// In chunks; with the last one, or without.
    Chunked { is_finished: bool },
    /// With a `content-length` of so many bytes more than there are.
    Length { missing: usize },
    /// There is no answer at all.
    Nothing,
}

/// How the provider ends the connection.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Ending {
    /// FIN.
    Close,
    /// RST.
    Reset,
}

impl Reply {
    /// A stream of events, chunked, and finished as HTTP wants it.
    pub(in super::super) fn stream() -> Self {
        let framing = Framing::Chunked { is_finished: true };
        Self::new(200, "text/event-stream", framing)
    }

    /// A document.
    pub(in super::super) fn document(status: u16, body: impl AsRef<[u8]>) -> Self {
        let framing = Framing::Length { missing: 0 };
        Self::new(status, "application/json", framing).body(body)
    }

    /// A reset, and no byte before it.
    pub(in super::super) fn nothing() -> Self {
        let mut reply = Self::new(200, "", Framing::Nothing);
        reply.ending = Ending::Reset;
        reply
    }

    /// What a gateway that asks for the models, or whether it lives, is told.
    pub(super) fn models() -> Self {
        let model = chat::MODEL;
        Self::document(
            200,
            format!(r#"{{"object":"list","data":[{{"id":"{model}","object":"model"}}]}}"#),
        )
    }

    fn new(status: u16, content_type: &str, framing: Framing) -> Self {
        Self {
            status,
            headers: vec![
                (
                    "content-type".to_owned(),
                    Bytes::copy_from_slice(content_type.as_bytes()),
                ),
                ("connection".to_owned(), Bytes::from_static(b"close")),
            ],
            framing,
            before: Bytes::new(),
            body: Vec::new(),
            ending: Ending::Close,
        }
    }

    /// Adds a header, or replaces one that every reply has.
    pub(in super::super) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = Bytes::copy_from_slice(value.as_ref());
        let implied = self.headers.iter_mut().take(2);
        match implied.into_iter().find(|(other, _)| other == name) {
            Some(replaced) => replaced.1 = value,
            None => self.headers.push((name.to_owned(), value)),
        }
        self
    }

    /// Adds a piece of the body: a write of its own, and a chunk of its own.
    pub(in super::super) fn body(mut self, piece: impl AsRef<[u8]>) -> Self {
        self.body.push(Bytes::copy_from_slice(piece.as_ref()));
        self
    }

    /// Adds the body in pieces of one byte.
    pub(in super::super) fn bytewise(self, body: impl AsRef<[u8]>) -> Self {
        let bytes = body.as_ref().chunks(1);
        bytes.fold(self, Self::body)
    }

    /// Writes this before the head.
    pub(in super::super) fn before(mut self, bytes: &'static str) -> Self {
        self.before = Bytes::from_static(bytes.as_bytes());
        self
    }

    /// Leaves out the last chunk, or promises bytes that do not come; then the connection ends.
    pub(in super::super) fn cut(mut self, ending: Ending) -> Self {
        self.framing = match self.framing {
            Framing::Chunked { .. } => Framing::Chunked { is_finished: false },
            Framing::Length { .. } => Framing::Length { missing: 64 },
            Framing::Nothing => Framing::Nothing,
        };
        self.ending = ending;
        self
    }

    pub(super) fn ending(&self) -> Ending {
        self.ending
    }

    /// The head alone, for a check that writes the rest by itself.
    pub(in super::super) fn head(&self) -> Bytes {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status)).into_bytes();
        let mut add = |name: &str, value: &[u8]| {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        };
        for (name, value) in &self.headers {
            add(name, value);
        }
        match self.framing {
            Framing::Chunked { .. } => add("transfer-encoding", b"chunked"),
            Framing::Length { missing } => {
                let length = self.body.iter().map(Bytes::len).sum::<usize>() + missing;
                add("content-length", length.to_string().as_bytes());
            }
            Framing::Nothing => return Bytes::new(),
        }
        head.extend_from_slice(b"\r\n");
        head.into()
    }

    /// All that is written, in its writes.
    pub(super) fn pieces(&self) -> Vec<Bytes> {
        let mut pieces = vec![self.before.clone(), self.head()];
        match self.framing {
            Framing::Length { .. } => pieces.extend(self.body.iter().cloned()),
            Framing::Chunked { is_finished } => {
                pieces.extend(self.body.iter().map(chunk));
                if is_finished {
                    pieces.push(LAST_CHUNK.into());
                }
            }
            Framing::Nothing => {}
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

/// A chunk of a chunked body.
pub(in super::super) fn chunk(body: impl AsRef<[u8]>) -> Bytes {
    let body = body.as_ref();
    let mut size = String::new();
    write!(size, "{:x}\r\n", body.len()).expect("a string takes what it is given");
    [size.as_bytes(), body, b"\r\n"].concat().into()
}

/// The end of a chunked body.
pub(in super::super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A phrase that some clients want; they must not read it (RFC 9112, section 4).
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        307 => "Temporary Redirect",
        429 => "Too Many Requests",
        400..500 => "Refused",
        _ => "Failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reply: &Reply) -> String {
        String::from_utf8(reply.pieces().concat()).unwrap()
    }

    #[test]
    fn a_stream_is_chunked_and_its_last_chunk_can_be_left_out() {
        let reply = Reply::stream().header("x-a", "1").body("abc");
        let whole = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\
                     x-a: 1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(text(&reply), whole);
        let cut = reply.cut(Ending::Reset);
        assert_eq!(text(&cut), whole.strip_suffix("0\r\n\r\n").unwrap());
    }

    #[test]
    fn a_documents_length_is_true_unless_it_is_cut() {
        let reply = Reply::document(429, "{}").header("content-type", "text/html");
        assert!(text(&reply).contains("content-type: text/html\r\nconnection: close\r\n"));
        assert!(text(&reply).ends_with("content-length: 2\r\n\r\n{}"));
        assert!(text(&reply.cut(Ending::Close)).ends_with("content-length: 66\r\n\r\n{}"));
    }
}
