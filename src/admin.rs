//! The listener for whoever runs Herald: health, metrics, the open streams, the targets, the settings.
//!
//! It has a thread of its own, so that it answers however busy the workers are, and it lives through
//! the drain to the very end. `docs/admin.md` says what it offers.

mod guard;
mod metrics;
mod openapi;
mod pace;
mod problem;
mod server;
mod streams;
mod targets;

use actix_web::{
    HttpRequest, HttpResponse, Route,
    dev::HttpServiceFactory,
    middleware::from_fn,
    web::{self, ServiceConfig},
};
use utoipa::OpenApi;

pub(crate) use problem::Problem;
pub(crate) use server::{AdminServer, bind};

use crate::{
    reload::{self, SettingsControl},
    routes::health,
};

/// The part of the API's description that this listener alone has.
#[derive(OpenApi)]
#[openapi(
    paths(
        metrics::read_metrics,
        openapi::read_openapi,
        streams::list_streams,
        streams::cancel_stream,
        targets::list_targets
    ),
    components(schemas(problem::ProblemBody))
)]
pub(crate) struct AdminApi;

/// Largest request body that the listener takes, in bytes; only settings to validate may be larger.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;

/// The routes. Health is asked for without a token, as probes have none. Those under `/settings` are
/// there where `control` is.
fn configure(app: &mut ServiceConfig, control: Option<&SettingsControl>) {
    app.service(resource("/health/live", "GET", web::get().to(health::live)))
        .service(resource(
            "/health/ready",
            "GET",
            web::get().to(health::ready),
        ))
        .service(
            web::scope("")
                .service(resource(
                    "/metrics",
                    "GET",
                    web::get().to(metrics::read_metrics),
                ))
                .service(resource(
                    "/streams",
                    "GET",
                    web::get().to(streams::list_streams),
                ))
                .service(resource(
                    "/streams/{id}",
                    "DELETE",
                    web::delete().to(streams::cancel_stream),
                ))
                .service(resource(
                    "/targets",
                    "GET",
                    web::get().to(targets::list_targets),
                ))
                .service(resource(
                    "/openapi.json",
                    "GET",
                    web::get().to(openapi::read_openapi),
                ))
                .configure(|scope| {
                    if let Some(control) = control {
                        scope.app_data(web::Data::new(control.clone()));
                        reload::routes::configure(scope);
                    }
                })
                .default_service(web::to(unknown_path))
                .wrap(from_fn(guard::require_token)),
        );
}

/// A path that takes one method and refuses the others.
fn resource(
    path: &str,
    allowed: &'static str,
    route: Route,
) -> impl HttpServiceFactory + use<> + 'static {
    let refuse =
        move || async move { Err::<HttpResponse, _>(Problem::MethodNotAllowed { allowed }) };
    web::resource(path)
        .route(route)
        .default_service(web::to(refuse))
}

async fn unknown_path(_: HttpRequest) -> Result<HttpResponse, Problem> {
    Err(Problem::PathUnknown)
}
