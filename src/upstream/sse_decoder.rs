//! Server-sent events out of chunks of bytes.
//!
//! Complete against WHATWG HTML, sections 9.2.5 "Parsing an event stream" and 9.2.6 "Interpreting an
//! event stream", with three differences that a gateway wants: an `id` belongs to one event instead of
//! to all that follow, `retry` is ignored, and how often invalid UTF-8 was replaced is counted.

mod field;
mod frame;
mod unfinished_line;
mod work;

#[cfg(test)]
mod tests;

use std::{fmt, mem};

use bytes::{Buf, Bytes, BytesMut};
use bytestring::ByteString;
use memchr::memchr2;

use self::{
    field::{FieldName, parse_field},
    frame::Frame,
    unfinished_line::UnfinishedLine,
};

/// One event as the provider sent it.
#[derive(Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event` field; `None` if absent or empty.
    pub event: Option<ByteString>,
    /// The valid `id` field of its frame, or of frames without data right before it.
    pub id: Option<ByteString>,
    /// The `data` lines, joined with LF.
    pub data: ByteString,
}

/// Tells of the data only how long it is: it may be a completion.
impl fmt::Debug for SseEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseEvent")
            .field("event", &self.event)
            .field("id", &self.id)
            .field("data_bytes", &self.data.len())
            .finish()
    }
}

impl SseEvent {
    /// Bytes that it holds: of its data, its name and its id.
    #[must_use]
    pub fn size(&self) -> usize {
        let length = |field: &Option<ByteString>| field.as_ref().map_or(0, |text| text.len());
        self.data.len() + length(&self.event) + length(&self.id)
    }
}

/// An event was larger than `upstream.max_event_bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is larger than {max_event_bytes} bytes")]
pub struct EventTooLarge {
    /// The limit that was passed, in bytes.
    pub max_event_bytes: usize,
}

/// Turns the chunks of a `text/event-stream` body into events, whatever the cuts between the chunks.
///
/// [`push`](Self::push) a chunk, then call [`next_event`](Self::next_event) until it returns `None`. An
/// event is delivered with the byte that ends it: one ended by a lone CR does not wait to see whether an
/// LF follows. The end of the body delivers nothing; [`has_partial`](Self::has_partial) tells whether it
/// cut an event short.
///
/// # Work
///
/// Each byte is searched once for a line end, and copied only if its line is cut by a chunk's end or is
/// one of several `data` lines. So the work is linear in the input, also for chunks of one byte.
///
/// # Memory
///
/// An event's fields are slices of the chunk in which their line lay, and keep that whole chunk alive:
/// one chunk for the usual event, three (`event`, `id`, `data`) at worst. A field that had to be copied
/// keeps at most twice the bytes that were copied for it. The decoder itself holds the chunk until it is
/// read, and then the fields of the unfinished event. Comments, `retry` and unknown fields are skipped
/// as they arrive, however long.
#[derive(Debug)]
pub struct SseDecoder {
    max_event_bytes: usize,
    /// What is still to be read of the last chunk.
    chunk: Bytes,
    start: StreamStart,
    /// The last chunk ended with CR: an LF at the start of the next belongs to that line end.
    after_cr: bool,
    line: UnfinishedLine,
    frame: Frame,
    replaced_utf8: u64,
    failed: bool,
}

/// How many bytes of a byte order mark the stream has begun with, while that is still open.
#[derive(Clone, Copy, Debug)]
enum StreamStart {
    Bom { matched: usize },
    Passed,
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

impl SseDecoder {
    /// Creates a decoder for one body.
    ///
    /// `max_event_bytes` is the setting `upstream.max_event_bytes`, default 8 MiB. An event's size is
    /// that of the values of its `data`, `event` and `id` lines, each with one byte for its line end.
    #[must_use]
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            chunk: Bytes::new(),
            start: StreamStart::Bom { matched: 0 },
            after_cr: false,
            line: UnfinishedLine::Start,
            frame: Frame::default(),
            replaced_utf8: 0,
            failed: false,
        }
    }

    /// Takes the next bytes of the body.
    ///
    /// Meant to be called after [`next_event`](Self::next_event) returned `None`. Earlier is allowed, and
    /// costs a copy of what is still unread.
    pub fn push(&mut self, mut chunk: Bytes) {
        if chunk.is_empty() || self.failed {
            return;
        }
        if !self.chunk.is_empty() {
            let mut joined = BytesMut::from(mem::take(&mut self.chunk));
            joined.extend_from_slice(&chunk);
            self.chunk = joined.freeze();
            return;
        }
        self.skip_bom(&mut chunk);
        if mem::take(&mut self.after_cr) && chunk.first() == Some(&b'\n') {
            chunk.advance(1);
        }
        self.chunk = chunk;
    }

    /// Returns the next event, or `None` when the chunks so far hold no further whole one.
    ///
    /// A frame without a `data` line is no event. One with an empty `data` line is, with empty data.
    ///
    /// # Errors
    ///
    /// [`EventTooLarge`] as soon as an unfinished event passes the limit. The decoder is finished then: it
    /// takes no more bytes and returns this error for ever.
    pub fn next_event(&mut self) -> Result<Option<SseEvent>, EventTooLarge> {
        while let Some(end) = self.find_line_end() {
            if let Some(event) = self.take_plain_frame(end) {
                return Ok(Some(event));
            }
            if let Some(event) = self.take_line(end)? {
                return Ok(Some(event));
            }
        }
        self.hold_unfinished_line()?;
        Ok(None)
    }

    /// Whether the bytes so far end inside an event; meaningful once [`next_event`](Self::next_event)
    /// returned `None`.
    ///
    /// That is: since the last blank line there was a `data`, `event` or `id` line, or the beginning of
    /// what may be one. At the end of the body it says that an event was cut short and is lost. An
    /// unfinished comment, `retry` or unknown field is no event.
    #[must_use]
    pub fn has_partial(&self) -> bool {
        !self.frame.is_empty() || matches!(self.line, UnfinishedLine::Held(_))
    }

    /// How many of the events returned so far had invalid UTF-8 replaced by U+FFFD.
    #[must_use]
    pub fn replaced_utf8(&self) -> u64 {
        self.replaced_utf8
    }

    /// Where the current line ends in the chunk.
    ///
    /// CR and LF only: U+0085, U+2028 and U+2029 end lines elsewhere, not here.
    fn find_line_end(&self) -> Option<usize> {
        let end = match self.chunk.first() {
            Some(b'\n' | b'\r') => Some(0), // A blank line: not worth the start of a vector search.
            _ => memchr2(b'\n', b'\r', &self.chunk),
        };
        work::count(end.map_or(self.chunk.len(), |end| end + 1));
        end
    }

    /// Takes the commonest frame in one step: one valid `data` line and the blank line, in one chunk.
    ///
    /// Whatever else it is, too large or invalid UTF-8 included, is left to [`Self::take_line`].
    fn take_plain_frame(&mut self, end: usize) -> Option<SseEvent> {
        let line_ends = match &self.chunk[end..] {
            [b'\n', b'\n', ..] => 2,
            [b'\r', b'\n', b'\r', b'\n', ..] => 4,
            _ => return None,
        };
        if !self.frame.is_fresh() || !self.line.is_start() {
            return None;
        }
        let (FieldName::Data, value) = parse_field(&self.chunk[..end])? else {
            return None;
        };
        if value.len() >= self.max_event_bytes {
            return None;
        }
        let data = ByteString::try_from(self.chunk.slice_ref(value)).ok()?;
        self.chunk.advance(end + line_ends);
        Some(SseEvent {
            event: None,
            id: None,
            data,
        })
    }

    /// Takes the line that ends at `end`, and returns the event if it is the blank line that closes one.
    fn take_line(&mut self, end: usize) -> Result<Option<SseEvent>, EventTooLarge> {
        if end == 0 && self.line.is_start() {
            self.skip_line_end(end);
            return Ok(self.finish_frame());
        }
        self.finish_line(end);
        self.skip_line_end(end);
        if self.frame.bytes() > self.max_event_bytes {
            return Err(self.fail());
        }
        Ok(None)
    }

    /// Begins the next frame, and returns what this one was.
    fn finish_frame(&mut self) -> Option<SseEvent> {
        match mem::take(&mut self.frame).into_event() {
            Ok((event, replaced_utf8)) => {
                self.replaced_utf8 += u64::from(replaced_utf8);
                Some(event)
            }
            Err(id) => {
                self.frame = Frame::after(id);
                None
            }
        }
    }

    /// Adds the line that ends at `end` to the frame, if it is a field that matters.
    fn finish_line(&mut self, end: usize) {
        let rest = &self.chunk[..end];
        match mem::take(&mut self.line) {
            UnfinishedLine::Start => {
                if let Some((name, value)) = parse_field(rest) {
                    self.frame.add(name, value, &self.chunk);
                }
            }
            UnfinishedLine::Held(mut held) => {
                work::count(rest.len());
                held.extend_from_slice(rest);
                let line = Bytes::from(held);
                if let Some((name, value)) = parse_field(&line) {
                    self.frame.add(name, value, &line);
                }
            }
            UnfinishedLine::Ignored => {}
        }
    }

    /// Moves behind the line end at `end`: CR, LF or CRLF.
    fn skip_line_end(&mut self, end: usize) {
        let is_cr = self.chunk[end] == b'\r';
        self.chunk.advance(end + 1);
        match self.chunk.first() {
            Some(b'\n') if is_cr => self.chunk.advance(1),
            None => self.after_cr = is_cr,
            Some(_) => {}
        }
    }

    /// Keeps what the chunk has of a line whose end is yet to come, and lets the chunk go.
    fn hold_unfinished_line(&mut self) -> Result<(), EventTooLarge> {
        let rest = mem::take(&mut self.chunk);
        self.line.extend(&rest);
        if self.failed || self.frame.bytes() + self.line.value_bytes() > self.max_event_bytes {
            return Err(self.fail());
        }
        Ok(())
    }

    /// Drops a byte order mark at the start of the stream.
    ///
    /// The bytes of one that breaks off need not be kept: no field that matters begins with them.
    fn skip_bom(&mut self, chunk: &mut Bytes) {
        while let StreamStart::Bom { matched } = self.start
            && let Some(&byte) = chunk.first()
        {
            if byte == BOM[matched] {
                chunk.advance(1);
                self.start = match matched + 1 {
                    3 => StreamStart::Passed,
                    matched => StreamStart::Bom { matched },
                };
            } else {
                if matched > 0 {
                    self.line = UnfinishedLine::Ignored;
                }
                self.start = StreamStart::Passed;
            }
        }
    }

    /// Ends decoding, and lets go of everything that was held.
    fn fail(&mut self) -> EventTooLarge {
        self.failed = true;
        self.chunk = Bytes::new();
        self.line = UnfinishedLine::Start;
        self.frame = Frame::default();
        EventTooLarge {
            max_event_bytes: self.max_event_bytes,
        }
    }
}
