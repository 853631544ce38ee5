//! The way from the event pump to the client's body, and the report of how far it was taken.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web_lab::sse;
use futures_util::Stream;
use tokio::sync::{mpsc, oneshot};

/// What passes through the bounded channel of one request.
#[derive(Debug)]
pub enum Delivery {
    /// One event.
    Event(sse::Event),
    /// All has been said.
    End,
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
            Some(Delivery::Event(event)) => Poll::Ready(Some(Ok(event))),
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
    use futures_util::StreamExt;

    use super::*;

    fn channel() -> (
        mpsc::Sender<Delivery>,
        DeliveryStream,
        oneshot::Receiver<DeliveryReport>,
    ) {
        let (sender, receiver) = mpsc::channel(4);
        let (report, reported) = oneshot::channel();
        (sender, DeliveryStream::new(receiver, report), reported)
    }

    #[actix_web::test]
    async fn an_end_that_was_said_is_a_clean_end() {
        let (sender, mut stream, reported) = channel();
        sender
            .send(Delivery::Event(sse::Data::new("a").into()))
            .await
            .unwrap();
        sender.send(Delivery::End).await.unwrap();
        drop(sender);
        assert!(stream.next().await.unwrap().is_ok());
        assert!(stream.next().await.is_none());
        drop(stream);
        assert_eq!(reported.await, Ok(DeliveryReport { is_whole: true }));
    }

    #[actix_web::test]
    async fn an_end_that_nobody_said_is_an_error() {
        let (sender, mut stream, reported) = channel();
        drop(sender);
        assert!(matches!(stream.next().await, Some(Err(BrokenOff))));
        assert!(stream.next().await.is_none());
        assert_eq!(reported.await, Ok(DeliveryReport { is_whole: false }));
    }

    #[actix_web::test]
    async fn dropping_the_stream_closes_the_channel_and_is_reported() {
        let (sender, stream, reported) = channel();
        drop(stream);
        sender.closed().await;
        assert_eq!(reported.await, Ok(DeliveryReport { is_whole: false }));
    }
}
