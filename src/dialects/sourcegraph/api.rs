//! What tools are told of this dialect's API; nothing here runs.

use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::openapi;

/// A request for a completion. Members that are not named here are carried where the model's provider
/// has one of that name; docs/providers.md has each.
#[derive(ToSchema)]
#[schema(as = SourcegraphRequest)]
#[expect(dead_code, reason = "it only describes what `Completions` reads")]
pub(crate) struct Request {
    /// A name of the settings, alone, as `provider/model` or as `provider::version::model`.
    #[schema(example = "replay-text")]
    model: String,
    /// Whether events are asked for; absent, the path decides.
    stream: Option<bool>,
    /// What was said so far: `speaker`, and `text` or `content`.
    messages: Option<Vec<Map<String, Value>>>,
    /// Most tokens of the answer.
    #[serde(rename = "maxTokensToSample")]
    max_tokens: Option<i64>,
}

/// One operation: where it is, and how it answers unless the request says otherwise.
macro_rules! operation {
    ($(#[$($about:tt)*])* $name:ident: $path:tt) => {
        $(#[$($about)*])*
        #[utoipa::path(
            post,
            path = $path,
            tag = openapi::SOURCEGRAPH,
            request_body = Request,
            params(
                ("api-version" = Option<String>, Query, description = "1 to 8; absent: the first that there was"),
                ("client-name" = Option<String>, Query, description = "Who asks"),
                ("client-version" = Option<String>, Query, description = "Its semantic version"),
                ("x-timeout-ms" = u64, Header, format = "uint64", description = "The longest that all of it may take, in milliseconds")
            ),
            responses(
                (
                    status = 200,
                    description = "Events, or a document",
                    content((String = "text/event-stream"), (Object = "application/json")),
                    headers(("x-upstream-status" = u16, description = "The status that the provider answered with"))
                ),
                (status = 400, description = "The body, the model, a header or the client's version is wrong", body = String, content_type = "text/plain"),
                (status = 406, description = "No such version, or a client that is not let in", body = String, content_type = "text/plain"),
                (status = 408, description = "The body took too long", body = String, content_type = "text/plain"),
                (status = 409, description = "The provider's", body = String, content_type = "text/plain"),
                (status = 413, description = "The body is too large, or the provider says so", body = String, content_type = "text/plain"),
                (status = 415, description = "The body is compressed", body = String, content_type = "text/plain"),
                (status = 422, description = "The provider's", body = String, content_type = "text/plain"),
                (
                    status = 429,
                    description = "A limit of Herald's, or of the provider's where `x-upstream-status` stands",
                    body = String,
                    content_type = "text/plain",
                    headers(("x-ratelimit-limit" = u64, description = "The limit, where it is Herald's"))
                ),
                (status = 500, description = "An operator ended it, or a fault of Herald's", body = String, content_type = "text/plain"),
                (status = 502, description = "The provider failed", body = String, content_type = "text/plain"),
                (status = 504, description = "A clock ran out", body = String, content_type = "text/plain"),
                (status = "default", description = "Another status that `metadata.status` of the settings names", body = String, content_type = "text/plain")
            )
        )]
        #[expect(dead_code, reason = "it only describes `create_completion` as it is at this path")]
        pub(crate) fn $name() {}
    };
}

operation! {
    /// Creates a completion for Cody: a stream, unless the request says otherwise.
    ///
    /// docs/sourcegraph.md has the versions and the rules of the stream.
    create_chat: "/.api/completions/stream"
}

operation! {
    /// Creates a completion of code for Cody: a document, unless the request says otherwise.
    create_code: "/.api/completions/code"
}
