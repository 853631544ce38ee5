//! The body of an answer.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use awc::error::PayloadError;
use bytes::Bytes;
use futures_util::stream::{FusedStream, LocalBoxStream, Stream};

use super::classify;
use crate::upstream::error::UpstreamError;

/// The bytes of an answer as they come off the connection, in chunks of any size.
///
/// It ends with `None` only if the body is as long as its head or its chunks said it would be, or
/// if the close of the connection was to end it. Anything else is an error, the last item:
/// [`UpstreamError::Truncated`] or [`UpstreamError::Reset`].
///
/// A body that is read to its `None` gives its connection back to the pool; one that is dropped
/// before closes it. So whoever has seen `[DONE]` and wants the connection kept reads on to the
/// end.
pub struct UpstreamBody {
    /// `None` once it has ended; awc's own stream must not be asked again.
    payload: Option<LocalBoxStream<'static, Result<Bytes, PayloadError>>>,
}

impl UpstreamBody {
    pub(super) fn new(payload: impl Stream<Item = Result<Bytes, PayloadError>> + 'static) -> Self {
        // Boxed, because its type depends on which features of awc some other crate turns on.
        Self {
            payload: Some(Box::pin(payload)),
        }
    }
}

impl Stream for UpstreamBody {
    type Item = Result<Bytes, UpstreamError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(payload) = &mut this.payload else {
            return Poll::Ready(None);
        };
        match ready!(payload.as_mut().poll_next(cx)) {
            Some(Ok(chunk)) => Poll::Ready(Some(Ok(chunk))),
            Some(Err(error)) => {
                this.payload = None;
                Poll::Ready(Some(Err(classify::body_error(&error))))
            }
            None => {
                this.payload = None;
                Poll::Ready(None)
            }
        }
    }
}

impl FusedStream for UpstreamBody {
    fn is_terminated(&self) -> bool {
        self.payload.is_none()
    }
}

impl fmt::Debug for UpstreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamBody")
            .field("ended", &self.payload.is_none())
            .finish()
    }
}
