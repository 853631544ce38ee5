//! The layers around every route, outermost first: tracing's span, the rest of a body that nobody
//! reads, CORS, then the record of the request.

mod cors;
pub(crate) mod foreign_page;
mod unread_body;

use std::{
    borrow::Cow,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::{BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::Next,
    web,
};
use bytes::Bytes;
use tracing::Span;
use tracing_actix_web::{RequestId, RootSpanBuilder};
use uuid::Uuid;

pub(crate) use cors::share_with_origins;
pub(crate) use unread_body::let_go_of_unread_body;

use crate::{
    routes::Failure,
    startup::Gateway,
    telemetry::request_record::{Outcome, RequestRecord},
};

const X_HERALD_REQUEST_ID: HeaderName = HeaderName::from_static("x-herald-request-id");

/// Longest path that a log line holds, in bytes.
const MAX_LOGGED_PATH: usize = 256;

/// The span of a request: its id, method and path. No query, no header: keys travel in both.
#[derive(Debug)]
pub(crate) struct HeraldRootSpan;

impl RootSpanBuilder for HeraldRootSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let request_id = request
            .extensions()
            .get::<RequestId>()
            .map(ToString::to_string);
        tracing::info_span!(
            "request",
            request_id,
            method = request.method().as_str(),
            path = &*loggable(request.path()),
        )
    }

    fn on_request_end<B: MessageBody>(_: Span, _: &Result<ServiceResponse<B>, Error>) {
        // This is called at the head, when a stream has only begun. The record speaks at the end.
    }
}

/// Opens the request's record, gives every response its id, and watches the body to its end.
pub(crate) async fn record_request(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = request
        .extensions()
        .get::<RequestId>()
        .map_or_else(Uuid::now_v7, |id| **id);
    let record = RequestRecord::new(
        id.to_string(),
        request.method().to_string(),
        loggable(request.path()).into_owned(),
    );
    if let Some(gateway) = request.app_data::<web::Data<Gateway>>() {
        record.count_in(gateway.metrics());
    }
    request.extensions_mut().insert(Rc::clone(&record));

    let mut response = next.call(request).await?.map_into_boxed_body();
    let error = response.response().error();
    if let Some(failure) = error.and_then(|error| error.as_error::<Failure>()) {
        record.conclude(failure.outcome());
    }
    let id = HeaderValue::from_str(record.id()).expect("a UUID is a header value");
    response.headers_mut().insert(X_HERALD_REQUEST_ID, id);
    record.note_head(response.status());
    Ok(response.map_body(|_, inner| {
        let is_empty = matches!(inner.size(), BodySize::None | BodySize::Sized(0));
        BoxBody::new(RecordedBody {
            inner,
            record,
            taken: 0,
            is_whole: is_empty,
        })
    }))
}

/// The record of a request that [`record_request`] has seen; one of its own where it is not mounted.
pub(crate) fn record_of(request: &HttpRequest) -> Rc<RequestRecord> {
    if let Some(record) = request.extensions().get::<Rc<RequestRecord>>() {
        return Rc::clone(record);
    }
    RequestRecord::new(
        Uuid::now_v7().to_string(),
        request.method().to_string(),
        loggable(request.path()).into_owned(),
    )
}

/// A path as a log line holds it: without what no path holds as it stands, and bounded; a caller
/// chooses it.
fn loggable(path: &str) -> Cow<'_, str> {
    if path.len() <= MAX_LOGGED_PATH && path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return path.into();
    }
    let graphic = path.chars().filter(char::is_ascii_graphic);
    graphic.take(MAX_LOGGED_PATH).collect()
}

/// A body that notes its bytes, and at its end or its drop how the request ended.
struct RecordedBody {
    inner: BoxBody,
    record: Rc<RequestRecord>,
    /// Bytes so far.
    taken: u64,
    is_whole: bool,
}

impl MessageBody for RecordedBody {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.inner.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let item = Pin::new(&mut self.inner).poll_next(cx);
        match &item {
            Poll::Ready(Some(Ok(bytes))) => {
                self.record.note_bytes(bytes.len());
                self.taken += bytes.len() as u64;
                // Of a body of known size actix asks for no end after the last byte.
                if let BodySize::Sized(length) = self.inner.size() {
                    self.is_whole = self.taken >= length;
                }
            }
            Poll::Ready(None) => self.is_whole = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        item
    }
}

impl Drop for RecordedBody {
    fn drop(&mut self) {
        // What a completion came to is the response actor's word; all other answers end here.
        if !self.is_whole {
            self.record.note_broken_off();
        }
        if !self.record.is_completion() {
            self.record.conclude(Outcome::Completed);
        }
    }
}
