//! The way from the event pump to the client's body, and the report of how far it was taken.

mod channel;
mod pump;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web_lab::sse;
use futures_util::Stream;
use tokio::sync::oneshot;

pub(crate) use channel::HandBack;
use channel::Taken;
pub use channel::{
    ClientLeft, DeliveryReceiver, DeliverySender, QueueDepth, QueueGauge, Sending, channel,
};
pub(crate) use pump::Pump;

/// How far the client took a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryReport {
    /// Whether its end was reached.
    pub is_whole: bool,
}

/// The channel ended and nobody said so: nobody vouches for what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream broke off")]
pub struct BrokenOff;

/// The events as the SSE responder takes them.
///
/// Dropping it, which actix does when the client leaves, closes the channel and so ends the call.
pub struct DeliveryStream {
    events: DeliveryReceiver,
    report: Option<oneshot::Sender<DeliveryReport>>,
}

impl DeliveryStream {
    /// Reports to `report` when the end is reached or the stream is dropped before.
    #[must_use]
    pub fn new(events: DeliveryReceiver, report: oneshot::Sender<DeliveryReport>) -> Self {
        Self {
            events,
            report: Some(report),
        }
    }

    /// For a body that writes something of its own between two events.
    pub(crate) fn as_hand_back(&self) -> HandBack {
        self.events.as_hand_back()
    }

    fn report(&mut self, is_whole: bool) {
        if let Some(report) = self.report.take() {
            // A response actor that is gone has noted its outcome already.
            let _ = report.send(DeliveryReport { is_whole });
        }
    }
}

impl Stream for DeliveryStream {
    type Item = Result<sse::Event, BrokenOff>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.report.is_none() {
            return Poll::Ready(None);
        }
        match ready!(self.events.poll_take(cx)) {
            Taken::Event(event) => Poll::Ready(Some(Ok(event))),
            Taken::End => {
                self.report(true);
                Poll::Ready(None)
            }
            Taken::BrokenOff => {
                // An error makes actix drop the connection without the last chunk, so that no
                // client takes this for an end.
                self.report(false);
                Poll::Ready(Some(Err(BrokenOff)))
            }
        }
    }
}

impl Drop for DeliveryStream {
    fn drop(&mut self) {
        self.report(false);
    }
}

impl fmt::Debug for DeliveryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryStream").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
        task::{Wake, Waker},
    };

    use futures_util::{StreamExt, future::poll_immediate};

    use super::*;

    fn started() -> (
        DeliverySender,
        DeliveryStream,
        oneshot::Receiver<DeliveryReport>,
    ) {
        let (sender, receiver) = channel(4, 10);
        let (report, reported) = oneshot::channel();
        (sender, DeliveryStream::new(receiver, report), reported)
    }

    fn event(text: &'static str) -> sse::Event {
        sse::Data::new(text).into()
    }

    #[actix_web::test]
    async fn an_end_that_was_said_is_a_clean_end() {
        let (sender, mut stream, reported) = started();
        sender.send(event("a"), 1).await.unwrap();
        sender.end().await.unwrap();
        drop(sender);
        assert!(stream.next().await.unwrap().is_ok());
        assert!(stream.next().await.is_none());
        drop(stream);
        assert_eq!(reported.await, Ok(DeliveryReport { is_whole: true }));
    }

    #[actix_web::test]
    async fn an_end_that_nobody_said_is_an_error() {
        let (sender, mut stream, reported) = started();
        drop(sender);
        assert!(matches!(stream.next().await, Some(Err(BrokenOff))));
        assert!(stream.next().await.is_none());
        assert_eq!(reported.await, Ok(DeliveryReport { is_whole: false }));
    }

    #[actix_web::test]
    async fn dropping_the_stream_closes_the_channel_and_is_reported() {
        let (sender, stream, reported) = started();
        drop(stream);
        sender.client_left().await;
        assert_eq!(reported.await, Ok(DeliveryReport { is_whole: false }));
    }

    #[actix_web::test]
    async fn room_in_bytes_is_given_back_when_the_body_takes_the_event() {
        let (sender, mut stream, _reported) = started();
        assert_eq!(sender.send(event("a"), 6).await, Ok(()));
        let mut second = pin!(sender.send(event("b"), 6));
        assert_eq!(poll_immediate(&mut second).await, None);
        assert!(stream.next().await.unwrap().is_ok());
        assert_eq!(second.await, Ok(()));
    }

    #[actix_web::test]
    async fn a_gauge_tells_what_waits_and_keeps_no_channel_open() {
        let (sender, mut stream, _reported) = started();
        let gauge = sender.gauge();
        sender.send(event("a"), 3).await.unwrap();
        sender.send(event("b"), 4).await.unwrap();
        let depth = |events, bytes| QueueDepth { events, bytes };
        assert_eq!(gauge.depth(), depth(2, 7));
        assert!(stream.next().await.unwrap().is_ok());
        assert_eq!(gauge.depth(), depth(1, 4));
        drop(sender);
        assert_eq!(gauge.depth(), depth(0, 0));
        assert!(stream.next().await.unwrap().is_ok());
        assert!(matches!(stream.next().await, Some(Err(BrokenOff))));
    }

    #[actix_web::test]
    async fn an_event_larger_than_all_the_room_passes_alone() {
        let (sender, mut stream, _reported) = started();
        assert_eq!(sender.send(event("a"), 1_000).await, Ok(()));
        let mut second = pin!(sender.send(event("b"), 1));
        assert_eq!(poll_immediate(&mut second).await, None);
        assert!(stream.next().await.unwrap().is_ok());
        assert_eq!(second.await, Ok(()));
    }

    #[actix_web::test]
    async fn whoever_waits_for_room_learns_that_the_client_left() {
        let (sender, stream, _reported) = started();
        sender.send(event("a"), 10).await.unwrap();
        let mut second = pin!(sender.send(event("b"), 1));
        assert_eq!(poll_immediate(&mut second).await, None);
        drop(stream);
        assert_eq!(second.await, Err(ClientLeft));
    }

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[actix_web::test]
    async fn an_event_that_is_taken_wakes_nobody_who_only_waits_for_the_client_to_leave() {
        let (sender, mut stream, _reported) = started();
        let counted = Arc::<Counted>::default();
        let waker = Waker::from(Arc::clone(&counted));
        let mut left = pin!(sender.client_left());
        let mut poll = || left.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll().is_pending());
        sender.send(event("a"), 1).await.unwrap();
        assert!(stream.next().await.unwrap().is_ok());
        assert_eq!(counted.0.load(Relaxed), 0);
        drop(stream);
        assert_eq!(counted.0.load(Relaxed), 1);
        assert!(poll().is_ready());
    }
}
