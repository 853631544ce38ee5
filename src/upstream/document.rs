//! Answers that are read whole: a document, or a provider's account of an error.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::{Instant, sleep_until};

use super::{
    UpstreamError,
    clocks::{AnswerClocks, Due},
    http_client::UpstreamBody,
};

/// Reads a document to its end.
///
/// # Errors
/// A clock ran out; it is larger than `limit` bytes; it broke off.
pub(super) async fn read_to_end(
    body: &mut UpstreamBody,
    mut clocks: AnswerClocks,
    limit: usize,
) -> Result<Bytes, UpstreamError> {
    let mut text = BytesMut::new();
    while let Some(chunk) = next(body, &mut clocks).await? {
        if text.len() + chunk.len() > limit {
            return Err(UpstreamError::BodyTooLarge { limit });
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text.freeze())
}

/// Reads what can be had of a body, `limit` bytes at most; a failure ends it early.
pub(super) async fn read_start(
    body: &mut UpstreamBody,
    mut clocks: AnswerClocks,
    limit: usize,
) -> Bytes {
    let mut text = BytesMut::new();
    while let Ok(Some(chunk)) = next(body, &mut clocks).await {
        let room = limit - text.len();
        text.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if text.len() == limit {
            break;
        }
    }
    text.freeze()
}

/// Reads the rest of a body and throws it away.
pub(super) async fn read_away(body: &mut UpstreamBody) {
    while let Some(Ok(_)) = body.next().await {}
}

async fn next(
    body: &mut UpstreamBody,
    clocks: &mut AnswerClocks,
) -> Result<Option<Bytes>, UpstreamError> {
    let (at, due) = clocks.next();
    tokio::select! {
        biased;
        chunk = body.next() => {
            clocks.heard(Instant::now());
            chunk.transpose()
        }
        () = sleep_until(at) => match due {
            Due::Expired(clock) => Err(clocks.expired(clock)),
            Due::Commit => Ok(Some(Bytes::new())),
        },
    }
}
