//! Answers that are read whole: a document, or a provider's account of an error.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    UpstreamError,
    clocks::{AnswerClocks, Due},
    http_client::UpstreamBody,
};
use crate::settings::UpstreamBounds;

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

/// Reads what can be had of an error's body: `max_error_bytes` at most and within `error_body`. A
/// failure ends it early, because the status that it belongs to is known already.
pub(super) async fn read_start(
    body: &mut UpstreamBody,
    mut clocks: AnswerClocks,
    bounds: &UpstreamBounds,
) -> Bytes {
    let limit = bounds.max_error_bytes;
    let mut text = BytesMut::new();
    let reading = async {
        while let Ok(Some(chunk)) = next(body, &mut clocks).await {
            let room = limit - text.len();
            text.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if text.len() == limit {
                break;
            }
        }
    };
    // What has come by then is used.
    let _ = timeout(bounds.error_body, reading).await;
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
