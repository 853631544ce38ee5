//! An error that is the caller's or Herald's own, as an answer of this dialect.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};

use super::OpenAiDialect;
use crate::{
    dialects::Dialect,
    error::{HeraldError, RequestError, respond},
    telemetry::request_record::Outcome,
};

/// What a handler returns instead of a response.
#[derive(Debug)]
pub(crate) struct Failure(Box<HeraldError>);

impl Failure {
    /// How a request ended that ended in this. A body that broke off is a client who left.
    pub(crate) fn outcome(&self) -> Outcome {
        match *self.0 {
            HeraldError::Request(RequestError::BodyBroken) => Outcome::Cancelled,
            ref error => Outcome::failed(error),
        }
    }
}

impl<E: Into<HeraldError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Box::new(error.into()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        respond::rescue_own(&self.0).status
    }

    fn error_response(&self) -> HttpResponse {
        let rescue = respond::rescue_own(&self.0);
        let mut response = HttpResponse::build(rescue.status);
        response.insert_header((header::CONTENT_TYPE, "application/json"));
        for header in rescue.headers {
            response.append_header(header);
        }
        if rescue.status == StatusCode::SERVICE_UNAVAILABLE {
            // The next gateway of a rolling restart takes the repeat.
            response
                .append_header(respond::retry_after(1))
                .force_close();
        }
        response.body(OpenAiDialect.error_document(&rescue.report))
    }
}
