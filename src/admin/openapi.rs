//! The description of both APIs, for tools.

use actix_web::{HttpResponse, http::header::ContentType};

use crate::openapi;

/// This description, as OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = openapi::ADMIN,
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub(super) async fn read_openapi() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::json())
        .body(openapi::document())
}
