//! What can be wrong with a request.

use std::{borrow::Cow, str::Utf8Error, time::Duration};

use actix_web::HttpRequest;
use humantime::format_duration;

use crate::{
    completion::WireFormat, dialects::sourcegraph::client_gate::ClientError, providers::ProviderId,
    translation::Losses,
};

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The body is no UTF-8.
    #[error("the request body is not valid UTF-8 at line {line} column {column}")]
    NotUtf8 {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
    },
    /// The body is no JSON object.
    #[error("the request body is not valid JSON: {reason} at line {line} column {column}")]
    Malformed {
        /// What the parser says, without its place.
        reason: String,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A field has another type or range.
    #[error("`{param}` must be {wanted}")]
    Field {
        /// Its name, or its path such as `messages[2].content`.
        param: Cow<'static, str>,
        /// What it should be.
        wanted: Cow<'static, str>,
    },
    /// A field that Herald acts on stands there more than once.
    #[error("`{param}` must not be repeated")]
    Repeated {
        /// Its name.
        param: &'static str,
    },
    /// The model's provider has no API for what is asked, and it cannot be translated.
    #[error("{format} is not available for this model: its provider `{provider}` has none")]
    NotServed {
        /// What was asked for.
        format: WireFormat,
        /// The provider.
        provider: ProviderId,
    },
    /// A request would lose parts on its way, and the settings forbid that.
    #[error(
        "the model's provider cannot be told {lost}, and its settings (models.strict) let nothing be lost"
    )]
    WouldLose {
        /// What.
        lost: Losses,
    },
    /// There is no model.
    #[error("the request names no model: `model` must be one of those that GET /v1/models lists")]
    ModelMissing,
    /// The settings define no such model.
    #[error("the model `{0}` does not exist: GET /v1/models lists those that do")]
    ModelUnknown(String),
    /// The caller's key may not use this model.
    #[error("this API key may not use the model `{0}`: GET /v1/models lists those that it may")]
    ModelNotAllowed(String),
    /// A web page of another origin sends this, where no key is asked for.
    #[error(
        "a web page of another origin sends this: it may if its origin is among cors.origins, or if keys are asked for"
    )]
    ForeignPage,
    /// The body is larger than `server.max_body_bytes`.
    #[error("the request body is larger than {limit} bytes (server.max_body_bytes)")]
    BodyTooLarge {
        /// The setting.
        limit: usize,
    },
    /// The body did not arrive within `server.request_body`.
    #[error("the request body did not arrive within {} (server.request_body)", format_duration(*.0))]
    BodyTimeout(Duration),
    /// The body could not be read.
    #[error("the request body could not be read to its end")]
    BodyBroken,
    /// The body is compressed.
    #[error("the request body has a content-encoding: send it without one")]
    BodyEncoded,
    /// A header that Herald acts on cannot be read.
    #[error("the header `{name}` must be {wanted}")]
    Header {
        /// Its name.
        name: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// No such version of Sourcegraph's API.
    #[error("Unsupported API Version (Please update your client)")]
    ApiVersionUnknown,
    /// A client of Sourcegraph's API that is not let in.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// No such path.
    #[error(
        "there is nothing at {0}: completions are at POST /v1/chat/completions, models at GET /v1/models"
    )]
    PathUnknown(String),
    /// The path takes another method.
    #[error("{path} does not take {method}: use {allowed}")]
    MethodNotAllowed {
        /// The path.
        path: String,
        /// What was used.
        method: String,
        /// What it takes.
        allowed: &'static str,
    },
}

impl RequestError {
    /// From what the UTF-8 check says of `body`.
    #[must_use]
    pub fn not_utf8(body: &[u8], error: Utf8Error) -> Self {
        let before = String::from_utf8_lossy(&body[..error.valid_up_to()]);
        let line_begins = before.rfind('\n').map_or(0, |at| at + 1);
        Self::NotUtf8 {
            line: before.matches('\n').count() + 1,
            column: before[line_begins..].chars().count() + 1,
        }
    }

    /// From what the JSON parser says.
    #[must_use]
    pub fn malformed(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let reason = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        Self::Malformed {
            reason,
            line: error.line(),
            column: error.column(),
        }
    }

    /// No such model; of a long name only its beginning is told.
    #[must_use]
    pub fn unknown_model(name: &str) -> Self {
        Self::ModelUnknown(shortened(name))
    }

    /// A model that the caller's key may not use.
    #[must_use]
    pub fn model_not_allowed(name: &str) -> Self {
        Self::ModelNotAllowed(shortened(name))
    }

    /// No such path; of a long one only its beginning is told.
    #[must_use]
    pub fn unknown_path(path: &str) -> Self {
        Self::PathUnknown(shortened(path))
    }

    /// The path of a request takes another method.
    #[must_use]
    pub fn wrong_method(request: &HttpRequest, allowed: &'static str) -> Self {
        Self::MethodNotAllowed {
            path: shortened(request.path()),
            method: shortened(request.method().as_str()),
            allowed,
        }
    }

    /// A field of another type or range.
    #[must_use]
    pub fn field(
        param: impl Into<Cow<'static, str>>,
        wanted: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Field {
            param: param.into(),
            wanted: wanted.into(),
        }
    }

    /// The same error, of a field that stands inside another.
    #[must_use]
    pub fn of(self, path: &'static str) -> Self {
        match self {
            Self::Field { wanted, .. } => Self::field(path, wanted),
            Self::Repeated { .. } => Self::Repeated { param: path },
            other => other,
        }
    }

    /// The same error, under the client's own name for the field that we call `ours`.
    #[must_use]
    pub fn renamed(self, ours: &str, own: &'static str) -> Self {
        match self {
            Self::Field { param, wanted } if param == ours => Self::field(own, wanted),
            other => other,
        }
    }

    /// The field at fault, where it is one.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Field { param, .. } => Some(param),
            Self::Repeated { param } => Some(param),
            Self::WouldLose { lost } => lost.names().first().map(String::as_str),
            Self::ModelMissing | Self::ModelUnknown(_) | Self::ModelNotAllowed(_) => Some("model"),
            _ => None,
        }
    }

    /// The code under which clients and logs know it.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::NotUtf8 { .. } | Self::Malformed { .. } => "invalid_json",
            Self::Field { .. } | Self::Repeated { .. } => "invalid_value",
            Self::NotServed { .. } => "unsupported_endpoint",
            Self::WouldLose { .. } => "unsupported_parameter",
            Self::ModelMissing | Self::ModelUnknown(_) => "model_not_found",
            Self::ModelNotAllowed(_) => "model_not_allowed",
            Self::ForeignPage => "foreign_page",
            Self::BodyTooLarge { .. } => "request_too_large",
            Self::BodyTimeout(_) => "request_timeout",
            Self::BodyBroken => "request_incomplete",
            Self::BodyEncoded => "unsupported_content_encoding",
            Self::Header { .. } => "invalid_header",
            Self::ApiVersionUnknown => "unsupported_api_version",
            Self::Client(_) => "unsupported_client",
            Self::PathUnknown(_) => "unknown_url",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
        }
    }
}

/// A caller's word as an error repeats it: without control characters, 256 characters at most.
fn shortened(word: &str) -> String {
    const MOST: usize = 256;
    let mut shown = word.chars().filter(|char| !char.is_control());
    let mut short: String = shown.by_ref().take(MOST).collect();
    if shown.next().is_some() {
        short.push('…');
    }
    short
}
