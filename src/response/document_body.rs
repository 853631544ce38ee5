//! The body of a document, handed out no faster than the client takes it.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

/// Longest slice that is handed out at a time. actix asks for the next one when what it has is on its
/// way, so that the last slice is taken only by a client who took the others.
const SLICE_BYTES: usize = 32 * 1024;

/// A document in slices, under its length.
pub struct DocumentBody {
    length: u64,
    rest: Bytes,
}

/// Tells only how long it is: it is a completion.
impl fmt::Debug for DocumentBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "DocumentBody({} of {} bytes)",
            self.rest.len(),
            self.length
        )
    }
}

impl DocumentBody {
    /// All of `document`.
    #[must_use]
    pub fn new(document: Bytes) -> Self {
        Self {
            length: document.len() as u64,
            rest: document,
        }
    }
}

impl MessageBody for DocumentBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(SLICE_BYTES);
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}
