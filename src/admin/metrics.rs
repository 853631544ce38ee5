//! The metrics, for a scraper.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCEPT, CONTENT_TYPE},
    web,
};

use crate::{openapi, startup::Gateway, telemetry::metrics::TextFormat};

/// The metrics, as Prometheus text or, for a scraper that accepts it, as OpenMetrics.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = openapi::ADMIN,
    responses((
        status = 200,
        description = "All families of docs/metrics.md",
        content((String = "text/plain"), (String = "application/openmetrics-text"))
    ))
)]
pub(super) async fn read_metrics(
    request: HttpRequest,
    gateway: web::Data<Gateway>,
) -> HttpResponse {
    let accept = request.headers().get(ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    let format = TextFormat::accepted_by(accept.unwrap_or_default());
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, format.content_type()))
        .body(gateway.metrics_text(format))
}
