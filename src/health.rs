//! Whether the process lives, and whether it may be sent requests.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::{
    dialects::openai::Failure,
    error::{RequestError, respond},
    startup::Gateway,
};

/// `GET /health/live`: the process answers.
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "live" }))
}

/// `GET /health/ready`: 503 once the shutdown has begun, so that no new requests are sent here.
pub(crate) async fn ready(request: HttpRequest) -> HttpResponse {
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

/// Any other method on either path. Like the probes themselves it leaves no line in the log.
pub(crate) async fn wrong_method(request: HttpRequest) -> Result<HttpResponse, Failure> {
    Err(RequestError::wrong_method(&request, "GET").into())
}
