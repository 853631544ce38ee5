//! A request's body, read whole.

use actix_web::{
    HttpRequest,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue},
    web,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use crate::{error::RequestError, settings::VerifiedSettings};

/// Most room that is made for a body because its head announces it, in bytes. What is longer gets its
/// room as it comes: announcing costs a client nothing.
const MAX_ANNOUNCED: usize = 1024 * 1024;

/// Reads the request's body under its bound and its clock.
pub(super) async fn read_body(
    request: &HttpRequest,
    payload: web::Payload,
    settings: &VerifiedSettings,
) -> Result<Bytes, RequestError> {
    let is_encoded = |coding: &HeaderValue| !coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if request.headers().get_all(CONTENT_ENCODING).any(is_encoded) {
        return Err(RequestError::BodyEncoded);
    }
    let length = request.headers().get(CONTENT_LENGTH);
    let announced = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let clock = settings.server.request_body;
    let limit = settings.server.max_body_bytes;
    timeout(clock, collect(payload, announced.unwrap_or(0), limit))
        .await
        .unwrap_or(Err(RequestError::BodyTimeout(clock)))
}

/// All of a body of at most `limit` bytes, of which the head announces `announced`.
async fn collect(
    mut payload: web::Payload,
    announced: usize,
    limit: usize,
) -> Result<Bytes, RequestError> {
    let mut first = Bytes::new();
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| RequestError::BodyBroken)?;
        if first.len() + body.len() + chunk.len() > limit {
            return Err(RequestError::BodyTooLarge { limit });
        }
        if first.is_empty() && body.is_empty() {
            // Nearly every prompt comes in one piece, and is not copied then.
            first = chunk;
            continue;
        }
        if body.is_empty() {
            body.reserve(announced.min(limit).min(MAX_ANNOUNCED));
            body.extend_from_slice(&std::mem::take(&mut first));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(if body.is_empty() {
        first
    } else {
        body.freeze()
    })
}

#[cfg(test)]
mod tests {
    use actix_web::{FromRequest as _, dev::Payload, error::PayloadError, test::TestRequest};
    use futures_util::stream;

    use super::*;

    async fn collected(
        chunks: &[Bytes],
        announced: usize,
        limit: usize,
    ) -> Result<Bytes, RequestError> {
        let chunks: Vec<_> = chunks.iter().cloned().map(Ok::<_, PayloadError>).collect();
        let stream: std::pin::Pin<Box<dyn stream::Stream<Item = _>>> =
            Box::pin(stream::iter(chunks));
        let request = TestRequest::default().to_http_request();
        let payload = web::Payload::from_request(&request, &mut Payload::from(stream)).await;
        collect(payload.unwrap(), announced, limit).await
    }

    #[actix_web::test]
    async fn a_body_in_one_piece_is_that_piece_and_others_are_joined_whatever_was_announced() {
        let piece = Bytes::from(vec![b'x'; 9]);
        let one = collected(std::slice::from_ref(&piece), 0, 9).await.unwrap();
        assert_eq!(one.as_ptr(), piece.as_ptr());
        let pieces = ["", "ab", "", "c", "de"].map(Bytes::from);
        for announced in [0, 5, usize::MAX] {
            let body = collected(&pieces, announced, 5).await.unwrap();
            assert_eq!(body, "abcde");
        }
        assert_eq!(collected(&[], 5, 5).await.unwrap(), "");
    }

    #[actix_web::test]
    async fn a_body_is_too_large_with_the_byte_past_its_bound_however_it_is_cut() {
        let limit = 4;
        for pieces in [&["abcde"][..], &["abcd", "e"], &["ab", "cd", "", "e"]] {
            let pieces: Vec<_> = pieces.iter().map(|text| Bytes::from(*text)).collect();
            let refused = collected(&pieces, 0, limit).await;
            assert_eq!(refused, Err(RequestError::BodyTooLarge { limit }));
        }
    }
}
