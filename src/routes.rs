//! The routes, one line each; what is asked there stands in the module of its name.

mod admission;
mod completions;
mod failure;
pub(crate) mod health;
mod models;
mod request_body;
mod sourcegraph;

use actix_web::{
    HttpRequest, HttpResponse, Route,
    dev::HttpServiceFactory,
    http::header::HeaderName,
    middleware::from_fn,
    web::{self, ServiceConfig},
};
use utoipa::OpenApi;

pub(crate) use failure::Failure;

use crate::{
    dialects::{
        Dialect,
        anthropic::{self, CountTokens, Messages},
        openai::{self, ChatCompletions, Completions, Embeddings, Responses},
        sourcegraph::{self as cody, LlmChatCompletions},
    },
    error::RequestError,
    middleware::{let_go_of_unread_body, record_request, share_with_origins},
    startup::Worker,
};

/// The part of the API's description that the public listener has.
#[derive(OpenApi)]
#[openapi(
    paths(
        openai::api::create_chat_completion,
        openai::api::create_completion,
        openai::api::create_response,
        openai::api::create_embeddings,
        anthropic::api::create_message,
        anthropic::api::count_message_tokens,
        models::list_models,
        models::retrieve_model,
        openai::api::create_llm_chat_completion,
        models::list_llm_models,
        models::retrieve_qualified_model,
        cody::api::create_chat,
        cody::api::create_code,
        sourcegraph::supported_models,
        sourcegraph::client_config,
        health::live,
        health::ready
    ),
    components(schemas(openai::ErrorBody<'static>, anthropic::ErrorBody<'static>))
)]
pub(crate) struct PublicApi;

/// Mounts Herald in any actix `App` that holds a `web::Data<Gateway>`.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use actix_web::{App, HttpServer, web};
///
/// use herald::{Gateway, settings::{ProcessEnvironment, Settings}};
///
/// let settings = Settings::load_from_process(None)?.verify(&ProcessEnvironment)?;
/// let gateway = Gateway::new(settings);
/// let server = HttpServer::new(move || {
///     App::new().app_data(web::Data::new(gateway.clone())).configure(herald::configure)
/// })
/// // Without these two a client who leaves is noticed late, and events are sent late.
/// .h1_allow_half_closed(false)
/// .tcp_nodelay(true);
/// # Ok(()) }
/// ```
///
/// Serve it over HTTP/1.1 with `h1_allow_half_closed(false)`: with actix's default, and with HTTP/2
/// always, a client who leaves is not noticed until the next event is written to it, and the
/// provider's stream stays open until then. `herald serve` does so, and adds a listening socket on
/// which `clocks.client_write` also frees a connection whose reader has stalled. It also sets
/// `client_disconnect_timeout` to 1 ms: for that long, 1 s by default, actix reads whatever comes behind
/// an answer that did not wait for its request's body, when Herald has let go of it.
///
/// CORS comes with the routes: `cors.origins` holds for Herald's own and for no other of the app. An
/// app that wraps all of itself in a CORS layer leaves `cors.origins` empty and says in that layer
/// which headers are exposed. Which pages may post is the app's to say too, where no key is asked for.
pub fn configure(app: &mut ServiceConfig) {
    app.app_data(Worker::default())
        .service(spoken(&ChatCompletions))
        .service(spoken(&Completions))
        .service(spoken(&Responses))
        .service(spoken(&Embeddings))
        .service(spoken(&Messages))
        .service(spoken(&CountTokens))
        .service(resource(
            "/v1/models",
            "GET",
            web::get().to(models::list_models),
            None,
        ))
        .service(resource(
            "/v1/models/{id:.+}",
            "GET",
            web::get().to(models::retrieve_model),
            None,
        ))
        .service(resource(
            "/health/live",
            "GET",
            web::get().to(health::live),
            None,
        ))
        .service(completions_of_cody(
            "/.api/completions/stream",
            cody::Completions::chat,
        ))
        .service(completions_of_cody(
            "/.api/completions/code",
            cody::Completions::code,
        ))
        .service(spoken_at("/.api/llm/chat/completions", &LlmChatCompletions))
        .service(resource(
            "/.api/llm/models",
            "GET",
            web::get().to(models::list_llm_models),
            None,
        ))
        .service(resource(
            "/.api/llm/models/{id:.+}",
            "GET",
            web::get().to(models::retrieve_qualified_model),
            None,
        ))
        .service(resource(
            "/.api/modelconfig/supported-models.json",
            "GET",
            web::get().to(sourcegraph::supported_models),
            None,
        ))
        .service(resource(
            "/.api/client-config",
            "GET",
            web::get().to(sourcegraph::client_config),
            None,
        ))
        .service(resource(
            "/health/ready",
            "GET",
            web::get().to(health::ready),
            None,
        ));
}

/// Where a dialect is spoken.
fn spoken(dialect: &'static dyn Dialect) -> impl HttpServiceFactory + use<> + 'static {
    spoken_at(dialect.format().path(), dialect)
}

/// A dialect at another path than its format's owner has it.
fn spoken_at(
    path: &str,
    dialect: &'static dyn Dialect,
) -> impl HttpServiceFactory + use<> + 'static {
    let create = web::post()
        .to(move |request, payload| completions::create_completion(dialect, request, payload));
    resource(path, "POST", create, Some(dialect))
}

/// Where Cody asks for completions; the query names the dialect's version.
fn completions_of_cody(
    path: &str,
    of_version: fn(u8) -> Option<&'static cody::Completions>,
) -> impl HttpServiceFactory + use<> + 'static {
    let create = web::post()
        .to(move |request, payload| sourcegraph::create_completion(of_version, request, payload));
    resource(path, "POST", create, Some(cody::any_version()))
}

/// A path that takes one method and refuses the others, in its own dialect where it has one.
fn resource(
    path: &str,
    allowed: &'static str,
    route: Route,
    dialect: Option<&'static dyn Dialect>,
) -> impl HttpServiceFactory + use<> + 'static {
    let refuse = move |request: HttpRequest| async move {
        let dialect = dialect.unwrap_or_else(|| dialect_of(&request));
        refused(dialect, RequestError::wrong_method(&request, allowed))
    };
    web::resource(path)
        .route(route)
        .default_service(web::to(refuse))
        .wrap(from_fn(record_request))
        .wrap(from_fn(share_with_origins))
        .wrap(from_fn(let_go_of_unread_body))
}

/// Answers what no route takes; only where Herald has the server for itself.
pub(crate) fn unknown_path() -> impl HttpServiceFactory + use<> + 'static {
    let refuse = async |request: HttpRequest| {
        refused(
            dialect_of(&request),
            RequestError::unknown_path(request.path()),
        )
    };
    web::resource("{path:.*}")
        .default_service(web::to(refuse))
        .wrap(from_fn(record_request))
        .wrap(from_fn(share_with_origins))
        .wrap(from_fn(let_go_of_unread_body))
}

fn refused(dialect: &'static dyn Dialect, error: RequestError) -> Result<HttpResponse, Failure> {
    Err(Failure::new(dialect, error))
}

/// Which API's version a client expects; Anthropic's SDKs send it with every request.
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// Whether a client of a path that no dialect has for itself speaks Anthropic's.
fn speaks_anthropic(request: &HttpRequest) -> bool {
    request.headers().contains_key(ANTHROPIC_VERSION)
}

/// In which dialect such a client is told of an error.
fn dialect_of(request: &HttpRequest) -> &'static dyn Dialect {
    let path = request.path();
    if path.starts_with("/.api/") && !path.starts_with("/.api/llm/") {
        cody::any_version()
    } else if speaks_anthropic(request) {
        &Messages
    } else {
        &ChatCompletions
    }
}
