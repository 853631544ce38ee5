//! One connection to the replay provider: requests in, recorded answers out.

mod refusal;
mod request;

use std::{borrow::Cow, io, sync::Arc, time::Duration};

use http::StatusCode;
use serde::Deserialize;
use tokio::io::{AsyncWrite, AsyncWriteExt, DuplexStream};

use self::request::{NoRequest, Request, RequestReader};
use super::{
    library::ReplayLibrary,
    recording::{Answer, End, Framing},
};

/// Where completions are asked for, below whatever path the stand-in for a provider has.
const COMPLETIONS: &str = "/chat/completions";

/// Answers the requests of one connection until either side closes it.
pub(super) async fn serve(io: DuplexStream, library: Arc<ReplayLibrary>) {
    let (reader, mut writer) = tokio::io::split(io);
    let mut requests = RequestReader::new(reader);
    loop {
        let (answer, keep_alive) = match requests.next().await {
            Ok(request) => (choose(&library, &request), request.keep_alive),
            // Where the next request would begin is unknown, so this answer is the last.
            Err(NoRequest::Malformed(reason)) => (Cow::Owned(refusal::malformed(reason)), false),
            Err(NoRequest::TooLarge) => (Cow::Owned(refusal::too_large()), false),
            Err(NoRequest::FarSideClosed) => return,
        };
        let played = tokio::select! {
            biased;
            () = requests.far_side_closed() => return,
            played = play(&answer, &mut writer) => played,
        };
        // Returning drops the connection, which is how every answer ends that has no end of its own.
        if played.is_err() || !keep_alive || !leaves_open(&answer) {
            return;
        }
    }
}

/// What Herald's request bodies say to a player; the prompt does not matter.
#[derive(Deserialize)]
struct Asked {
    model: String,
    stream: Option<bool>,
}

fn choose<'a>(library: &'a ReplayLibrary, request: &Request) -> Cow<'a, Answer> {
    let Request {
        method, path, body, ..
    } = request;
    if !path.ends_with(COMPLETIONS) {
        return Cow::Owned(refusal::unknown_path(path));
    }
    if method != "POST" {
        return Cow::Owned(refusal::wrong_method(method));
    }
    let Asked { model, stream } = match serde_json::from_slice(body) {
        Ok(asked) => asked,
        Err(error) => return Cow::Owned(refusal::malformed(&error.to_string())),
    };
    let Some(recording) = library.get(&model) else {
        return Cow::Owned(refusal::unknown_model(&model, library));
    };
    let stream = stream.unwrap_or(false);
    recording.answer(stream).map_or_else(
        || Cow::Owned(refusal::no_such_answer(&model, stream)),
        Cow::Borrowed,
    )
}

/// Writes an answer as it was recorded.
async fn play(answer: &Answer, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    pause(answer.after).await;
    writer.write_all(&head(answer)).await?;
    for chunk in &answer.chunks {
        pause(chunk.after).await;
        let data = &chunk.data;
        if answer.framing == Framing::Chunked {
            // One write for the whole chunk, so that its border is also the border of a read.
            let size = format!("{:x}\r\n", data.len());
            writer
                .write_all(&[size.as_bytes(), data, b"\r\n"].concat())
                .await?;
        } else {
            writer.write_all(data).await?;
        }
    }
    if answer.framing == Framing::Chunked && answer.end == End::Complete {
        writer.write_all(b"0\r\n\r\n").await?;
    }
    writer.flush().await
}

/// Waits; not at all for no pause, where a timer would still cost up to a millisecond.
async fn pause(length: Duration) {
    if !length.is_zero() {
        tokio::time::sleep(length).await;
    }
}

/// Status line and headers. The reason phrase is the standard one: it means nothing to a client
/// (RFC 9112, section 4), and providers behind HTTP/2 have none to record.
fn head(answer: &Answer) -> Vec<u8> {
    let status = StatusCode::from_u16(answer.status).ok();
    let reason = status
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", answer.status).into_bytes();
    for (name, value) in &answer.headers {
        head.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    match answer.framing {
        Framing::Chunked => head.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::Length(promised) => {
            head.extend_from_slice(format!("content-length: {promised}\r\n").as_bytes());
        }
        Framing::Close => {}
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Whether another request may follow this answer on its connection.
fn leaves_open(answer: &Answer) -> bool {
    let says_close = answer.headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("connection") && request::lists(value, "close")
    });
    answer.end == End::Complete && answer.framing != Framing::Close && !says_close
}

#[cfg(test)]
mod tests;
