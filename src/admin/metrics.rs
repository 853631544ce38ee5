//! The metrics, for a scraper.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCEPT, CONTENT_TYPE},
    web,
};

use crate::{startup::Gateway, telemetry::metrics::TextFormat};

/// `GET /metrics`: Prometheus text, or OpenMetrics for a scraper that accepts it.
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
