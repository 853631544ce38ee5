//! Bytes off a connection to an answer in the pieces it came in.

use std::{io, mem};

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::{CaptureError, pauses::pauses};
use crate::{
    providers::replay::recording::{Answer, Chunk, End, Framing},
    upstream::{
        UpstreamError,
        connector::{
            framing::{ChunkPart, Framing as Walker},
            head::{FinalHead, HeadReader, MAX_HEADERS},
        },
    },
};

/// Reads one answer.
///
/// A piece of a chunked body is one chunk, there when its last byte is; of any other body it is what
/// one read gave. A chunk that breaks off is a piece too, as long as it got.
pub(super) struct AnswerReader {
    heads: HeadReader,
    /// All that came until the head was whole: the head reader changes what it has.
    before_body: Vec<u8>,
    head: Option<Head>,
    pieces: Vec<Piece>,
    /// The piece that is still coming.
    open: BytesMut,
    open_at: Option<Instant>,
    body_bytes: usize,
    max_body_bytes: usize,
}

struct Head {
    status: u16,
    headers: Vec<(String, Bytes)>,
    /// What the head says.
    framing: Walker,
    /// How far the body has come.
    walker: Walker,
    at: Instant,
}

struct Piece {
    at: Instant,
    data: Bytes,
}

impl AnswerReader {
    /// A reader whose heads have `max_head_bytes` all together, and whose body, chunk sizes counted
    /// in, has `max_body_bytes`.
    pub(super) fn new(max_head_bytes: usize, max_body_bytes: usize) -> Self {
        Self {
            heads: HeadReader::new(max_head_bytes),
            before_body: Vec::new(),
            head: None,
            pieces: Vec::new(),
            open: BytesMut::new(),
            open_at: None,
            body_bytes: 0,
            max_body_bytes,
        }
    }

    /// Takes what came off the connection in one read.
    ///
    /// # Errors
    /// The answer cannot be captured.
    pub(super) fn push(&mut self, bytes: &[u8], at: Instant) -> Result<(), CaptureError> {
        if self.head.is_some() {
            return self.push_body(bytes, at);
        }
        self.heads.push(bytes);
        self.before_body.extend_from_slice(bytes);
        let found = self.heads.final_head();
        let Some(found) = found.map_err(|bad| UpstreamError::BadHead(bad.0))? else {
            return Ok(());
        };
        // Interim heads and stray empty lines are gone from what the head reader has left.
        let came = mem::take(&mut self.before_body);
        let (head, body) = came[came.len() - self.heads.take_bytes().len()..].split_at(found.len);
        self.head = Some(Head::read(head, found, at)?);
        self.push_body(body, at)
    }

    pub(super) fn has_head(&self) -> bool {
        self.head.is_some()
    }

    /// Whether the body has ended by its framing.
    pub(super) fn is_complete(&self) -> bool {
        let head = self.head.as_ref();
        head.is_some_and(|head| head.walker.is_complete())
    }

    /// How an answer ended whose connection said this when no more came.
    pub(super) fn end_of(&self, error: io::ErrorKind) -> End {
        let is_close_framed = self
            .head
            .as_ref()
            .is_some_and(|head| head.walker == Walker::UntilClose);
        match error {
            io::ErrorKind::UnexpectedEof if is_close_framed => End::Complete,
            io::ErrorKind::UnexpectedEof => End::Truncated,
            _ => End::Reset,
        }
    }

    /// The answer, to a request with this value of `stream` that was written at `sent_at`; and whether
    /// its pauses are shorter than they were.
    ///
    /// # Errors
    /// There is not even a head.
    pub(super) fn into_answer(
        mut self,
        stream: bool,
        sent_at: Instant,
        end: End,
    ) -> Result<(Answer, bool), CaptureError> {
        self.close_piece();
        let head = self.head.ok_or(UpstreamError::Reset)?;
        let times = [head.at]
            .into_iter()
            .chain(self.pieces.iter().map(|piece| piece.at));
        let times = times.map(|at| at.saturating_duration_since(sent_at));
        let (pauses, is_shortened) = pauses(times);
        let mut pauses = pauses.into_iter();
        let after = pauses.next().unwrap_or_default();
        let chunks = self.pieces.into_iter().zip(pauses);
        let chunks = chunks.map(|(Piece { data, .. }, after)| Chunk { after, data });
        let answer = Answer {
            stream,
            status: head.status,
            after,
            headers: head.headers,
            framing: match head.framing {
                Walker::Chunked(_) => Framing::Chunked,
                Walker::Length(promised) => Framing::Length(promised),
                Walker::UntilClose => Framing::Close,
            },
            end,
            chunks: chunks.collect(),
        };
        Ok((answer, is_shortened))
    }

    fn push_body(&mut self, mut bytes: &[u8], at: Instant) -> Result<(), CaptureError> {
        self.body_bytes += bytes.len();
        if self.body_bytes > self.max_body_bytes {
            let limit = self.max_body_bytes;
            return Err(UpstreamError::BodyTooLarge { limit }.into());
        }
        let Some(head) = &mut self.head else {
            return Ok(());
        };
        let mut walker = head.walker;
        if let Walker::Chunked(part) = &mut walker {
            while !bytes.is_empty() && *part != ChunkPart::End {
                let is_data = matches!(part, ChunkPart::Data(_));
                let (walked, rest) = bytes.split_at(part.advance(bytes));
                bytes = rest;
                if *part == ChunkPart::Malformed {
                    return Err(CaptureError::Chunks);
                }
                if is_data {
                    self.open.extend_from_slice(walked);
                    self.open_at = Some(at);
                }
                if is_data && *part == ChunkPart::DataEnd {
                    self.close_piece();
                }
            }
        } else {
            let length = walker.advance(bytes);
            self.open.extend_from_slice(&bytes[..length]);
            self.open_at = Some(at);
            self.close_piece();
        }
        if let Some(head) = &mut self.head {
            head.walker = walker;
        }
        Ok(())
    }

    fn close_piece(&mut self) {
        if let Some(at) = self.open_at.take()
            && !self.open.is_empty()
        {
            let data = self.open.split().freeze();
            self.pieces.push(Piece { at, data });
        }
    }
}

impl Head {
    /// Reads a final head as it came.
    fn read(bytes: &[u8], found: FinalHead, at: Instant) -> Result<Self, CaptureError> {
        let status = found.status;
        if !(200..=599).contains(&status) || matches!(status, 204 | 304) {
            return Err(CaptureError::Status(status));
        }
        let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut fields);
        httparse::ParserConfig::default()
            .allow_spaces_after_header_name_in_responses(true)
            .parse_response(&mut response, bytes)
            .map_err(|_| UpstreamError::BadHead("its lines are malformed"))?;
        let mut headers = Vec::new();
        for field in response.headers.iter() {
            let is = |name| field.name.eq_ignore_ascii_case(name);
            if is("content-length") || is("transfer-encoding") {
                continue;
            }
            if is("content-encoding") && !field.value.eq_ignore_ascii_case(b"identity") {
                return Err(CaptureError::Encoded);
            }
            let value = Bytes::copy_from_slice(field.value);
            headers.push((field.name.to_owned(), value));
        }
        Ok(Self {
            status,
            headers,
            framing: found.framing,
            walker: found.framing,
            at,
        })
    }
}

#[cfg(test)]
mod tests;
