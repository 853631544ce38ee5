//! The order of a request's messages, held by types: metadata once, then events, then one end.

use actix::Recipient;
use actix_web_lab::sse;

use crate::{
    delivery::{ClientLeft, DeliverySender, Sending},
    metadata::UpstreamMetadata,
    upstream::sse_decoder::SseEvent,
};

/// The call before its metadata was sent. All it can do is to send it, once.
#[derive(Debug)]
pub struct Announcer {
    metadata: Recipient<UpstreamMetadata>,
    deliveries: DeliverySender,
}

impl Announcer {
    /// Where the metadata goes, and the events after it.
    #[must_use]
    pub fn new(metadata: Recipient<UpstreamMetadata>, deliveries: DeliverySender) -> Self {
        Self {
            metadata,
            deliveries,
        }
    }

    /// Sends the metadata and waits until the response actor has taken it. Only then is there
    /// anything to send events with.
    ///
    /// # Errors
    /// The client left, so that nobody took it.
    pub async fn announce(self, metadata: UpstreamMetadata) -> Result<EventSender, ClientLeft> {
        match self.metadata.send(metadata).await {
            Ok(Ok(())) => Ok(EventSender {
                deliveries: self.deliveries,
            }),
            Ok(Err(_)) | Err(_) => Err(ClientLeft),
        }
    }

    /// What tells of the client's leaving.
    #[must_use]
    pub fn client(&self) -> &DeliverySender {
        &self.deliveries
    }
}

/// The call after its metadata was sent.
#[derive(Debug)]
pub struct EventSender {
    deliveries: DeliverySender,
}

impl EventSender {
    /// Hands one event over; waits while there is no room for it.
    ///
    /// # Errors
    /// The client left.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the event is lost.
    pub fn send(&self, event: SseEvent) -> Sending<'_> {
        let size = event.size();
        self.deliveries.send(event_for_client(event), size)
    }

    /// Says that all has been said. Without it the client's connection is broken off, so that an end
    /// nobody vouched for is never taken for a good one.
    ///
    /// # Errors
    /// The client left.
    pub async fn end(self) -> Result<(), ClientLeft> {
        self.deliveries.end().await
    }

    /// What tells of the client's leaving.
    #[must_use]
    pub fn client(&self) -> &DeliverySender {
        &self.deliveries
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
