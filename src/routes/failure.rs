//! An error that is the caller's or Herald's own, as an answer in the client's dialect.

use std::{fmt, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web,
};

use crate::{
    dialects::Dialect,
    error::{HeraldError, RequestError, respond},
    limits::LimitError,
    metadata::{
        chain,
        proxy_status::{Member, PROXY_STATUS, proxy_status},
    },
    startup::Gateway,
    telemetry::request_record::Outcome,
};

/// What a handler returns instead of a response.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Box<HeraldError>,
    dialect: &'static dyn Dialect,
    /// Herald's name, where `Proxy-Status` is to tell that it was Herald.
    proxy_name: Option<Arc<str>>,
    /// What is said beside it.
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Failure {
    /// An error to be told in that dialect.
    pub(crate) fn new(dialect: &'static dyn Dialect, error: impl Into<HeraldError>) -> Self {
        Self {
            error: Box::new(error.into()),
            dialect,
            proxy_name: None,
            headers: Vec::new(),
        }
    }

    /// An error of a completion, told in `Proxy-Status` too: a refusal by a limit always, so that it
    /// cannot be taken for a provider's, and any other where another Herald has asked.
    pub(crate) fn of_completion(
        dialect: &'static dyn Dialect,
        request: &HttpRequest,
        error: impl Into<HeraldError>,
    ) -> Self {
        let mut failure = Self::new(dialect, error);
        let is_told =
            chain::hops(request.headers()) > 0 || matches!(*failure.error, HeraldError::Limit(_));
        if let Some(gateway) = request.app_data::<web::Data<Gateway>>().filter(|_| is_told) {
            failure.proxy_name = Some(Arc::clone(&gateway.settings().proxy_name));
        }
        failure
    }

    /// The same, with headers beside those that belong to the error.
    pub(crate) fn with_headers(self, headers: Vec<(HeaderName, HeaderValue)>) -> Self {
        Self { headers, ..self }
    }

    /// How a request ended that ended in this. A body that broke off is a client who left.
    pub(crate) fn outcome(&self) -> Outcome {
        match *self.error {
            HeraldError::Request(RequestError::BodyBroken) => Outcome::Cancelled,
            ref error => Outcome::failed(error),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        respond::rescue_own(&self.error)
            .by(self.dialect.customs())
            .status
    }

    fn error_response(&self) -> HttpResponse {
        let customs = self.dialect.customs();
        let rescue = respond::rescue_own(&self.error).by(customs);
        let mut response = HttpResponse::build(rescue.status);
        response.insert_header((header::CONTENT_TYPE, customs.error_type));
        for header in rescue.headers.into_iter().chain(self.headers.clone()) {
            response.append_header(header);
        }
        if let Some(name) = &self.proxy_name {
            let reason = respond::own_proxy_error(&self.error);
            let member = Member::own(name, Some(reason), Some(self.error.code()));
            response.insert_header((PROXY_STATUS, proxy_status(&[member])));
        }
        if rescue.status == StatusCode::SERVICE_UNAVAILABLE {
            response.append_header(respond::retry_after(1));
            if !matches!(*self.error, HeraldError::Limit(LimitError::Late)) {
                // The next gateway of a rolling restart takes the repeat. A gateway that has too much to do
                // would have to open a new connection for it, which costs more than the refusal.
                response.force_close();
            }
        }
        response.body(self.dialect.error_document(&rescue.report))
    }
}
