//! The OpenAI dialect: `/v1/chat/completions` and `/v1/models`.

mod chat_completions;
mod error;
mod failure;
mod models;
mod parts;
mod request;

use std::sync::Arc;

use actix_web::{HttpRequest, web};

pub(crate) use chat_completions::create_completion;
pub(crate) use failure::Failure;
pub(crate) use models::{list_models, retrieve_model};

pub use error::OpenAiDialect;
pub use request::parse_request;

use crate::{
    auth::authenticate, error::GatewayError, settings::VerifiedSettings, startup::Gateway,
};

/// Finds the gateway that is mounted here, takes the settings that this request keeps to its end,
/// and lets the caller in or not.
fn admit(request: &HttpRequest) -> Result<(web::Data<Gateway>, Arc<VerifiedSettings>), Failure> {
    let gateway = request
        .app_data::<web::Data<Gateway>>()
        .ok_or(GatewayError::NotMounted)?
        .clone();
    let settings = gateway.settings();
    authenticate(&settings.auth, request.headers())?;
    if gateway.drain().has_begun() {
        return Err(GatewayError::Draining.into());
    }
    Ok((gateway, settings))
}
