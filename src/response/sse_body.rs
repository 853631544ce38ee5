//! The body of a stream: actix-web-lab's responder, with heartbeats of our own around it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web_lab::sse::Sse;
use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::delivery::{DeliveryStream, HandBack};

/// A comment without an empty line after it: a line that every SSE reader skips. With an empty line
/// the OpenAI Python SDK takes it for an event once an `id:` was seen.
const HEARTBEAT: Bytes = Bytes::from_static(b":\n");

/// Writes each event as one whole body item, and a comment after `heartbeat` of silence.
///
/// The responder's own keep-alive is not used: it is not reset by events and its text breaks
/// clients. The body is only polled after the head, so no heartbeat comes before commit.
pub struct SseBody {
    first: Option<Bytes>,
    events: Pin<Box<Sse<DeliveryStream>>>,
    heartbeat: Option<Heartbeat>,
    hand_back: HandBack,
}

struct Heartbeat {
    every: Duration,
    /// Whether something was written since the last silence began: an event reads no clock.
    has_written: bool,
    silent_since: Instant,
    timer: Pin<Box<Sleep>>,
}

impl SseBody {
    /// `heartbeat`: setting `clocks.heartbeat`; `None` is off.
    #[must_use]
    pub fn new(events: DeliveryStream, heartbeat: Option<Duration>) -> Self {
        let heartbeat = heartbeat.map(|every| {
            let now = Instant::now();
            Heartbeat {
                every,
                has_written: false,
                silent_since: now,
                timer: Box::pin(sleep_until(now + every)),
            }
        });
        Self {
            first: None,
            hand_back: events.as_hand_back(),
            events: Box::pin(Sse::from_stream(events)),
            heartbeat,
        }
    }

    /// The same, with an item of its own before all events and all heartbeats.
    #[must_use]
    pub fn with_first(self, first: Option<Bytes>) -> Self {
        Self { first, ..self }
    }
}

impl Heartbeat {
    /// Ready when nothing was written for as long as it takes.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::take(&mut self.has_written) {
            self.silent_since = Instant::now();
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            // Events do not touch the timer, only what it is compared with; so it fires early on a
            // busy stream and is set to what is left.
            let now = Instant::now();
            let due = self.silent_since + self.every;
            if due <= now {
                self.silent_since = now;
                self.timer.as_mut().reset(now + self.every);
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
        }
        Poll::Pending
    }
}

impl MessageBody for SseBody {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let item = match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => self.events.as_mut().poll_next(cx),
        };
        let Some(heartbeat) = &mut self.heartbeat else {
            return item;
        };
        if item.is_ready() {
            heartbeat.has_written = true;
            return item;
        }
        ready!(heartbeat.poll_due(cx));
        // With this in its hands the connection may not come back for long.
        self.hand_back.hand_back();
        Poll::Ready(Some(Ok(HEARTBEAT)))
    }

    fn boxed(self) -> BoxBody {
        BoxBody::new(self)
    }
}

impl std::fmt::Debug for SseBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SseBody").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use actix_web_lab::sse;
    use tokio::sync::oneshot;

    use super::*;
    use crate::delivery::{DeliverySender, channel};

    const EVERY: Duration = Duration::from_secs(15);

    fn body(heartbeat: Option<Duration>) -> (DeliverySender, SseBody) {
        let (sender, receiver) = channel(4, 1024);
        let (report, _) = oneshot::channel();
        (
            sender,
            SseBody::new(DeliveryStream::new(receiver, report), heartbeat),
        )
    }

    async fn next(body: &mut SseBody) -> Option<Bytes> {
        poll_fn(|cx| Pin::new(&mut *body).poll_next(cx))
            .await
            .map(Result::unwrap)
    }

    #[tokio::test(start_paused = true)]
    async fn silence_brings_a_heartbeat_each_period() {
        let (_sender, mut body) = body(Some(EVERY));
        for _ in 0..3 {
            let before = Instant::now();
            assert_eq!(next(&mut body).await.unwrap(), ":\n");
            assert_eq!(before.elapsed(), EVERY);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_starts_the_silence_anew() {
        let (sender, mut body) = body(Some(EVERY));
        tokio::time::advance(Duration::from_secs(10)).await;
        sender.send(sse::Data::new("a").into(), 1).await.unwrap();
        assert_eq!(next(&mut body).await.unwrap(), "data: a\n\n");
        let before = Instant::now();
        assert_eq!(next(&mut body).await.unwrap(), ":\n");
        assert_eq!(before.elapsed(), EVERY);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_heartbeat_silence_stays_silent() {
        let (sender, mut body) = body(None);
        tokio::time::advance(10 * EVERY).await;
        sender.send(sse::Data::new("a").into(), 1).await.unwrap();
        sender.end().await.unwrap();
        assert_eq!(next(&mut body).await.unwrap(), "data: a\n\n");
        assert_eq!(next(&mut body).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_item_comes_once_and_before_all_else_however_late_it_is_asked_for() {
        let (sender, body) = body(Some(EVERY));
        let mut body = body.with_first(Some(Bytes::from_static(b"first")));
        sender.send(sse::Data::new("a").into(), 1).await.unwrap();
        tokio::time::advance(10 * EVERY).await;
        assert_eq!(next(&mut body).await.unwrap(), "first");
        assert_eq!(next(&mut body).await.unwrap(), "data: a\n\n");
        let before = Instant::now();
        assert_eq!(next(&mut body).await.unwrap(), ":\n");
        assert_eq!(before.elapsed(), EVERY);
    }

    #[tokio::test]
    async fn each_event_is_one_whole_item() {
        let (sender, mut body) = body(None);
        let event = sse::Data::new("{\n\u{2028}}").event("named").id("7");
        sender.send(event.into(), 1).await.unwrap();
        assert_eq!(
            next(&mut body).await.unwrap(),
            "id: 7\nevent: named\ndata: {\ndata: \u{2028}}\n\n"
        );
    }
}
