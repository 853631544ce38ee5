//! The open streams: a list, and an end for one of them.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Problem, problem::ProblemBody};
use crate::{
    openapi,
    startup::Gateway,
    streams::{NotCancelled, OpenStream, Phase},
};

/// One open stream. Nothing of what is said in it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StreamView {
    /// The request's id, as its client sees it in `x-herald-request-id`.
    id: String,
    /// How long ago its model was known, in milliseconds.
    age_ms: u64,
    /// How far it has come.
    phase: Phase,
    /// Who is asked.
    provider: String,
    /// For which model, by the name that clients use.
    model: String,
    /// The id of the client's key; null where no key is asked for.
    key: Option<String>,
    /// Whether events were asked for, and not a document.
    stream: bool,
    /// The generation of the settings that it runs under.
    settings_generation: u64,
    /// Events handed over to the client so far.
    events: u64,
    /// Bytes of the body that the connection took so far.
    bytes: u64,
    /// Events that wait for the client.
    queued_events: usize,
    /// The same in bytes.
    queued_bytes: usize,
}

/// The open streams, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StreamList {
    /// Each of them.
    streams: Vec<StreamView>,
}

impl From<&OpenStream> for StreamView {
    fn from(open: &OpenStream) -> Self {
        let details = open.details();
        let queue = open.queue().depth();
        Self {
            id: details.id.to_string(),
            age_ms: open
                .began()
                .elapsed()
                .as_millis()
                .try_into()
                .unwrap_or(u64::MAX),
            phase: open.phase(),
            provider: open.provider(),
            model: details.model.clone(),
            key: details.key.clone(),
            stream: details.stream,
            settings_generation: details.generation,
            events: open.events(),
            bytes: open.bytes(),
            queued_events: queue.events,
            queued_bytes: queue.bytes,
        }
    }
}

/// The open streams, the oldest first.
#[utoipa::path(
    get,
    path = "/streams",
    tag = openapi::ADMIN,
    responses((status = 200, description = "What runs now", body = StreamList))
)]
pub(super) async fn list_streams(gateway: web::Data<Gateway>) -> HttpResponse {
    let open = gateway.streams().list();
    let streams = open.iter().map(|open| StreamView::from(&**open)).collect();
    HttpResponse::Ok().json(StreamList { streams })
}

/// Ends a stream.
///
/// Its provider is let go at once; its client gets the error `gateway_cancelled`, by a status before
/// the head and by an error event after it.
#[utoipa::path(
    delete,
    path = "/streams/{id}",
    tag = openapi::ADMIN,
    params(("id" = String, Path, description = "The request's id: `x-herald-request-id`")),
    responses(
        (status = 202, description = "It is told to end", body = StreamView),
        (status = 404, description = "`unknown_stream`: none of this id is open", body = ProblemBody),
        (
            status = 409,
            description = "`stream_ending`: its end has been said, and its client takes what is left",
            body = ProblemBody
        )
    )
)]
pub(super) async fn cancel_stream(
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let cancelled = gateway.streams().cancel(&id);
    let stream = cancelled.map_err(|reason| match reason {
        NotCancelled::Unknown => Problem::StreamUnknown,
        NotCancelled::Ending => Problem::StreamEnding,
    })?;
    tracing::warn!(request_id = %stream.details().id, "an operator ends the stream");
    Ok(HttpResponse::Accepted().json(StreamView::from(&*stream)))
}
