//! What every request to an API passes first: the gateway that is mounted here, its settings, its keys.

use std::sync::Arc;

use actix_web::{HttpRequest, web};

use crate::{
    auth::authenticate,
    error::{GatewayError, HeraldError},
    middleware::record_of,
    settings::VerifiedSettings,
    startup::Gateway,
};

/// Takes the settings that this request keeps to its end, and lets the caller in or not.
pub(super) fn admit(
    request: &HttpRequest,
) -> Result<(web::Data<Gateway>, Arc<VerifiedSettings>), HeraldError> {
    let gateway = request
        .app_data::<web::Data<Gateway>>()
        .ok_or(GatewayError::NotMounted)?
        .clone();
    let settings = gateway.settings();
    authenticate(&settings.auth, request.headers())?;
    let running = gateway.drain().enter().ok_or(GatewayError::Draining)?;
    record_of(request).note_running(running);
    Ok((gateway, settings))
}
