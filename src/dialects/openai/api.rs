//! What tools are told of this dialect's API; nothing here runs.

use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::openapi;

/// A request for a chat completion. Members that are not named here travel to the provider as they
/// stand.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what `parse_request` reads")]
pub(crate) struct ChatCompletionRequest {
    /// One of the names that `GET /v1/models` lists.
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
            "x-timeout-ms" = Option<u64>,
            Header,
            description = "The longest that all of it may take, in milliseconds"
        ),
        (
            "x-herald-metadata" = Option<String>,
            Header,
            description = "`event` asks for a first event `metadata`"
        )
    ),
    responses((
        status = 200,
        description = "The provider's events as they came, or its document",
        content((String = "text/event-stream"), (Object = "application/json"))
    ))
)]
#[expect(
    dead_code,
    reason = "it only describes `create_completion` as this dialect has it"
)]
pub(crate) fn create_chat_completion() {}
