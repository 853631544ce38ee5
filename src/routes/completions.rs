//! The one handler of all completions, whatever the dialect: from the request to the answer.

use std::{sync::Arc, time::Duration};

use actix::Actor;
use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        ConnectionType, Version,
        header::{CONTENT_ENCODING, HeaderName, HeaderValue},
    },
    web,
};
use bytes::Bytes;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use super::{Failure, admission::admit};
use crate::{
    delivery::{self, DeliveryStream},
    dialects::Dialect,
    error::{GatewayError, HeraldError, RequestError},
    middleware::record_of,
    providers::outgoing_headers,
    response::{Answer, ResponseActor, document_body::DocumentBody, sse_body::SseBody},
    settings::VerifiedSettings,
    startup::Worker,
    upstream::{
        UpstreamActor,
        announcer::Announcer,
        call::{Call, CallPlan},
    },
};

/// The client's own bound on the whole, in milliseconds; it replaces `clocks.total` and never
/// exceeds it.
const X_TIMEOUT_MS: HeaderName = HeaderName::from_static("x-timeout-ms");

/// Starts the two actors of a request and answers with what they come to.
///
/// The receiving end of the event channel is held here until it moves into the body, so that a
/// client who leaves closes it in every phase: actix drops this future, or the body.
pub(super) async fn create_completion(
    dialect: &'static dyn Dialect,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let answer = answer(dialect, &request, payload).await;
    answer.map_err(|error| Failure::new(dialect, error))
}

async fn answer(
    dialect: &'static dyn Dialect,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, HeraldError> {
    let record = record_of(request);
    let (gateway, settings) = admit(request)?;
    let body = read_body(request, payload, &settings).await?;
    let completion = dialect.parse_completion(body)?;
    let started = Instant::now();
    let model = settings
        .models
        .get(&completion.model)
        .cloned()
        .ok_or_else(|| RequestError::unknown_model(&completion.model))?;
    record.note_route(settings.generation, &model, completion.stream);

    let mut clocks = settings.clocks;
    clocks.total = client_total(request, clocks.total)?;
    let headers = outgoing_headers(&model.provider, request.headers(), completion.stream);
    let worker = request
        .app_data::<Worker>()
        .ok_or(GatewayError::NotMounted)?;

    let bounds = settings.stream;
    let (deliveries, delivered) = delivery::channel(bounds.queue_events, bounds.queue_bytes);
    let (answer, answered) = oneshot::channel();
    let response = ResponseActor::new(
        answer,
        Arc::clone(&settings),
        Arc::clone(&model),
        dialect,
        record,
    )
    .start();
    UpstreamActor::new(Call {
        plan: CallPlan {
            http_client: worker.http_client(&settings),
            settings: Arc::clone(&settings),
            model,
            request: completion,
            headers,
            clocks,
            started,
            dialect,
            draining: gateway.drain().watch(),
        },
        announcer: Announcer::new(response.clone().recipient(), deliveries),
        finished: response.recipient(),
    })
    .start();

    // No answer means that an actor died; the log has its panic.
    let mut response = match answered.await.map_err(|_| GatewayError::Internal)? {
        Answer::Events { head, report } => {
            let events = DeliveryStream::new(delivered, report);
            let body = SseBody::new(events, settings.heartbeat);
            head.into_builder().body(body)
        }
        Answer::Document { head, body } => head.into_builder().body(DocumentBody::new(body)),
    };
    if request.version() < Version::HTTP_11 {
        // HTTP/1.0 knows no chunks (RFC 9112 section 6.1): the end of the connection is the end.
        response.head_mut().no_chunking(true);
        response
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Reads the request's body under its bound and its clock.
async fn read_body(
    request: &HttpRequest,
    payload: web::Payload,
    settings: &VerifiedSettings,
) -> Result<Bytes, RequestError> {
    let is_encoded = |coding: &HeaderValue| !coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if request.headers().get_all(CONTENT_ENCODING).any(is_encoded) {
        return Err(RequestError::BodyEncoded);
    }
    let limit = settings.server.max_body_bytes;
    match timeout(
        settings.server.request_body,
        payload.to_bytes_limited(limit),
    )
    .await
    {
        Err(_) => Err(RequestError::BodyTimeout(settings.server.request_body)),
        Ok(Err(_)) => Err(RequestError::BodyTooLarge { limit }),
        Ok(Ok(Err(_))) => Err(RequestError::BodyBroken),
        Ok(Ok(Ok(body))) => Ok(body),
    }
}

/// `clocks.total`, or the client's own bound where it is shorter.
fn client_total(request: &HttpRequest, total: Duration) -> Result<Duration, RequestError> {
    let Some(value) = request.headers().get(X_TIMEOUT_MS) else {
        return Ok(total);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let wanted = "a whole number of milliseconds";
        return Err(RequestError::Header {
            name: "x-timeout-ms",
            wanted,
        });
    }
    // More than fits is more than the total.
    let millis = text.parse().unwrap_or(u64::MAX);
    Ok(Duration::from_millis(millis).clamp(Duration::from_millis(1), total))
}
