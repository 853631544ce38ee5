//! A request's body on its way to awc.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use tokio::sync::watch;

/// Most bytes handed to awc at once. awc copies each slice into a buffer that it lets grow to 32 KiB
/// and one slice; a 32 MiB prompt handed over whole would be copied whole.
const MAX_SLICE_BYTES: usize = 64 * 1024;

/// How far a request has come, on which of its ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// How often it had to be sent again (`RequestBody::again`). Whoever looks seldom learns by it of a new
    /// beginning that went by at once.
    pub repeats: u32,
    /// How far it has come since.
    pub progress: SendProgress,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SendProgress {
    /// There is no connection yet.
    Connecting,
    /// The connection stands, a new one or one from the pool, and the request is being written.
    Writing,
    /// awc has taken the last byte: at most 32 KiB and what the kernel holds are still on the way.
    Written,
}

/// A body made of pieces of other buffers, none of them copied, which tells how far it was sent.
///
/// The receiver of [`Sending`] also learns of the end: its sender is dropped with the body and
/// its repetition, when there is an answer's head or none will come. A body of no bytes is never asked
/// for by awc, so it stays [`SendProgress::Connecting`] to the end.
#[derive(Debug)]
pub struct RequestBody {
    pieces: Arc<[Bytes]>,
    /// The next of them.
    next: usize,
    current: Bytes,
    length: u64,
    sending: watch::Sender<Sending>,
}

impl RequestBody {
    /// Makes a body of `pieces`, in this order.
    #[must_use]
    pub fn new(pieces: Vec<Bytes>) -> (Self, watch::Receiver<Sending>) {
        let (sending, receiver) = watch::channel(Sending {
            repeats: 0,
            progress: SendProgress::Connecting,
        });
        let body = Self {
            length: pieces.iter().map(|piece| piece.len() as u64).sum(),
            pieces: pieces.into(),
            next: 0,
            current: Bytes::new(),
            sending,
        };
        (body, receiver)
    }

    /// The same body from its beginning, for the same receiver.
    pub(super) fn again(&self) -> Self {
        Self {
            pieces: Arc::clone(&self.pieces),
            next: 0,
            current: Bytes::new(),
            length: self.length,
            sending: self.sending.clone(),
        }
    }

    /// Tells that there is no connection for it any more.
    pub(super) fn begin_anew(&self) {
        self.sending.send_modify(|sending| {
            sending.repeats += 1;
            sending.progress = SendProgress::Connecting;
        });
    }

    fn next_slice(&mut self) -> Option<Bytes> {
        while self.current.is_empty() {
            self.current = self.pieces.get(self.next)?.clone();
            self.next += 1;
        }
        let slice = self.current.len().min(MAX_SLICE_BYTES);
        Some(self.current.split_to(slice))
    }

    fn report(&self, reached: SendProgress) {
        self.sending.send_if_modified(|sending| {
            let is_news = sending.progress != reached;
            sending.progress = reached;
            is_news
        });
    }
}

impl MessageBody for RequestBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        let slice = this.next_slice();
        this.report(if slice.is_some() {
            SendProgress::Writing
        } else {
            SendProgress::Written
        });
        Poll::Ready(slice.map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_fn;

    use super::*;

    async fn next(body: &mut RequestBody) -> Option<Bytes> {
        poll_fn(|cx| Pin::new(&mut *body).poll_next(cx))
            .await
            .map(|slice| slice.unwrap())
    }

    #[tokio::test]
    async fn pieces_come_in_order_in_slices_of_the_same_memory() {
        let long = Bytes::from(vec![b'x'; MAX_SLICE_BYTES + 1]);
        let pieces = vec![
            Bytes::from_static(b"{"),
            Bytes::new(),
            long.clone(),
            Bytes::from_static(b"}"),
        ];
        let (mut body, _progress) = RequestBody::new(pieces);
        assert_eq!(body.size(), BodySize::Sized(MAX_SLICE_BYTES as u64 + 3));
        assert_eq!(next(&mut body).await.unwrap(), "{");
        let first = next(&mut body).await.unwrap();
        assert_eq!(first.len(), MAX_SLICE_BYTES);
        assert_eq!(first.as_ptr(), long.as_ptr());
        assert_eq!(next(&mut body).await.unwrap(), "x");
        assert_eq!(next(&mut body).await.unwrap(), "}");
        assert_eq!(next(&mut body).await, None);
        assert_eq!(next(&mut body).await, None);
    }

    #[tokio::test]
    async fn a_body_that_is_sent_again_begins_at_its_beginning_and_tells_the_same_receiver() {
        let pieces = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
        let (mut body, mut progress) = RequestBody::new(pieces);
        let mut again = body.again();
        while next(&mut body).await.is_some() {}
        drop(body);
        assert_eq!(progress.borrow_and_update().progress, SendProgress::Written);
        again.begin_anew();
        assert!(progress.has_changed().unwrap());
        let sending = *progress.borrow_and_update();
        assert_eq!(
            (sending.repeats, sending.progress),
            (1, SendProgress::Connecting)
        );
        assert_eq!(again.size(), BodySize::Sized(2));
        assert_eq!(next(&mut again).await.unwrap(), "a");
        assert_eq!(progress.borrow_and_update().progress, SendProgress::Writing);
        assert_eq!(next(&mut again).await.unwrap(), "b");
    }

    #[tokio::test]
    async fn progress_goes_from_connecting_over_writing_to_written() {
        let pieces = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
        let (mut body, mut progress) = RequestBody::new(pieces);
        assert_eq!(
            progress.borrow_and_update().progress,
            SendProgress::Connecting
        );
        next(&mut body).await;
        assert!(progress.has_changed().unwrap());
        assert_eq!(progress.borrow_and_update().progress, SendProgress::Writing);
        next(&mut body).await;
        assert!(!progress.has_changed().unwrap());
        next(&mut body).await;
        assert_eq!(progress.borrow_and_update().progress, SendProgress::Written);
        drop(body);
        assert!(progress.changed().await.is_err());
    }
}
