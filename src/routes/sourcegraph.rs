//! What Cody asks of an instance of Sourcegraph: completions, and what it must know before it asks.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    body::to_bytes,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderName, HeaderValue},
    },
    web,
};

use super::{
    Failure,
    admission::{Admitted, admit, admit_completion},
    completions,
};
use crate::{
    dialects::{
        Dialect,
        sourcegraph::{self, ClientConfig, Completions, SupportedModels, client_gate::Asked},
    },
    error::{GatewayError, HeraldError, RequestError},
    limits::LimitError,
    middleware::record_of,
    openapi,
    settings::{ClientKey, StreamErrors},
};

/// Whether who asks has paid, so that Cody offers no upgrade at a limit.
const X_IS_CODY_PRO_USER: HeaderName = HeaderName::from_static("x-is-cody-pro-user");

/// The label of a key that says so.
const PRO_LABEL: &str = "cody_pro";

/// Answers with a completion in the version of the API that the query names.
///
/// The caller's key comes first, as everywhere in Herald; then as Sourcegraph has it: the version, the
/// client, the body, the model, the limits.
pub(super) async fn create_completion(
    of_version: fn(u8) -> Option<&'static Completions>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let admitted = admit_completion(&request)
        .map_err(|error| Failure::of_completion(sourcegraph::any_version(), &request, error))?;
    let settings = Arc::clone(&admitted.settings);
    let about = about_limits(admitted.key.as_deref());
    let dialect = dialect(of_version, &request, &admitted).map_err(told)?;
    let answered = completions::answer(dialect, &request, payload, admitted).await;
    let mut response = answered.map_err(|error| {
        let mut headers = Vec::new();
        if let HeraldError::Limit(LimitError::Exceeded(exceeded)) = &error {
            headers = exceeded.plain_headers();
            headers.extend(about.clone());
        }
        Failure::of_completion(dialect, &request, error).with_headers(headers)
    })?;
    if response.status() == StatusCode::TOO_MANY_REQUESTS {
        if let Some((name, value)) = about {
            response.headers_mut().insert(name, value);
        }
    } else if response.status().is_client_error() || response.status().is_server_error() {
        let is_stream = record_of(&request).is_stream();
        if is_stream && settings.sourcegraph.stream_errors == StreamErrors::Event {
            return as_events(response).await.map_err(told);
        }
    }
    Ok(response)
}

/// An error that Herald's own statuses and no version of the API has to do with.
fn told(error: impl Into<HeraldError>) -> Failure {
    Failure::new(sourcegraph::any_version(), error)
}

fn dialect(
    of_version: fn(u8) -> Option<&'static Completions>,
    request: &HttpRequest,
    admitted: &Admitted,
) -> Result<&'static dyn Dialect, RequestError> {
    let asked = Asked::read(request.query_string());
    let dialect = of_version(asked.api_version()?).ok_or(RequestError::ApiVersionUnknown)?;
    asked.let_in(&admitted.settings.sourcegraph.client_versions)?;
    Ok(dialect)
}

/// What a key's labels say to Cody at a limit: it offers an upgrade at the word `false` and no other.
fn about_limits(key: Option<&ClientKey>) -> Option<(HeaderName, HeaderValue)> {
    let value = match key?.labels.get(PRO_LABEL)?.as_str() {
        "true" => "true",
        "false" => "false",
        _ => return None,
    };
    Some((X_IS_CODY_PRO_USER, HeaderValue::from_static(value)))
}

/// The same error as clients of before 2024 expect it: a stream that begins with it.
async fn as_events(response: HttpResponse) -> Result<HttpResponse, GatewayError> {
    let (mut head, body) = response.into_parts();
    let text = to_bytes(body).await.map_err(|_| GatewayError::Internal)?;
    let mut stream = String::new();
    for event in sourcegraph::error_events(String::from_utf8_lossy(&text).trim_end()) {
        let name = event.event.unwrap_or_default();
        stream.push_str(&format!("event: {name}\ndata: {}\n\n", event.data));
    }
    *head.status_mut() = StatusCode::OK;
    let stream_type = HeaderValue::from_static("text/event-stream");
    head.headers_mut().insert(CONTENT_TYPE, stream_type);
    Ok(head.set_body(stream).map_into_boxed_body())
}

/// Tells which models the caller may use, in Sourcegraph's shape.
#[utoipa::path(
    get,
    path = "/.api/modelconfig/supported-models.json",
    tag = openapi::SOURCEGRAPH,
    responses((status = 200, description = "The models", body = SupportedModels<'static>))
)]
pub(super) async fn supported_models(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let admitted = admit(&request).map_err(told)?;
    let settings = &admitted.settings;
    let models = settings.models.iter().map(|model| &**model);
    let models = models.filter(|model| admitted.may_use(model));
    let told = SupportedModels::new(models, &settings.sourcegraph, settings.generation);
    Ok(HttpResponse::Ok().json(told))
}

/// Tells what Herald can do of what Cody can use.
#[utoipa::path(
    get,
    path = "/.api/client-config",
    tag = openapi::SOURCEGRAPH,
    responses((status = 200, description = "What Herald can do", body = ClientConfig))
)]
pub(super) async fn client_config(request: HttpRequest) -> Result<HttpResponse, Failure> {
    admit(&request).map_err(told)?;
    Ok(HttpResponse::Ok().json(ClientConfig::HERALDS))
}
