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

/// A request for a completion of a prompt. Members that are not named here travel to the provider as
/// they stand.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what `Completions` reads")]
pub(crate) struct CompletionRequest {
    /// One of the names that `GET /v1/models` lists.
    model: String,
    /// Whether events are asked for, and not a document.
    stream: Option<bool>,
    /// What a stream should tell beside its content.
    stream_options: Option<StreamOptions>,
    /// How many alternatives to each prompt.
    #[schema(minimum = 1, maximum = 128)]
    n: Option<u32>,
    /// A text, a list of tokens, or a list of 2048 of either at most.
    prompt: Option<Value>,
}

/// A request for a response. Where the model's provider has responses, members that are not named here
/// travel to it as they stand; else all of it is translated.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what `Responses` reads")]
pub(crate) struct ResponseRequest {
    /// One of the names that `GET /v1/models` lists.
    #[schema(example = "replay-text")]
    model: String,
    /// Whether events are asked for, and not a document.
    stream: Option<bool>,
    /// What stands before the input, for the model to follow.
    instructions: Option<String>,
    /// A text of the user's, or a list of items of what was said and done so far.
    input: Option<Value>,
    /// Most tokens of the answer.
    max_output_tokens: Option<u64>,
    /// Whether the response should be kept; only where the provider has responses.
    store: Option<bool>,
    /// What came before; only where the provider has responses.
    previous_response_id: Option<String>,
}

/// A request for embeddings. Members that are not named here travel to the provider as they stand.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what `Embeddings` reads")]
pub(crate) struct EmbeddingsRequest {
    /// One of the names that `GET /v1/models` lists.
    model: String,
    /// What is to be embedded; the provider says what may stand here.
    input: Option<Value>,
}

/// How the metadata should be told beside the head.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it only describes what the header may say")]
pub(crate) enum MetadataAs {
    /// As the first event of a stream.
    Event,
}

/// One operation: what it is asked, how it answers, and what all of them have in common.
macro_rules! operation {
    (
        $(#[$($about:tt)*])*
        $name:ident: $path:tt, $request:ident, $answer:tt,
        content($($content:tt)*), params($($param:tt)*)
    ) => {
        $(#[$($about)*])*
        #[utoipa::path(
            post,
            path = $path,
            tag = openapi::PUBLIC,
            request_body = $request,
            params(
                (
                    "x-timeout-ms" = u64,
                    Header,
                    format = "uint64",
                    description = "The longest that all of it may take, in milliseconds"
                ),
                $($param)*
            ),
            responses(
                (
                    status = 200,
                    description = $answer,
                    content($($content)*),
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
        pub(crate) fn $name() {}
    };
}

operation! {
    /// Creates a chat completion: a stream of events, or a document.
    ///
    /// Every answer tells in its head what the provider said: `x-upstream-status`, its request ids, its
    /// limits. docs/api.md has all of it.
    create_chat_completion: "/v1/chat/completions", ChatCompletionRequest,
    "The provider's events as they came, or its document",
    content((String = "text/event-stream"), (Object = "application/json")),
    params((
        "x-herald-metadata" = inline(MetadataAs),
        Header,
        description = "`event` asks for a first event `metadata`"
    ))
}

operation! {
    /// Creates a chat completion under Sourcegraph's path.
    ///
    /// As at `/v1/chat/completions`, but a model's name may have its provider before it.
    create_llm_chat_completion: "/.api/llm/chat/completions", ChatCompletionRequest,
    "The provider's events as they came, or its document",
    content((String = "text/event-stream"), (Object = "application/json")),
    params((
        "x-herald-metadata" = inline(MetadataAs),
        Header,
        description = "`event` asks for a first event `metadata`"
    ))
}

operation! {
    /// Creates a completion of a prompt: a stream of events, or a document.
    ///
    /// Only a provider that has completions itself can serve it; for others it is 400
    /// `unsupported_endpoint`.
    create_completion: "/v1/completions", CompletionRequest,
    "The provider's events as they came, or its document",
    content((String = "text/event-stream"), (Object = "application/json")),
    params((
        "x-herald-metadata" = inline(MetadataAs),
        Header,
        description = "`event` asks for a first event `metadata`"
    ))
}

operation! {
    /// Creates a response: a stream of events, or a document.
    ///
    /// Over a provider without responses it is translated, and what needs a memory is refused:
    /// `previous_response_id`, `conversation`, `store: true` and `background: true`.
    create_response: "/v1/responses", ResponseRequest,
    "The events of a response, or the response",
    content((String = "text/event-stream"), (Object = "application/json")),
    params((
        "x-herald-metadata" = inline(MetadataAs),
        Header,
        description = "`event` asks for a first event `metadata`"
    ))
}

operation! {
    /// Creates embeddings: a document.
    ///
    /// Only a provider that has embeddings itself can serve it; for others it is 400
    /// `unsupported_endpoint`.
    create_embeddings: "/v1/embeddings", EmbeddingsRequest,
    "The provider's document",
    content((Object = "application/json")),
    params()
}
