//! The recording format: what a provider answered, byte for byte, as a person can write it.
//!
//! TOML, described with examples in `docs/recordings.md`. What a recording can hold is checked when
//! it is read, so that a player needs no error path for bad ones.

mod error;
mod fields;
mod written;

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

pub use self::error::RecordingError;

/// Longest single pause in a recording.
pub const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Longest that the pauses of one answer may last together.
pub const MAX_PAUSES: Duration = Duration::from_secs(10 * 60);

/// What one model answers: one answer for requests with `stream: true`, one for those without, or
/// both.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "fields::RecordingFields")]
pub struct Recording {
    /// What it shows, in a sentence.
    pub description: String,
    /// One or two answers, at most one for each value of `stream`.
    pub answers: Vec<Answer>,
}

/// One recorded HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "fields::AnswerFields")]
pub struct Answer {
    /// The value of the request's `stream` that this answers.
    pub stream: bool,
    /// HTTP status, 200 to 599, but not 204 or 304, which have no body.
    pub status: u16,
    /// Pause between the request's last byte and the head.
    pub after: Duration,
    /// Headers in the order they came, names in the case they had; those that frame the body
    /// (`content-length`, `transfer-encoding`) follow from `framing` instead.
    pub headers: Vec<(String, Bytes)>,
    /// How the body's end is marked.
    pub framing: Framing,
    /// How the answer ended.
    pub end: End,
    /// The body, in the pieces it arrived in.
    pub chunks: Vec<Chunk>,
}

/// How the end of a body is marked on the wire (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `transfer-encoding: chunked`; each recorded chunk is one chunk on the wire.
    Chunked,
    /// `content-length` with this many bytes: what the chunks hold or, if the answer broke off, more.
    Length(u64),
    /// Neither: the body lasts until the connection closes.
    Close,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// As its framing says.
    #[default]
    Complete,
    /// The connection was closed in an orderly way before the body's end.
    Truncated,
    /// The connection was aborted.
    ///
    /// An in-memory connection has no reset, so the far side sees the end of bytes, as with
    /// [`Truncated`](Self::Truncated).
    Reset,
}

/// A piece of a body as it came off the wire.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "fields::ChunkFields")]
pub struct Chunk {
    /// Pause since the piece before it, or since the head; at most [`MAX_PAUSE`].
    pub after: Duration,
    /// Its bytes; never empty, because an empty chunk would end a chunked body.
    pub data: Bytes,
}

impl Recording {
    /// Reads a recording; `file` is what an error calls it.
    ///
    /// # Errors
    /// The first thing in the text that is not as `docs/recordings.md` says, with its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, RecordingError> {
        toml::from_str(text).map_err(|error| RecordingError::malformed(file, text, &error))
    }

    /// The answer to requests with this value of `stream`.
    #[must_use]
    pub fn answer(&self, stream: bool) -> Option<&Answer> {
        self.answers.iter().find(|answer| answer.stream == stream)
    }

    /// The same without a pause anywhere, for tests that need not wait.
    #[must_use]
    pub fn without_pauses(mut self) -> Self {
        for answer in &mut self.answers {
            answer.after = Duration::ZERO;
            for chunk in &mut answer.chunks {
                chunk.after = Duration::ZERO;
            }
        }
        self
    }

    /// Writes the recording as TOML that [`parse`](Self::parse) reads back to the same bytes, provided
    /// that it keeps the bounds which the fields' docs state.
    #[must_use]
    pub fn to_toml(&self) -> String {
        written::recording(self)
    }
}

#[cfg(test)]
mod tests;
