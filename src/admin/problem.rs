//! What an operator is told when a request is refused.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{ALLOW, WWW_AUTHENTICATE},
    },
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::respond;

/// Why a request to the admin listener was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// There is no token.
    TokenMissing,
    /// It is not the token.
    TokenWrong,
    /// The peer asks too often, or has shown too many wrong tokens.
    TooMany {
        /// Whole seconds until it may come back.
        retry_after: u64,
    },
    /// A web page of elsewhere sent it.
    ForeignPage,
    /// The body is larger than the path takes.
    BodyTooLarge {
        /// What it takes, in bytes.
        most: u64,
    },
    /// No such path.
    PathUnknown,
    /// The path takes another method.
    MethodNotAllowed {
        /// What it takes, as `Allow` has it.
        allowed: &'static str,
    },
    /// No such stream is open.
    StreamUnknown,
    /// The stream has ended; its client takes what is left.
    StreamEnding,
}

/// The JSON body of a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    /// What went wrong.
    error: ProblemDetail,
}

/// What went wrong, for programs and for people.
#[derive(Debug, Serialize, ToSchema)]
struct ProblemDetail {
    /// For programs; never changes its meaning.
    code: &'static str,
    /// For people.
    message: String,
}

impl Problem {
    /// For programs and metrics; never changes its meaning.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::TokenMissing => "token_missing",
            Self::TokenWrong => "token_wrong",
            Self::TooMany { .. } => "too_many_requests",
            Self::ForeignPage => "foreign_page",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::PathUnknown => "unknown_url",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::StreamUnknown => "unknown_stream",
            Self::StreamEnding => "stream_ending",
        }
    }
}

/// Repeats nothing of the request.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenMissing => f.write_str("no token: send `Authorization: Bearer TOKEN`"),
            Self::TokenWrong => f.write_str("this is not the token of admin.token"),
            Self::TooMany { retry_after } => write!(
                f,
                "too many requests, or too many wrong tokens: come back in {retry_after} s"
            ),
            Self::ForeignPage => f.write_str(
                "web pages of other origins may not use this listener, and without a token it is \
                 asked by its address or as localhost only",
            ),
            Self::BodyTooLarge { most } => write!(f, "the body is larger than {most} bytes"),
            Self::PathUnknown => {
                f.write_str("there is nothing here: GET /openapi.json says what is")
            }
            Self::MethodNotAllowed { allowed } => write!(f, "use {allowed}"),
            Self::StreamUnknown => f.write_str("no stream of this id is open"),
            Self::StreamEnding => f.write_str(
                "its end has been said already: the provider is let go, and the client has \
                 clocks.client_write to take what is left",
            ),
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::TokenMissing | Self::TokenWrong => StatusCode::UNAUTHORIZED,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::ForeignPage => StatusCode::FORBIDDEN,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::PathUnknown | Self::StreamUnknown => StatusCode::NOT_FOUND,
            Self::StreamEnding => StatusCode::CONFLICT,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        match self {
            Self::TokenMissing | Self::TokenWrong => {
                response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"herald admin\""));
            }
            Self::TooMany { retry_after } => {
                response.insert_header(respond::retry_after(*retry_after));
            }
            Self::MethodNotAllowed { allowed } => {
                response.insert_header((ALLOW, *allowed));
            }
            // What is left of it is not read.
            Self::BodyTooLarge { .. } => {
                response.force_close();
            }
            _ => {}
        }
        response.json(ProblemBody {
            error: ProblemDetail {
                code: self.code(),
                message: self.to_string(),
            },
        })
    }
}
