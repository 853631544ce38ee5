//! The fields of a recording as its TOML writes them, and the rules that they must keep.

use std::{fmt, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Deserializer, de};

use super::{Answer, Chunk, End, Framing, MAX_PAUSE, MAX_PAUSES, Recording};

/// Headers that the player derives from `framing`, so that a file cannot contradict itself.
const FRAMING_HEADERS: [&str; 2] = ["content-length", "transfer-encoding"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordingFields {
    description: String,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerFields {
    stream: bool,
    status: Status,
    #[serde(default)]
    after: Pause,
    #[serde(default)]
    headers: Vec<Header>,
    framing: FramingWord,
    content_length: Option<u64>,
    #[serde(default)]
    end: End,
    #[serde(default)]
    chunks: Vec<Chunk>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChunkFields {
    #[serde(default)]
    after: Pause,
    data: Option<String>,
    base64: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FramingWord {
    Chunked,
    Length,
    Close,
}

impl TryFrom<RecordingFields> for Recording {
    type Error = String;

    fn try_from(fields: RecordingFields) -> Result<Self, String> {
        let RecordingFields {
            description,
            answers,
        } = fields;
        if answers.is_empty() {
            return Err("answers: write at least one [[answers]]".to_owned());
        }
        let has_two = |stream: &bool| answers.iter().filter(|a| a.stream == *stream).count() > 1;
        if let Some(stream) = [true, false].into_iter().find(has_two) {
            return Err(format!(
                "answers: two have stream = {stream}; keep one of them"
            ));
        }
        Ok(Self {
            description,
            answers,
        })
    }
}

impl TryFrom<AnswerFields> for Answer {
    type Error = String;

    fn try_from(fields: AnswerFields) -> Result<Self, String> {
        let pauses = fields.chunks.iter().map(|chunk| chunk.after);
        if fields.after.0 + pauses.sum::<Duration>() > MAX_PAUSES {
            return Err(format!(
                "after: the pauses of one answer may last {} together",
                humantime::format_duration(MAX_PAUSES)
            ));
        }
        Ok(Self {
            framing: fields.framing()?,
            stream: fields.stream,
            status: fields.status.0,
            after: fields.after.0,
            headers: fields
                .headers
                .into_iter()
                .map(|Header(name, value)| (name, value))
                .collect(),
            end: fields.end,
            chunks: fields.chunks,
        })
    }
}

impl AnswerFields {
    fn framing(&self) -> Result<Framing, String> {
        let held = self
            .chunks
            .iter()
            .map(|chunk| chunk.data.len() as u64)
            .sum();
        let breaks_off = self.end != End::Complete;
        match (self.framing, self.content_length) {
            (FramingWord::Length, Some(promised)) if breaks_off && promised > held => {
                Ok(Framing::Length(promised))
            }
            (FramingWord::Length, _) if breaks_off => Err(format!(
                "content_length: the answer breaks off, so write how many bytes it promised, \
                 more than the {held} that its chunks hold"
            )),
            (_, Some(_)) => Err(
                "content_length: leave it out; only an answer with framing = \"length\" that \
                 breaks off needs it"
                    .to_owned(),
            ),
            (FramingWord::Chunked, None) => Ok(Framing::Chunked),
            (FramingWord::Length, None) => Ok(Framing::Length(held)),
            (FramingWord::Close, None) if self.end == End::Truncated => Err(
                "end: with framing = \"close\" every orderly close is the end; \
                 write \"complete\" or another framing"
                    .to_owned(),
            ),
            (FramingWord::Close, None) => Ok(Framing::Close),
        }
    }
}

impl TryFrom<ChunkFields> for Chunk {
    type Error = String;

    fn try_from(fields: ChunkFields) -> Result<Self, String> {
        let data = match (fields.data, fields.base64) {
            (Some(text), None) => Bytes::from(text),
            (None, Some(base64)) => decode(&base64)?,
            _ => return Err("chunks: write either data = '''text''' or base64 = \"…\"".to_owned()),
        };
        if data.is_empty() {
            return Err(
                "chunks: a chunk without bytes would end the body; leave it out".to_owned(),
            );
        }
        Ok(Self {
            after: fields.after.0,
            data,
        })
    }
}

/// Decodes base64, which may be broken into lines.
fn decode(base64: &str) -> Result<Bytes, String> {
    let joined: String = base64.split_ascii_whitespace().collect();
    BASE64_STANDARD
        .decode(joined)
        .map(Bytes::from)
        .map_err(|error| format!("base64: write standard base64 with padding ({error})"))
}

/// `["name", "value"]`, or `["name", { base64 = "…" }]` for a value that is not UTF-8.
#[derive(Deserialize)]
#[serde(try_from = "(String, HeaderText)")]
struct Header(String, Bytes);

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a header value is a string or { base64 = \"…\" }"
)]
enum HeaderText {
    Text(String),
    Bytes(HeaderBytes),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderBytes {
    base64: String,
}

impl TryFrom<(String, HeaderText)> for Header {
    type Error = String;

    fn try_from((name, value): (String, HeaderText)) -> Result<Self, String> {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("headers: {name:?} is no header name"))?;
        if FRAMING_HEADERS.contains(&parsed.as_str()) {
            return Err(format!(
                "headers: leave {name:?} out; it follows from framing"
            ));
        }
        let value = match value {
            HeaderText::Text(text) => Bytes::from(text),
            HeaderText::Bytes(HeaderBytes { base64 }) => decode(&base64)?,
        };
        if HeaderValue::from_bytes(&value).is_err() {
            return Err(format!(
                "headers: the value of {name:?} holds a control character"
            ));
        }
        Ok(Self(name, value))
    }
}

/// A status that comes with a body.
struct Status(u16);

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u16(StatusVisitor)
    }
}

struct StatusVisitor;

impl de::Visitor<'_> for StatusVisitor {
    type Value = Status;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status from 200 to 599, but not 204 or 304, which have no body")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Status, E> {
        match u16::try_from(number) {
            Ok(status @ 200..=599) if ![204, 304].contains(&status) => Ok(Status(status)),
            _ => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
        }
    }
}

/// A pause with its unit, at most [`MAX_PAUSE`].
#[derive(Default)]
struct Pause(Duration);

impl<'de> Deserialize<'de> for Pause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(PauseVisitor)
    }
}

struct PauseVisitor;

impl de::Visitor<'_> for PauseVisitor {
    type Value = Pause;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pause with its unit, such as \"20ms\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Pause, E> {
        let pause = humantime::parse_duration(text)
            .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))?;
        if pause > MAX_PAUSE {
            return Err(E::custom(format!(
                "after: {text} is too long; one pause may last {}",
                humantime::format_duration(MAX_PAUSE)
            )));
        }
        Ok(Pause(pause))
    }
}
