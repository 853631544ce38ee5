//! The routes under `/settings`, for whoever mounts them behind a door of their own.

mod answers;

use actix_web::{
    HttpRequest, HttpResponse, Route,
    dev::HttpServiceFactory,
    http::header::{ALLOW, HeaderValue, IF_MATCH},
    web::{self, Data, Payload, Query, ServiceConfig},
};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::{
    SettingsControl,
    generation::{Generation, Trigger},
    messages::{IfMatch, ReloadSettings, Reloaded, RollbackSettings, ValidateSettings, Validated},
};
use answers::{EffectiveView, HistoryView, PROBLEM_JSON, Problem, StatusView, answered, tagged};

/// Where settings are validated: the one path that reads a body.
pub(crate) const VALIDATE: &str = "/settings/validate";

/// Largest body of a validation: as large as a settings file may be.
pub(crate) const MAX_BODY_BYTES: usize = 16 << 20;

/// Mounts the routes. The app holds a `Data<SettingsControl>`, and lets nobody through to them who
/// may not change the settings: here is no access control.
pub fn configure(app: &mut ServiceConfig) {
    app.service(resource("/settings", "GET", web::get().to(get_settings)))
        .service(resource(
            "/settings/status",
            "GET",
            web::get().to(get_status),
        ))
        .service(resource(
            "/settings/history",
            "GET",
            web::get().to(get_history),
        ))
        .service(resource("/settings/reload", "POST", web::post().to(reload)))
        .service(resource(VALIDATE, "POST", web::post().to(validate)))
        .service(resource(
            "/settings/rollback",
            "POST",
            web::post().to(rollback),
        ));
}

/// A path that takes one method and refuses the others.
fn resource(
    path: &str,
    allowed: &'static str,
    route: Route,
) -> impl HttpServiceFactory + use<> + 'static {
    let refuse = move || async move {
        let mut refused = HttpResponse::from(Problem::method_not_allowed(allowed));
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static(allowed));
        refused
    };
    web::resource(path)
        .route(route)
        .default_service(web::to(refuse))
}

/// What these routes say of themselves in OpenAPI's words.
#[derive(Debug, OpenApi)]
#[openapi(paths(get_settings, get_status, get_history, reload, validate, rollback))]
pub struct SettingsApi;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReloadQuery {
    /// Whether the rest is taken when something needs a restart.
    #[serde(default)]
    allow_partial: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RollbackQuery {
    /// The generation to go back to. Absent: the one before the current; `If-Match` must then say
    /// which is the current one.
    to: Option<u64>,
}

/// The settings in force: every value, defaults included, and where it was written.
///
/// Secrets are references, and hashes of keys and values of headers are not shown.
#[utoipa::path(
    get,
    path = "/settings",
    tag = crate::openapi::ADMIN,
    responses((status = 200, description = "The settings in force", body = EffectiveView))
)]
async fn get_settings(control: Data<SettingsControl>) -> HttpResponse {
    // The snapshot first: the status may be a generation behind it, and never the other way round.
    let settings = control.gateway().settings();
    let generation = Generation::etag_of(settings.generation, settings.effective.content_hash());
    tagged(
        &generation,
        &EffectiveView {
            generation: settings.generation,
            content_hash: settings.effective.content_hash().to_owned(),
            settings: settings.effective.to_json(),
            origins: settings.effective.origins(),
        },
    )
}

/// How changing the settings goes: what is in force, what was refused and why, what waits for a
/// restart, and how many completions still run under each generation.
#[utoipa::path(
    get,
    path = "/settings/status",
    tag = crate::openapi::ADMIN,
    responses((status = 200, description = "The status", body = StatusView))
)]
async fn get_status(control: Data<SettingsControl>) -> HttpResponse {
    let status = control.status();
    tagged(
        &status.generation.etag(),
        &StatusView {
            streams_by_generation: control.gateway().streams_by_generation(),
            status: (*status).clone(),
        },
    )
}

/// The generations that are kept, the oldest first and the current one last.
#[utoipa::path(
    get,
    path = "/settings/history",
    tag = crate::openapi::ADMIN,
    responses((status = 200, description = "The generations", body = HistoryView))
)]
async fn get_history(control: Data<SettingsControl>) -> HttpResponse {
    let status = control.status();
    let generations = status.history.clone();
    tagged(&status.generation.etag(), &HistoryView { generations })
}

/// Reads the settings anew and takes them, whole or not at all.
#[utoipa::path(
    post,
    path = "/settings/reload",
    tag = crate::openapi::ADMIN,
    params(
        ReloadQuery,
        ("If-Match" = String, Header, description = "The ETag of the settings that must be in force")
    ),
    responses(
        (status = 200, description = "They are in force", body = Reloaded),
        (status = 400, description = "The query is wrong", body = Problem, content_type = PROBLEM_JSON),
        (status = 409, description = "Something needs a restart", body = Problem, content_type = PROBLEM_JSON),
        (status = 412, description = "Other settings are in force", body = Problem, content_type = PROBLEM_JSON),
        (status = 422, description = "They are refused", body = Problem, content_type = PROBLEM_JSON),
        (status = 503, description = "Herald is being stopped", body = Problem, content_type = PROBLEM_JSON),
    )
)]
async fn reload(request: HttpRequest, control: Data<SettingsControl>) -> HttpResponse {
    let query = match query::<ReloadQuery>(&request) {
        Ok(query) => query,
        Err(problem) => return problem.into(),
    };
    let reload = ReloadSettings {
        trigger: Trigger::Admin,
        if_match: if_match(&request),
        allow_partial: query.allow_partial,
    };
    answered(control.send(reload).await)
}

/// Says what would come of settings, and takes nothing. The body is the text of a settings file;
/// without one, the file on disk is looked at.
#[utoipa::path(
    post,
    path = "/settings/validate",
    tag = crate::openapi::ADMIN,
    request_body(content = Option<String>, content_type = "application/toml"),
    responses(
        (status = 200, description = "They would be taken", body = Validated),
        (status = 400, description = "The body broke off or is not UTF-8", body = Problem, content_type = PROBLEM_JSON),
        (status = 413, description = "The body is larger than 16 MiB", body = Problem, content_type = PROBLEM_JSON),
        (status = 422, description = "They would be refused", body = Problem, content_type = PROBLEM_JSON),
        (status = 503, description = "Herald is being stopped", body = Problem, content_type = PROBLEM_JSON),
    )
)]
async fn validate(payload: Payload, control: Data<SettingsControl>) -> HttpResponse {
    let body = match payload.to_bytes_limited(MAX_BODY_BYTES).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return Problem::bad_request("the body broke off").into(),
        Err(_) => return Problem::too_large(MAX_BODY_BYTES).into(),
    };
    let Ok(toml) = String::from_utf8(body.into()) else {
        return Problem::bad_request("the body is not UTF-8").into();
    };
    let toml = Some(toml).filter(|toml| !toml.is_empty());
    answered(control.send(ValidateSettings { toml }).await)
}

/// Takes the settings of an earlier generation again, as a new generation.
///
/// The file is left alone: when it changes, or is loaded anew, it is taken again.
#[utoipa::path(
    post,
    path = "/settings/rollback",
    tag = crate::openapi::ADMIN,
    params(
        RollbackQuery,
        ("If-Match" = String, Header, description = "The ETag of the settings that must be in force; required without `to`")
    ),
    responses(
        (status = 200, description = "They are in force", body = Reloaded),
        (status = 400, description = "The query is wrong", body = Problem, content_type = PROBLEM_JSON),
        (status = 404, description = "That generation is not kept", body = Problem, content_type = PROBLEM_JSON),
        (status = 409, description = "There is no generation before the current one", body = Problem, content_type = PROBLEM_JSON),
        (status = 412, description = "Other settings are in force", body = Problem, content_type = PROBLEM_JSON),
        (status = 422, description = "They are refused, as when a secret is gone", body = Problem, content_type = PROBLEM_JSON),
        (status = 428, description = "Neither `to` nor `If-Match` was said", body = Problem, content_type = PROBLEM_JSON),
        (status = 503, description = "Herald is being stopped", body = Problem, content_type = PROBLEM_JSON),
    )
)]
async fn rollback(request: HttpRequest, control: Data<SettingsControl>) -> HttpResponse {
    let query = match query::<RollbackQuery>(&request) {
        Ok(query) => query,
        Err(problem) => return problem.into(),
    };
    let if_match = if_match(&request);
    if query.to.is_none() && if_match.is_none() {
        // Repeated, it would swap two generations back and forth.
        return Problem::precondition_required().into();
    }
    let to = query.to;
    answered(control.send(RollbackSettings { to, if_match }).await)
}

fn query<Q: serde::de::DeserializeOwned>(request: &HttpRequest) -> Result<Q, Problem> {
    let query = Query::from_query(request.query_string());
    query.map(Query::into_inner).map_err(|_| {
        Problem::bad_request("the query has a parameter or a value that is not known here")
    })
}

/// All fields of the name, as one list (RFC 9110 section 5.3). A weak tag matches nothing, as it must.
fn if_match(request: &HttpRequest) -> Option<IfMatch> {
    let mut fields = request.headers().get_all(IF_MATCH).peekable();
    fields.peek()?;
    let mut tags = Vec::new();
    for field in fields {
        for tag in field.to_str().unwrap_or_default().split(',').map(str::trim) {
            if tag == "*" {
                return Some(IfMatch::Any);
            }
            tags.push(tag.to_owned());
        }
    }
    Some(IfMatch::Tags(tags))
}

#[cfg(test)]
mod tests;
