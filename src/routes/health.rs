//! Whether the process lives, and whether it may be sent requests.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::{
    error::respond, middleware::record_of, startup::Gateway, telemetry::request_record::Outcome,
};

/// `GET /health/live`: the process answers.
pub(super) async fn live(request: HttpRequest) -> HttpResponse {
    record_of(&request).conclude(Outcome::Probed);
    HttpResponse::Ok().json(json!({ "status": "live" }))
}

/// `GET /health/ready`: 503 once the shutdown has begun, so that no new requests are sent here.
pub(super) async fn ready(request: HttpRequest) -> HttpResponse {
    record_of(&request).conclude(Outcome::Probed);
    match request.app_data::<web::Data<Gateway>>() {
        Some(gateway) if !gateway.drain().has_begun() => {
            HttpResponse::Ok().json(json!({ "status": "ready" }))
        }
        Some(_) => not_ready("draining"),
        None => not_ready("not mounted"),
    }
}

fn not_ready(status: &str) -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .insert_header(respond::retry_after(1))
        .json(json!({ "status": status }))
}
