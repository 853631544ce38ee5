//! Whether the process lives, and whether it may be sent requests; on both listeners.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::{
    error::respond, middleware::record_of, openapi, readiness::ReadinessReport, startup::Gateway,
    telemetry::request_record::Outcome,
};

/// Whether the process answers.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = openapi::HEALTH,
    responses((status = 200, description = "It does", body = Object))
)]
pub(crate) async fn live(request: HttpRequest) -> HttpResponse {
    record_of(&request).conclude(Outcome::Probed);
    HttpResponse::Ok().json(json!({ "status": "live" }))
}

/// Whether requests may be sent here.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = openapi::HEALTH,
    responses(
        (status = 200, description = "They may", body = ReadinessReport),
        (status = 503, description = "They may not, and why", body = ReadinessReport)
    )
)]
pub(crate) async fn ready(request: HttpRequest) -> HttpResponse {
    record_of(&request).conclude(Outcome::Probed);
    let Some(gateway) = request.app_data::<web::Data<Gateway>>() else {
        return not_ready().json(json!({ "status": "not_mounted" }));
    };
    let readiness = gateway.readiness();
    match readiness.is_ready() {
        true => HttpResponse::Ok().json(readiness.report()),
        false => not_ready().json(readiness.report()),
    }
}

fn not_ready() -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::ServiceUnavailable();
    response.insert_header(respond::retry_after(1));
    response
}
