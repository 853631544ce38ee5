//! The one handler of all completions, whatever the dialect: from the request to the answer.

use std::{
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix::Actor;
use actix_web::{
    HttpRequest, HttpResponse,
    http::{ConnectionType, Version, header::HeaderName},
    web,
};
use bytes::Bytes;
use tokio::{sync::oneshot, time::Instant};

use super::{
    Failure,
    admission::{Admitted, admit_completion},
    request_body::read_body,
};
use crate::{
    delivery::{self, DeliveryStream},
    dialects::{Customs, Dialect},
    error::{GatewayError, HeraldError, RequestError},
    limits::reservation::Estimate,
    metadata::chain,
    middleware::record_of,
    response::{
        Answer, ResponseActor, document_body::DocumentBody, metadata_event::metadata_event,
        sse_body::SseBody,
    },
    routing::route::{Journey, Route},
    startup::Worker,
    streams::{StopSignal, StreamDetails},
    upstream::{
        UpstreamActor,
        announcer::Announcer,
        attempt::X_TIMEOUT_MS,
        call::{Call, CallTerms},
        uncommitted::Uncommitted,
    },
};

/// Asks for the event `metadata`, for clients that cannot read headers.
const X_HERALD_METADATA: HeaderName = HeaderName::from_static("x-herald-metadata");

/// Starts the two actors of a request and answers with what they come to.
///
/// The receiving end of the event channel is held here until it moves into the body, so that a
/// client who leaves closes it in every phase: actix drops this future, or the body.
pub(super) async fn create_completion(
    dialect: &'static dyn Dialect,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let answered = async {
        let admitted = admit_completion(&request)?;
        answer(dialect, &request, payload, admitted).await
    };
    answered
        .await
        .map_err(|error| Failure::of_completion(dialect, &request, error))
}

/// The same for a caller who was let in.
pub(super) async fn answer(
    dialect: &'static dyn Dialect,
    request: &HttpRequest,
    payload: web::Payload,
    admitted: Admitted,
) -> Result<HttpResponse, HeraldError> {
    let record = record_of(request);
    let customs = dialect.customs();
    let settings = &admitted.settings;
    let hops = chain::hops(request.headers());
    if hops >= chain::MAX_HOPS {
        return Err(GatewayError::Loop.into());
    }
    record.note_hops(hops);
    let body = read_body(request, payload, settings).await?;
    let mut completion = dialect.parse_completion(body)?;
    let started = Instant::now();
    let model = if customs.qualified_models {
        admitted.qualified_model(&completion.model)?
    } else {
        admitted.model(&completion.model)?
    };
    let mut clocks = settings.clocks;
    let most = admitted.key.as_ref().and_then(|key| key.total);
    clocks.total = client_total(
        request,
        most.map_or(clocks.total, |most| most.min(clocks.total)),
    )?;
    let asks_for_metadata = asks_for_metadata_event(customs, request)?;
    let worker = request
        .app_data::<Worker>()
        .ok_or(GatewayError::NotMounted)?;

    let limits = admitted.gateway.limits();
    let metrics = admitted.gateway.metrics();
    let prompt_bytes = completion.body.len();
    let journey = Journey {
        gateway: admitted.gateway.clone(),
        settings: Arc::clone(settings),
        key: admitted.key.clone(),
        dialect,
        completion: completion.clone(),
        created: seconds_since_1970(),
        request: request.clone(),
        record: Rc::clone(&record),
    };
    // A prompt may be megabytes long, a stream half an hour: only the route needs it, until the commit.
    completion.body = Bytes::new();
    let mut route = Route::new(model, journey);
    let first = route.first().inspect_err(|error| {
        if let HeraldError::Limit(error) = error {
            metrics.refused(error);
        }
    })?;
    let answer_tokens = completion
        .max_tokens
        .unwrap_or(settings.limits.answer_tokens);
    let answer_tokens = answer_tokens.saturating_mul(completion.choices.into());
    let estimate = Estimate::new(prompt_bytes, answer_tokens);
    let reserved = limits
        .reserve(&settings.limits, admitted.limits(model), estimate)
        .await
        .inspect_err(|error| metrics.refused(error))?;
    record.hold(reserved);

    let bounds = settings.stream;
    let (deliveries, delivered) = delivery::channel(bounds.queue_events, bounds.queue_bytes);
    let details = StreamDetails {
        id: record.id().into(),
        generation: settings.generation,
        provider: first.target.provider.id.to_string(),
        model: model.id.clone(),
        key: admitted.key.as_ref().map(|key| key.id.clone()),
        stream: completion.stream,
    };
    let registration = admitted.gateway.streams().open(details, deliveries.gauge());
    let stream = Arc::clone(registration.stream());
    record.keep_open(registration);
    let (answer, answered) = oneshot::channel();
    let response = ResponseActor::new(
        answer,
        Arc::clone(settings),
        Arc::clone(&first.target),
        dialect,
        Rc::clone(&record),
    )
    .start();
    let announcer = Announcer::new(response.clone().recipient(), deliveries);
    record.note_attempt();
    UpstreamActor::new(Call {
        stop: StopSignal::new(admitted.gateway.drain().watch(), &stream),
        terms: CallTerms {
            http_client: worker.http_client(&admitted.gateway, settings),
            settings: Arc::clone(settings),
            request: completion,
            dialect,
            clocks,
            started,
            stream,
        },
        first,
        uncommitted: Uncommitted::new(announcer, route),
        finished: response.recipient(),
    })
    .start();

    // No answer means that an actor died; the log has its panic.
    let mut response = match answered.await.map_err(|_| GatewayError::Internal)? {
        Answer::Events { head, report } => {
            let events = DeliveryStream::new(delivered, report);
            let metadata = asks_for_metadata.then(|| metadata_event(&head, record.id()));
            let heartbeat = settings.heartbeat.filter(|_| customs.heartbeats);
            let body = SseBody::new(events, heartbeat).with_first(metadata);
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

/// For answers whose provider does not tell when they were made.
fn seconds_since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
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

/// Whether the client asks for the event `metadata`, in a dialect that has it; in another the header
/// is not looked at. It means nothing to an answer that is no stream.
fn asks_for_metadata_event(customs: Customs, request: &HttpRequest) -> Result<bool, RequestError> {
    if !customs.metadata_event {
        return Ok(false);
    }
    let mut values = request.headers().get_all(X_HERALD_METADATA);
    match (values.next(), values.next()) {
        (None, _) => Ok(false),
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"event") => Ok(true),
        _ => Err(RequestError::Header {
            name: "x-herald-metadata",
            wanted: "`event`, once",
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use actix_web::{
        App,
        test::{TestRequest, call_and_read_body, init_service},
    };

    use super::*;
    use crate::{
        Gateway,
        completion::{CompletionRequest, WireFormat},
        dialects::{DialectTranslator, Edited, openai::ChatCompletions},
        error::ErrorReport,
        settings::{FilterRules, Settings},
        upstream::sse_decoder::SseEvent,
    };

    /// As OpenAI's, for clients that an event of an unknown name would break.
    #[derive(Debug)]
    struct Strict;

    impl Dialect for Strict {
        fn format(&self) -> WireFormat {
            ChatCompletions.format()
        }

        fn parse_completion(&self, body: Bytes) -> Result<CompletionRequest, RequestError> {
            ChatCompletions.parse_completion(body)
        }

        fn error_document(&self, report: &ErrorReport) -> Bytes {
            ChatCompletions.error_document(report)
        }

        fn error_events(&self, report: &ErrorReport) -> Vec<SseEvent> {
            ChatCompletions.error_events(report)
        }

        fn is_error_event(&self, event: &SseEvent) -> bool {
            ChatCompletions.is_error_event(event)
        }

        fn customs(&self) -> Customs {
            Customs {
                metadata_event: false,
                ..Customs::OF_SDKS
            }
        }

        fn without_parts(&self, text: &str, rules: &FilterRules) -> Edited {
            ChatCompletions.without_parts(text, rules)
        }

        fn translator(&self) -> Option<&'static dyn DialectTranslator> {
            ChatCompletions.translator()
        }
    }

    /// The beginning of a recorded stream's body, for a client that sends `x-herald-metadata`.
    async fn begun(dialect: &'static dyn Dialect, value: &'static str) -> String {
        let settings = Settings::from_toml("").unwrap();
        let gateway = Gateway::new(settings.verify(&HashMap::new()).unwrap());
        let create =
            web::post().to(move |request, payload| create_completion(dialect, request, payload));
        let app = App::new()
            .app_data(web::Data::new(gateway))
            .app_data(Worker::default())
            .service(web::resource("/").route(create));
        let request = TestRequest::post()
            .insert_header((X_HERALD_METADATA, value))
            .set_payload(r#"{"model":"replay-text","stream":true}"#)
            .to_request();
        let body = call_and_read_body(&init_service(app).await, request).await;
        let text = String::from_utf8(body.to_vec()).unwrap();
        text.chars().take(16).collect()
    }

    #[actix_web::test]
    async fn a_dialect_without_the_event_metadata_never_gets_it_whatever_the_client_sends() {
        // All of it is in memory, so that the recording's pauses cost nothing.
        tokio::time::pause();
        assert_eq!(begun(&ChatCompletions, "event").await, "event: metadata\n");
        assert_eq!(begun(&ChatCompletions, "no").await, r#"{"error":{"messa"#);
        for value in ["event", "EVENT", "no"] {
            assert_eq!(
                begun(&Strict, value).await,
                r#"data: {"id":"cha"#,
                "{value}"
            );
        }
    }
}
