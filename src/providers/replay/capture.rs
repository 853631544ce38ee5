//! Captures a provider's answer as it comes off its connection.
//!
//! awc shows neither the order and case of headers nor the borders of chunks, so a capture has a
//! connection of its own, made by the connector as any other: same TLS, same proxies, same clock.
//! The request on it is the one that Herald would send; what comes back is read by the rules that
//! the head filter keeps, so an answer that Herald cannot use cannot be captured either.
//!
//! - `reader`: bytes and instants in, an answer in pieces out; it only computes;
//! - `pauses`: instants to the pauses that a recording can hold.

mod pauses;
mod reader;

use std::{io, pin::pin, time::Duration};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, sleep_until},
};

use self::reader::AnswerReader;
use super::{
    recording::{Answer, End},
    scrub::{Scrubbed, Scrubber},
};
use crate::{
    completion::{CompletionRequest, WireFormat},
    providers::{CallBody, outgoing_headers, protocol},
    settings::{VerifiedSettings, VerifiedTarget},
    upstream::{
        UpstreamError,
        clocks::{Clock, ClockLengths},
        connector,
        error::ConnectError,
    },
};

/// How much is read at a time: what is there together is one piece of an answer without chunks.
const READ_BYTES: usize = 64 << 10;

/// One answer, ready to be kept.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The answer, scrubbed.
    pub answer: Answer,
    /// What was scrubbed.
    pub scrubbed: Scrubbed,
    /// From the request written to the answer's end.
    pub took: Duration,
    /// Whether a pause was longer than a recording can hold, so that it is kept as a shorter one.
    pub pauses_shortened: bool,
}

/// Why an answer could not be captured. The text reads on from "provider `x`: …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// There was no answer, or not all of it within the bounds of the settings.
    #[error(transparent)]
    Upstream(Box<UpstreamError>),
    /// A recording cannot hold the status: it has no body, or is none.
    #[error("it answered with status {0}, which a recording cannot hold")]
    Status(u16),
    /// The chunks of the body are none.
    #[error("the chunks of its answer are malformed, which a recording cannot hold")]
    Chunks,
    /// A recording is played to those who speak chat completions, and is none in another format.
    #[error("it speaks {0}, and a recording holds answers to {chat}", chat = WireFormat::ChatCompletions)]
    Format(WireFormat),
    /// Keys could hide in an encoded body.
    #[error("its answer has a content-encoding although none was asked for; keys could hide in it")]
    Encoded,
}

impl From<UpstreamError> for CaptureError {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(Box::new(error))
    }
}

/// Asks a model's provider once, as Herald would for a client that sends no headers of its own, and
/// keeps what it answers, whatever its status.
///
/// Bounded by `clocks.connect`, `head`, `idle` (silence within the body) and `total`, and by
/// `upstream.max_body_bytes`, with chunk sizes counted in. `clocks.first_event` is not looked at.
///
/// # Errors
/// See [`CaptureError`]. What breaks off after its head is no error: it is captured so.
pub async fn capture(
    settings: &VerifiedSettings,
    target: &VerifiedTarget,
    request: &CompletionRequest,
) -> Result<Captured, CaptureError> {
    let provider = &target.provider;
    let bytes = request_bytes(settings, target, request)?;
    let connection = connector::open(&settings.client_parts, &provider.id).await;
    let connection = connection.map_err(UpstreamError::from)?;
    let reader = AnswerReader::new(
        settings.client_parts.max_head_bytes,
        settings.upstream.max_body_bytes,
    );
    let raw = exchange(connection, bytes, settings.clocks, reader).await?;
    let (mut answer, pauses_shortened) =
        raw.reader
            .into_answer(request.stream, raw.sent_at, raw.end)?;
    let scrubbed = Scrubber::new(provider).scrub(&mut answer);
    Ok(Captured {
        answer,
        scrubbed,
        took: raw.ended_at.saturating_duration_since(raw.sent_at),
        pauses_shortened,
    })
}

/// The request on the wire: HTTP/1.1 with a length, and nothing about the connection, so that the
/// answer says about it what it says to Herald.
fn request_bytes(
    settings: &VerifiedSettings,
    target: &VerifiedTarget,
    request: &CompletionRequest,
) -> Result<Vec<u8>, CaptureError> {
    let provider = &target.provider;
    let transport = settings.client_parts.endpoints.get(&provider.id);
    let unreachable = || UpstreamError::from(ConnectError::Unreachable);
    let transport = transport.ok_or_else(unreachable)?;
    let api = protocol(&provider.kind).api(WireFormat::ChatCompletions, target);
    let api = api.ok_or_else(unreachable)?;
    if api.format() != WireFormat::ChatCompletions {
        return Err(CaptureError::Format(api.format()));
    }
    let call = CallBody {
        model: protocol(&provider.kind).model_name(target),
        stream: request.stream,
        ask_for_usage: provider.usage_request,
        terms: provider.terms,
    };
    let body = api.pass_body(request, call);
    let length: usize = body.iter().map(Bytes::len).sum();
    let mut bytes = format!(
        "POST {}{} HTTP/1.1\r\nhost: {}\r\naccept-encoding: identity\r\ncontent-length: {length}\r\n",
        provider.base_path,
        protocol(&provider.kind).path(api, target),
        transport.host_header(&provider.id),
    )
    .into_bytes();
    let headers: Vec<(HeaderName, HeaderValue)> =
        outgoing_headers(provider, &HeaderMap::new(), request.stream);
    for (name, value) in &headers {
        let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"];
        bytes.extend_from_slice(&line.concat());
    }
    bytes.extend_from_slice(b"\r\n");
    body.iter().for_each(|piece| bytes.extend_from_slice(piece));
    Ok(bytes)
}

/// What came of a request.
struct Exchange {
    reader: AnswerReader,
    sent_at: Instant,
    ended_at: Instant,
    end: End,
}

/// Writes the request and reads the answer, which may come before all of the request is written.
async fn exchange(
    connection: impl AsyncRead + AsyncWrite,
    request: Vec<u8>,
    clocks: ClockLengths,
    mut reader: AnswerReader,
) -> Result<Exchange, CaptureError> {
    let (mut from, mut to) = tokio::io::split(connection);
    let mut sending = pin!(async move {
        // A provider that reads no further may still have answered.
        let _ = to.write_all(&request).await;
        let _ = to.flush().await;
        Instant::now()
    });
    let began = Instant::now();
    let (mut sent_at, mut heard_at) = (None, None);
    let mut buffer = vec![0; READ_BYTES];
    let end = loop {
        let (due, clock) = match heard_at {
            Some(heard_at) if reader.has_head() => (heard_at + clocks.idle, Clock::Idle),
            _ => (sent_at.unwrap_or(began) + clocks.head, Clock::Head),
        };
        let total_at = began + clocks.total;
        let (due, clock) = if total_at < due {
            (total_at, Clock::Total)
        } else {
            (due, clock)
        };
        tokio::select! {
            biased;
            at = &mut sending, if sent_at.is_none() => sent_at = Some(at),
            read = from.read(&mut buffer) => {
                let now = Instant::now();
                match read {
                    Ok(0) => break reader.end_of(io::ErrorKind::UnexpectedEof),
                    Ok(length) => reader.push(&buffer[..length], now)?,
                    Err(error) => break reader.end_of(error.kind()),
                }
                if reader.is_complete() {
                    break End::Complete;
                }
                heard_at = Some(now);
            }
            () = sleep_until(due) => return Err(clocks.expired(clock).into()),
        }
    };
    Ok(Exchange {
        reader,
        sent_at: sent_at.unwrap_or(began),
        ended_at: Instant::now(),
        end,
    })
}

#[cfg(test)]
mod tests;
