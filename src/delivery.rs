//! The way from the event pump to the client's body, and the report of how far it was taken.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix_web_lab::sse;
use futures_util::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// What passes through the bounded channel of one request.
pub enum Delivery {
    /// One event, with the room that it takes up until the body has it.
    Event(sse::Event, OwnedSemaphorePermit),
    /// All has been said.
    End,
}

/// Tells nothing of an event: it may be a completion.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Event(..) => "Event",
            Self::End => "End",
        })
    }
}

/// The client left: nobody takes what is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLeft;

/// The provider's end of the channel: bounded in events and in bytes.
#[derive(Clone, Debug)]
pub struct DeliverySender {
    deliveries: mpsc::Sender<Delivery>,
    room: Arc<Semaphore>,
    bytes: u32,
}

/// A channel for `events` events of `bytes` bytes in all (settings `stream.queue_events` and
/// `stream.queue_bytes`). An event larger than all the room passes alone.
#[must_use]
pub fn channel(events: usize, bytes: usize) -> (DeliverySender, mpsc::Receiver<Delivery>) {
    let (deliveries, delivered) = mpsc::channel(events);
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    let room = Arc::new(Semaphore::new(bytes as usize));
    let sender = DeliverySender {
        deliveries,
        room,
        bytes,
    };
    (sender, delivered)
}

impl DeliverySender {
    /// Hands over an event of `size` bytes; waits while there is no room.
    ///
    /// # Errors
    /// The client left.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the event is lost.
    pub async fn send(&self, event: sse::Event, size: usize) -> Result<(), ClientLeft> {
        let size = u32::try_from(size).unwrap_or(u32::MAX).min(self.bytes);
        // A body that is dropped gives back all room, so that this does not outlast it.
        let permit = Arc::clone(&self.room).acquire_many_owned(size).await;
        let delivery = Delivery::Event(event, permit.map_err(|_| ClientLeft)?);
        self.deliveries.send(delivery).await.map_err(|_| ClientLeft)
    }

    /// Says that all has been said.
    ///
    /// # Errors
    /// The client left.
    pub async fn end(&self) -> Result<(), ClientLeft> {
        self.deliveries
            .send(Delivery::End)
            .await
            .map_err(|_| ClientLeft)
    }

    /// What tells how much waits in the channel.
    #[must_use]
    pub fn gauge(&self) -> QueueGauge {
        QueueGauge {
            deliveries: self.deliveries.downgrade(),
            room: Arc::clone(&self.room),
            bytes: self.bytes,
        }
    }

    /// Whether the client has left.
    #[must_use]
    pub fn client_has_left(&self) -> bool {
        self.deliveries.is_closed()
    }

    /// Resolves when the client leaves. The channel's far end is owned by whatever currently answers
    /// the client, first the handler and then the body, so its end is the client's in every phase.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub async fn client_left(&self) {
        self.deliveries.closed().await;
    }
}

/// Tells how much waits in a channel, and keeps nothing of it open.
#[derive(Debug)]
pub struct QueueGauge {
    deliveries: mpsc::WeakSender<Delivery>,
    room: Arc<Semaphore>,
    bytes: u32,
}

/// How much waits in a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Events.
    pub events: usize,
    /// Their bytes, and those of an event that waits for room.
    pub bytes: usize,
}

impl QueueGauge {
    /// How much waits now; nothing once the pump is done with the channel.
    #[must_use]
    pub fn depth(&self) -> QueueDepth {
        let Some(deliveries) = self.deliveries.upgrade() else {
            return QueueDepth::default();
        };
        QueueDepth {
            events: deliveries.max_capacity() - deliveries.capacity(),
            bytes: self.bytes as usize - self.room.available_permits(),
        }
    }
}

/// How far the client took a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryReport {
    /// Whether its end was reached.
    pub is_whole: bool,
}

/// The channel ended without [`Delivery::End`]: nobody vouches for what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream broke off")]
pub struct BrokenOff;

/// The events as the SSE responder takes them.
///
/// Dropping it, which actix does when the client leaves, closes the channel and so ends the call.
pub struct DeliveryStream {
    events: mpsc::Receiver<Delivery>,
    report: Option<oneshot::Sender<DeliveryReport>>,
}

impl DeliveryStream {
    /// Reports to `report` when the end is reached or the stream is dropped before.
    #[must_use]
    pub fn new(events: mpsc::Receiver<Delivery>, report: oneshot::Sender<DeliveryReport>) -> Self {
        Self {
            events,
            report: Some(report),
        }
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
        match ready!(self.events.poll_recv(cx)) {
            Some(Delivery::Event(event, _)) => Poll::Ready(Some(Ok(event))),
            Some(Delivery::End) => {
                self.report(true);
                Poll::Ready(None)
            }
            None => {
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
    use std::pin::pin;

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
}
