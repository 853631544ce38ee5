//! The order of a request's messages, held by types: metadata once, then events, then one end.

use std::time::Duration;

use actix::Recipient;
use actix_web_lab::sse;
use tokio::{sync::mpsc, time::timeout};

use crate::{
    metadata::UpstreamMetadata, response::delivery::Delivery, upstream::sse_decoder::SseEvent,
};

/// Nobody waits for the answer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLeft;

/// Why an event could not be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// The client left.
    Left,
    /// The queue stayed full for as long as `clocks.client_write` allows.
    Stalled,
}

/// Whether handing an event over took time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// There was room.
    AtOnce,
    /// The queue was full.
    Waited,
}

/// The call before its metadata was sent. All it can do is to send it, once.
#[derive(Debug)]
pub struct Announcer {
    metadata: Recipient<UpstreamMetadata>,
    events: mpsc::Sender<Delivery>,
}

impl Announcer {
    /// Where the metadata goes, and the events after it.
    #[must_use]
    pub fn new(metadata: Recipient<UpstreamMetadata>, events: mpsc::Sender<Delivery>) -> Self {
        Self { metadata, events }
    }

    /// Sends the metadata and waits until the response actor has taken it. Only then is there
    /// anything to send events with.
    ///
    /// # Errors
    /// The client left, so that nobody took it.
    pub async fn announce(self, metadata: UpstreamMetadata) -> Result<EventSender, ClientLeft> {
        match self.metadata.send(metadata).await {
            Ok(Ok(())) => Ok(EventSender {
                events: self.events,
            }),
            Ok(Err(_)) | Err(_) => Err(ClientLeft),
        }
    }

    /// Whether the client has left.
    #[must_use]
    pub fn client_has_left(&self) -> bool {
        self.events.is_closed()
    }

    /// Resolves when the client leaves. The channel's far end is owned by whatever currently answers
    /// the client, first the handler and then the body, so its end is the client's in every phase.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub async fn client_left(&self) {
        self.events.closed().await;
    }
}

/// The call after its metadata was sent.
#[derive(Debug)]
pub struct EventSender {
    events: mpsc::Sender<Delivery>,
}

impl EventSender {
    /// Hands one event over; waits while the queue is full, `client_write` at most, and says whether
    /// it did.
    ///
    /// # Errors
    /// The client left or takes nothing.
    pub async fn send(&self, event: SseEvent, client_write: Duration) -> Result<Pace, NotTaken> {
        self.deliver(Delivery::Event(event_for_client(event)), client_write)
            .await
    }

    /// Says that all has been said. Without it the client's connection is broken off, so that an end
    /// nobody vouched for is never taken for a good one.
    ///
    /// # Errors
    /// The client left or takes nothing.
    pub async fn end(self, client_write: Duration) -> Result<(), NotTaken> {
        self.deliver(Delivery::End, client_write).await.map(drop)
    }

    /// Whether the client has left.
    #[must_use]
    pub fn client_has_left(&self) -> bool {
        self.events.is_closed()
    }

    /// Resolves when the client leaves.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub async fn client_left(&self) {
        self.events.closed().await;
    }

    async fn deliver(&self, delivery: Delivery, client_write: Duration) -> Result<Pace, NotTaken> {
        // Nearly always there is room: the clock is made only where there is none.
        let delivery = match self.events.try_send(delivery) {
            Ok(()) => return Ok(Pace::AtOnce),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(NotTaken::Left),
            Err(mpsc::error::TrySendError::Full(delivery)) => delivery,
        };
        match timeout(client_write, self.events.send(delivery)).await {
            Ok(Ok(())) => Ok(Pace::Waited),
            Ok(Err(_)) => Err(NotTaken::Left),
            Err(_) => Err(NotTaken::Stalled),
        }
    }
}

/// The event as the SSE responder writes it. Names and ids come from the decoder, which lets no line
/// end and no NUL into them, so the responder refuses none.
fn event_for_client(event: SseEvent) -> sse::Event {
    let mut data = sse::Data::new(event.data);
    if let Some(name) = event.event {
        data.set_event(name);
    }
    if let Some(id) = event.id {
        data.set_id(id);
    }
    sse::Event::Data(data)
}
