//! What tools are told of this dialect's API; nothing here runs.

use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::ErrorBody;
use crate::openapi;

/// A request for a chat completion. Members that are not named here travel to the provider as they
/// stand.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what `parse_request` reads")]
pub(crate) struct ChatCompletionRequest {
    /// One of the names that `GET /v1/models` lists.
    #[schema(example = "replay-text")]
    model: String,
    /// Whether events are asked for, and not a document.
    stream: Option<bool>,
    /// What a stream should tell beside its content.
    stream_options: Option<StreamOptions>,
    /// How many alternatives.
    #[schema(minimum = 1, maximum = 128)]
    n: Option<u32>,
    /// What was said so far; the provider says what may stand here.
    messages: Option<Vec<Map<String, Value>>>,
}

/// What a stream should tell beside its content.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what `parse_request` reads")]
pub(crate) struct StreamOptions {
    /// Whether the last event counts the tokens.
    include_usage: Option<bool>,
}

/// How the metadata should be told beside the head.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it only describes what the header may say")]
pub(crate) enum MetadataAs {
    /// As the first event of a stream.
    Event,
}

/// Creates a chat completion: a stream of events, or a document.
///
/// Every answer tells in its head what the provider said: `x-upstream-status`, its request ids, its
/// limits. docs/api.md has all of it.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = openapi::PUBLIC,
    request_body = ChatCompletionRequest,
    params(
        (
            "x-timeout-ms" = u64,
            Header,
            format = "uint64",
            description = "The longest that all of it may take, in milliseconds"
        ),
        (
            "x-herald-metadata" = inline(MetadataAs),
            Header,
            description = "`event` asks for a first event `metadata`"
        )
    ),
    responses(
        (
            status = 200,
            description = "The provider's events as they came, or its document",
            content((String = "text/event-stream"), (Object = "application/json")),
            headers(
                ("x-upstream-status" = u16, description = "The status that the provider answered with"),
                ("x-upstream-provider" = String, description = "The provider's id in the settings"),
                ("x-upstream-model" = String, description = "The model by the provider's name"),
                (
                    "x-herald-settings-generation" = u64,
                    description = "Which settings the request is served under"
                )
            )
        ),
        (
            status = 400,
            description = "The body or a header is wrong, to Herald or to the provider",
            body = ErrorBody<'static>
        ),
        (status = 403, description = "`model_not_allowed`, or `foreign_page` where no key is asked for", body = ErrorBody<'static>),
        (status = 404, description = "`model_not_found`", body = ErrorBody<'static>),
        (status = 408, description = "`request_timeout`", body = ErrorBody<'static>),
        (status = 409, description = "The provider's", body = ErrorBody<'static>),
        (status = 413, description = "`request_too_large`, or the provider's", body = ErrorBody<'static>),
        (status = 415, description = "`unsupported_content_encoding`", body = ErrorBody<'static>),
        (status = 422, description = "The provider's", body = ErrorBody<'static>),
        (
            status = 429,
            description = "A limit of Herald's, or of the provider's where `x-upstream-status` stands",
            body = ErrorBody<'static>
        ),
        (
            status = 500,
            description = "`gateway_cancelled` by an operator, or a fault of Herald's",
            body = ErrorBody<'static>
        ),
        (status = 502, description = "The provider failed", body = ErrorBody<'static>),
        (
            status = 503,
            description = "Herald is stopping or full, or the provider is overloaded",
            body = ErrorBody<'static>,
            headers(("retry-after" = String, description = "Seconds, or a date"))
        ),
        (status = 504, description = "A clock ran out", body = ErrorBody<'static>),
        (
            status = "default",
            description = "Another status that `metadata.status` of the settings names",
            body = ErrorBody<'static>
        )
    )
)]
#[expect(
    dead_code,
    reason = "it only describes `create_completion` as this dialect has it"
)]
pub(crate) fn create_chat_completion() {}
