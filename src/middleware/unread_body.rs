//! Lets go of request bodies that nobody reads to their end, without reading for ever.
//!
//! A request may be answered before its body is there: it has no key, no path, or too large a body. Of
//! what its sender goes on to send, actix reads a chunked body to its end, if that ever comes, once the
//! handler has dropped it; and a body that is not dropped, for as long as a connection takes to close.
//! A connection that is closed at once instead takes the answer with it (RFC 9112, section 9.6).

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::{
    Error, HttpMessage,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::header::CONTENT_LENGTH,
    middleware::Next,
    web,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::{Sleep, sleep, timeout};

use crate::startup::Gateway;

/// How long an answer waits for the rest of a small body, most of which come right behind their heads:
/// a body that is read lets its connection be kept.
const SOON: Duration = Duration::from_millis(50);

/// Most bytes of a small body.
const SMALL: usize = 64 << 10;

/// How long a connection stays open behind an answer for its sender to stop and to read it.
const LINGER: Duration = Duration::from_secs(1);

/// Reads a body that the answer has not waited for: a small one before the answer, and of another
/// what comes within [`LINGER`] behind it, but no more than `server.max_body_bytes`. Then the
/// connection closes.
pub(crate) async fn let_go_of_unread_body(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let payload = request.take_payload();
    if matches!(payload, Payload::None) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let gateway = request.app_data::<web::Data<Gateway>>();
    let most = gateway.map_or(SMALL, |gateway| gateway.settings().server.max_body_bytes);
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());

    let mut unread = Unread::new(payload, most);
    request.set_payload(Payload::Stream {
        payload: Box::pin(unread.clone()),
    });
    let response = next.call(request).await?.map_into_boxed_body();
    if !unread.is_over() && length.is_none_or(|length: usize| length <= SMALL) {
        // Where the time is up, the answer goes out without.
        let _ = timeout(SOON, unread.discard(SMALL)).await;
    }
    if unread.is_over() {
        return Ok(response);
    }
    Ok(response.map_body(|_, answer| {
        BoxBody::new(Lingering {
            size: answer.size(),
            answer: Some(answer),
            linger: None,
            unread,
        })
    }))
}

/// A request's body, which whoever reads it shares with whoever reads the rest.
#[derive(Clone)]
struct Unread {
    shared: Rc<RefCell<Shared>>,
}

struct Shared {
    payload: Payload,
    is_over: bool,
    /// Bytes that may still be discarded.
    left: usize,
}

impl Unread {
    fn new(payload: Payload, most: usize) -> Self {
        let shared = Shared {
            payload,
            is_over: false,
            left: most,
        };
        Self {
            shared: Rc::new(RefCell::new(shared)),
        }
    }

    fn is_over(&self) -> bool {
        self.shared.borrow().is_over
    }

    /// Reads to the body's end, or until more than `most` bytes have come.
    async fn discard(&mut self, most: usize) {
        let mut taken = 0;
        while let Some(Ok(bytes)) = self.next().await {
            taken += bytes.len();
            if taken > most {
                return;
            }
        }
    }

    /// Ready at the body's end. It is not waited for once enough has been discarded: then actix stops
    /// reading, and the kernel stops the sender.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.shared.borrow().left > 0 {
            let Some(Ok(bytes)) = ready!(self.poll_next_unpin(cx)) else {
                return Poll::Ready(());
            };
            let mut shared = self.shared.borrow_mut();
            shared.left = shared.left.saturating_sub(bytes.len());
        }
        Poll::Pending
    }
}

impl Stream for Unread {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut shared = self.shared.borrow_mut();
        let item = ready!(shared.payload.poll_next_unpin(cx));
        shared.is_over = !matches!(item, Some(Ok(_)));
        Poll::Ready(item)
    }
}

/// An answer, behind which its connection lingers.
struct Lingering {
    size: BodySize,
    /// `None` once it is taken, so that a request is over with its answer.
    answer: Option<BoxBody>,
    linger: Option<Pin<Box<Sleep>>>,
    unread: Unread,
}

impl MessageBody for Lingering {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if let Some(answer) = &mut self.answer {
            if let Some(item) = ready!(Pin::new(answer).poll_next(cx)) {
                return Poll::Ready(Some(item));
            }
            self.answer = None;
        }
        let linger = self.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if linger.as_mut().poll(cx).is_ready() || self.unread.poll_discard(cx).is_ready() {
            // The body is let go of after this is, so actix closes the connection.
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}
