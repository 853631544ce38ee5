//! Where an answer's body ends (RFC 9112 section 6.3).
//!
//! awc decodes the body; this only walks along beside it, because awc neither notices that a body
//! was cut short nor keeps the bytes that follow one from a connection that it puts back.

/// How much of a body is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// This many bytes more.
    Length(u64),
    /// Chunks, up to the empty one and its trailers.
    Chunked(ChunkPart),
    /// Everything until the connection ends.
    UntilClose,
}

/// What the next byte of a chunked body is part of (RFC 9112 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChunkPart {
    /// The digits of a size; what they say so far.
    Size(u64),
    /// The rest of a size's line: blanks, extensions, CR LF.
    SizeLine(u64),
    /// This many bytes of data more.
    Data(u64),
    /// The line end after data.
    DataEnd,
    /// The first byte of a trailer line, or of the empty line that ends the body.
    LineStart,
    /// A trailer line up to its LF.
    Trailer,
    /// The LF of that empty line.
    LastLf,
    /// Nothing: the body is over.
    End,
    /// Not chunks. awc finds the same and gives the connection up.
    Malformed,
}

impl Framing {
    /// A chunked body at its beginning.
    pub(crate) const CHUNKED: Self = Self::Chunked(ChunkPart::Size(0));

    /// Walks over `bytes` and tells how many of them are the body's; fewer than all are only when
    /// it ends before they do.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::UntilClose => bytes.len(),
            Self::Length(left) => skip(left, bytes.len()),
            Self::Chunked(part) => {
                let mut walked = 0;
                while walked < bytes.len() && *part != ChunkPart::End {
                    walked += part.advance(&bytes[walked..]);
                }
                walked
            }
        }
    }

    /// Whether the last byte has been walked over.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(ChunkPart::End))
    }
}

impl ChunkPart {
    /// Takes one step over at least one byte of `bytes`, which are not none.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> usize {
        let (next, walked) = match *self {
            Self::Size(size) => (Self::after_size_byte(size, bytes[0]), 1),
            Self::SizeLine(size) => {
                let after = if size == 0 {
                    Self::LineStart
                } else {
                    Self::Data(size)
                };
                through_lf(bytes, *self, after)
            }
            Self::Data(mut left) => {
                let walked = skip(&mut left, bytes.len());
                let next = if left == 0 {
                    Self::DataEnd
                } else {
                    Self::Data(left)
                };
                (next, walked)
            }
            Self::DataEnd => through_lf(bytes, *self, Self::Size(0)),
            // awc ends a body at CR LF alone, so a bare LF must not end it here.
            Self::LineStart if bytes[0] == b'\r' => (Self::LastLf, 1),
            Self::LineStart => (Self::Trailer, 1),
            Self::Trailer => through_lf(bytes, *self, Self::LineStart),
            Self::LastLf if bytes[0] == b'\n' => (Self::End, 1),
            Self::LastLf => (Self::Malformed, 1),
            Self::End | Self::Malformed => (*self, bytes.len()),
        };
        *self = next;
        walked
    }

    fn after_size_byte(size: u64, byte: u8) -> Self {
        match (char::from(byte).to_digit(16), byte) {
            (Some(digit), _) => match size.checked_mul(16) {
                Some(shifted) => Self::Size(shifted + u64::from(digit)),
                None => Self::Malformed,
            },
            (None, b';' | b' ' | b'\t' | b'\r') => Self::SizeLine(size),
            (None, _) => Self::Malformed,
        }
    }
}

/// Counts `left` down by at most `available`, and tells by how much.
fn skip(left: &mut u64, available: usize) -> usize {
    let step = usize::try_from(*left).map_or(available, |left| left.min(available));
    *left -= step as u64;
    step
}

/// Goes to the line's end and on to `after`, or, if it does not end here, stays in `part`.
fn through_lf(bytes: &[u8], part: ChunkPart, after: ChunkPart) -> (ChunkPart, usize) {
    match memchr::memchr(b'\n', bytes) {
        Some(lf) => (after, lf + 1),
        None => (part, bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body's length, as found when its bytes come in pieces of `step`.
    fn body_length(mut framing: Framing, bytes: &[u8], step: usize) -> Option<usize> {
        let mut total = 0;
        for piece in bytes.chunks(step) {
            total += framing.advance(piece);
            if framing.is_complete() {
                return Some(total);
            }
        }
        None
    }

    #[test]
    fn a_chunked_body_ends_after_its_trailers_however_it_is_cut() {
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "5;name=value\r\nhello\r\nA \t;q=\"x\"\r\n0123456789\r\n0\r\n\r\n",
            "1\r\nx\r\n000\r\nx-sum: 1\r\nx-other: 2\r\n\r\n",
            "3\r\n\r\n\r\r\n0\r\n\r\n",
        ] {
            let bytes = [body.as_bytes(), b"HTTP/1.1 200 OK"].concat();
            for step in 1..=bytes.len() {
                let found = body_length(Framing::CHUNKED, &bytes, step);
                assert_eq!(found, Some(body.len()), "{body:?} in steps of {step}");
            }
        }
    }

    #[test]
    fn a_cut_or_malformed_chunked_body_never_ends() {
        for body in [
            "5\r\nhel",
            "5\r\nhello\r\n",
            "5\r\nhello\r\n0\r\n",
            "0\r\n\rx\r\n\r\n",
            "zz\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "11111111111111111\r\n0\r\n\r\n",
        ] {
            for step in 1..=body.len() {
                let found = body_length(Framing::CHUNKED, body.as_bytes(), step);
                assert_eq!(found, None, "{body:?}");
            }
        }
    }

    #[test]
    fn a_length_counts_down_to_the_byte_and_a_close_is_never_foreseen() {
        assert_eq!(body_length(Framing::Length(5), b"helloHTTP", 3), Some(5));
        assert_eq!(body_length(Framing::Length(5), b"hell", 3), None);
        assert_eq!(body_length(Framing::UntilClose, b"hello", 3), None);
        assert!(Framing::Length(0).is_complete());
    }
}
