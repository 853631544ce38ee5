//! What tools are told of this dialect's API; nothing here runs.

use serde_json::{Map, Value};
use utoipa::{IntoResponses, ToSchema};

use super::ErrorBody;
use crate::openapi;

/// A request for a message, or for a count of its tokens. Members that are not named here travel to a
/// provider that speaks this dialect as they stand, and are translated for another.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what `of_message` reads")]
pub(crate) struct MessagesRequest {
    /// One of the names that `GET /v1/models` lists.
    #[schema(example = "replay-text")]
    model: String,
    /// Whether events are asked for, and not a document; not looked at where tokens are counted.
    stream: Option<bool>,
    /// Most tokens of the answer.
    max_tokens: Option<u64>,
    /// What was said so far; the provider says what may stand here.
    messages: Option<Vec<Map<String, Value>>>,
}

/// How both are refused.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it only describes what this dialect's errors say")]
enum Refusal {
    /// The body or a header is wrong, to Herald or to the provider
    #[response(status = 400)]
    Invalid(ErrorBody<'static>),
    /// `invalid_api_key` or `expired_api_key`
    #[response(status = 401)]
    Unknown(ErrorBody<'static>),
    /// `model_not_allowed`
    #[response(status = 403)]
    NotAllowed(ErrorBody<'static>),
    /// `model_not_found`
    #[response(status = 404)]
    NotFound(ErrorBody<'static>),
    /// `request_too_large`, or the provider's
    #[response(status = 413)]
    TooLarge(ErrorBody<'static>),
    /// A limit of Herald's, or of the provider's where `x-upstream-status` stands
    #[response(status = 429)]
    TooMany(ErrorBody<'static>),
    /// Herald is stopping or full, or the provider is overloaded
    #[response(status = 503)]
    Overloaded(ErrorBody<'static>),
    /// A clock ran out
    #[response(status = 504)]
    Late(ErrorBody<'static>),
    /// Refused otherwise, by Herald or by the provider: docs/api.md has every code
    #[response(status = "default")]
    Other(ErrorBody<'static>),
}

/// Creates a message: a stream of events, or a document.
///
/// Every answer tells in its head what the provider said: `x-upstream-status`, its request ids, its
/// limits. docs/api.md has all of it.
#[utoipa::path(
    post,
    path = "/v1/messages",
    tag = openapi::PUBLIC,
    request_body = MessagesRequest,
    params((
        "x-timeout-ms" = u64,
        Header,
        format = "uint64",
        description = "The longest that all of it may take, in milliseconds"
    )),
    responses(
        (
            status = 200,
            description = "The provider's events or its document: as they came, or translated",
            content((String = "text/event-stream"), (Object = "application/json"))
        ),
        Refusal
    )
)]
#[expect(
    dead_code,
    reason = "it only describes `create_completion` as this dialect has it"
)]
pub(crate) fn create_message() {}

/// Counts the tokens of a message's prompt, where the model's provider can.
#[utoipa::path(
    post,
    path = "/v1/messages/count_tokens",
    tag = openapi::PUBLIC,
    request_body = MessagesRequest,
    responses(
        (
            status = 200,
            description = "The provider's count as it came",
            body = Object,
            content_type = "application/json"
        ),
        Refusal
    )
)]
#[expect(
    dead_code,
    reason = "it only describes `create_completion` as this dialect has it"
)]
pub(crate) fn count_message_tokens() {}
