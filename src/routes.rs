//! The routes, one line each.

use actix_web::{
    HttpRequest, HttpResponse,
    middleware::from_fn,
    web::{self, ServiceConfig},
};

use crate::{
    dialects::openai::{self, Failure},
    error::RequestError,
    health,
    middleware::record_request,
    startup::Worker,
};

/// Mounts Herald in any actix `App` that holds a `web::Data<Gateway>`.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use actix_web::{App, HttpServer, web};
///
/// let settings = herald::settings::Settings::load_from_process(None)?;
/// let settings = settings.verify(&herald::settings::ProcessEnvironment).map_err(|errors| {
///     errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
/// })?;
/// let gateway = herald::Gateway::new(settings);
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
/// which `clocks.client_write` also frees a connection whose reader has stalled.
pub fn configure(app: &mut ServiceConfig) {
    app.app_data(Worker::default());
    app.service(
        web::resource("/v1/chat/completions")
            .route(web::post().to(openai::create_completion))
            .default_service(web::to(|request| wrong_method(request, "POST")))
            .wrap(from_fn(record_request)),
    );
    app.service(
        web::resource("/v1/models")
            .route(web::get().to(openai::list_models))
            .default_service(web::to(|request| wrong_method(request, "GET")))
            .wrap(from_fn(record_request)),
    );
    app.service(
        web::resource("/v1/models/{id:.+}")
            .route(web::get().to(openai::retrieve_model))
            .default_service(web::to(|request| wrong_method(request, "GET")))
            .wrap(from_fn(record_request)),
    );
    app.service(
        web::resource("/health/live")
            .route(web::get().to(health::live))
            .default_service(web::to(|request| wrong_method(request, "GET")))
            .wrap(from_fn(record_request)),
    );
    app.service(
        web::resource("/health/ready")
            .route(web::get().to(health::ready))
            .default_service(web::to(|request| wrong_method(request, "GET")))
            .wrap(from_fn(record_request)),
    );
}

/// Answers what no route takes; only where Herald has the server for itself.
pub(crate) fn unknown_path() -> actix_web::Resource {
    web::resource("{path:.*}").default_service(web::to(async |request: HttpRequest| {
        Err::<HttpResponse, _>(Failure::from(RequestError::unknown_path(request.path())))
    }))
}

async fn wrong_method(
    request: HttpRequest,
    allowed: &'static str,
) -> Result<HttpResponse, Failure> {
    Err(RequestError::wrong_method(&request, allowed).into())
}
