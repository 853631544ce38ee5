//! What the routes answer: views, and problems (RFC 9457).

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{ETAG, HeaderValue},
    },
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    error::respond,
    reload::{generation::Generation, messages::ReloadError, status::ReloadStatus},
    settings::PendingRestart,
};

/// RFC 9457 section 3.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// `GET /settings`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EffectiveView {
    /// Which settings these are.
    pub(super) generation: u64,
    /// SHA-256 of all that is written.
    pub(super) content_hash: String,
    /// All values, nested as in a settings file.
    #[schema(value_type = Object)]
    pub(super) settings: Value,
    /// Where each value was written, by its key.
    pub(super) origins: BTreeMap<String, String>,
}

/// `GET /settings/status`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatusView {
    #[serde(flatten)]
    pub(super) status: ReloadStatus,
    /// How many completions still run, by the generation that they began under.
    pub(super) streams_by_generation: BTreeMap<u64, usize>,
}

/// `GET /settings/history`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HistoryView {
    /// Oldest first.
    pub(super) generations: Vec<Generation>,
}

/// Why nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The status of the answer.
    status: u16,
    /// A word for programs, such as `settings_refused`.
    code: &'static str,
    /// The same in a sentence.
    title: &'static str,
    /// What happened, in full.
    detail: String,
    /// Everything that is wrong with the settings, as `herald check --format json` tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    diagnostics: Option<Value>,
    /// What needs a restart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    needs_restart: Vec<PendingRestart>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self {
            status: status.as_u16(),
            code,
            title,
            detail: String::new(),
            diagnostics: None,
            needs_restart: Vec::new(),
        }
    }

    fn detail(self, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { detail, ..self }
    }

    /// 400.
    pub(super) fn bad_request(detail: &str) -> Self {
        let title = "The request cannot be understood";
        Self::new(StatusCode::BAD_REQUEST, "bad_request", title).detail(detail)
    }

    /// 405.
    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        let title = "The path takes another method";
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(status, "method_not_allowed", title).detail(format!("use {allowed}"))
    }

    /// 413.
    pub(super) fn too_large(limit: usize) -> Self {
        let title = "The body is too large";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", title)
            .detail(format!("at most {limit} bytes are read"))
    }

    /// 428 (RFC 6585 section 3).
    pub(super) fn precondition_required() -> Self {
        let title = "It must be said which settings are meant";
        let status = StatusCode::PRECONDITION_REQUIRED;
        Self::new(status, "precondition_required", title)
            .detail("name a generation with ?to=, or the current settings' ETag in If-Match")
    }
}

impl From<ReloadError> for Problem {
    fn from(error: ReloadError) -> Self {
        let (status, code, title) = match &error {
            ReloadError::Refused(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "settings_refused",
                "The settings are wrong, and those from before stay in force",
            ),
            ReloadError::NeedsRestart(_) => (
                StatusCode::CONFLICT,
                "needs_restart",
                "Something needs a restart; ?allow_partial=true takes the rest",
            ),
            ReloadError::Precondition { .. } => (
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                "Other settings are in force than If-Match names",
            ),
            ReloadError::UnknownGeneration { .. } => (
                StatusCode::NOT_FOUND,
                "unknown_generation",
                "That generation is not kept",
            ),
            ReloadError::NothingBefore => (
                StatusCode::CONFLICT,
                "nothing_before",
                "There is no generation to go back to",
            ),
            ReloadError::Stopped => (
                StatusCode::SERVICE_UNAVAILABLE,
                "stopped",
                "The settings cannot be changed any more",
            ),
        };
        let mut problem = Self::new(status, code, title).detail(error.to_string());
        match error {
            ReloadError::Refused(found) => problem.diagnostics = Some(found.to_json()),
            ReloadError::NeedsRestart(pending) => problem.needs_restart = pending,
            _ => {}
        }
        problem
    }
}

impl From<Problem> for HttpResponse {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.status).expect("it was made from a status");
        let mut response = HttpResponse::build(status);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header(respond::retry_after(1));
        }
        response
            .content_type(PROBLEM_JSON)
            .body(serde_json::to_vec(&problem).expect("texts and numbers are JSON"))
    }
}

/// What came of a command.
pub(super) fn answered(reply: Result<impl Serialize, ReloadError>) -> HttpResponse {
    match reply {
        Ok(done) => HttpResponse::Ok().json(done),
        Err(error) => Problem::from(error).into(),
    }
}

/// A view of the settings that an entity tag names.
pub(super) fn tagged(etag: &str, view: &impl Serialize) -> HttpResponse {
    let etag = HeaderValue::from_str(etag).expect("digits and hexadecimal digits in quotes");
    HttpResponse::Ok().insert_header((ETAG, etag)).json(view)
}
