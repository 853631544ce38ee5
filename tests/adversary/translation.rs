//! Every dialect before every kind of provider, and what each dialect's clients take for a whole answer.

use herald::testkit::{Script, ScriptedProvider, TestGateway};
use serde_json::{Value, json};

use crate::wire::{Answer, Wire};

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Chat,
    Responses,
    Messages,
}

pub(crate) const DIALECTS: [Dialect; 3] = [Dialect::Chat, Dialect::Responses, Dialect::Messages];

/// What a provider speaks. `openai` without a preset has no responses.
pub(crate) const KINDS: [&str; 2] = ["openai", "anthropic"];

/// Those pairs between which nothing passes as it is.
pub(crate) const TRANSLATED: [(Dialect, &str); 4] = [
    (Dialect::Chat, "anthropic"),
    (Dialect::Responses, "openai"),
    (Dialect::Responses, "anthropic"),
    (Dialect::Messages, "openai"),
];

/// Every pair.
pub(crate) fn pairs() -> impl Iterator<Item = (Dialect, &'static str)> {
    DIALECTS
        .into_iter()
        .flat_map(|dialect| KINDS.map(|kind| (dialect, kind)))
}

impl Dialect {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
        }
    }

    /// The least that a client of this dialect says.
    pub(crate) fn request(self, stream: bool) -> Value {
        let mut request = match self {
            Self::Chat => json!({ "messages": [{ "role": "user", "content": "Hi" }] }),
            Self::Responses => json!({ "input": "Hi" }),
            Self::Messages => {
                json!({ "max_tokens": 64, "messages": [{ "role": "user", "content": "Hi" }] })
            }
        };
        request["model"] = json!("m");
        request["stream"] = json!(stream);
        request
    }

    /// The least, and one member more.
    pub(crate) fn with(self, stream: bool, member: &str, value: Value) -> Value {
        let mut request = self.request(stream);
        request[member] = value;
        request
    }

    /// Whether this event says that the answer is whole.
    pub(crate) fn is_end(self, data: &str) -> bool {
        let kind = kind_of(data);
        match self {
            Self::Chat => data == "[DONE]",
            Self::Responses => matches!(
                kind.as_str(),
                "response.completed" | "response.incomplete" | "response.failed"
            ),
            Self::Messages => kind == "message_stop",
        }
    }
}

pub(crate) fn kind_of(data: &str) -> String {
    let event: Value = serde_json::from_str(data).unwrap_or_default();
    event["type"].as_str().unwrap_or_default().to_owned()
}

/// A gateway whose one model `m` is this provider's `up`; `model` and `settings` are TOML.
pub(crate) async fn gateway(
    provider: &ScriptedProvider,
    kind: &str,
    model: &str,
    settings: &str,
) -> TestGateway {
    TestGateway::with_settings(&format!(
        "{settings}\n\
         [[providers]]\nid = \"p\"\nkind = \"{kind}\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"up\" }}]\n{model}\n",
        provider.base_url(),
    ))
    .await
}

/// A request as it stands on the wire.
pub(crate) fn post(path: &str, body: impl AsRef<[u8]>, headers: &[(&str, &str)]) -> Vec<u8> {
    let body = body.as_ref();
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: herald\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// One request on a connection of its own.
pub(crate) async fn ask(
    gateway: &TestGateway,
    dialect: Dialect,
    body: impl AsRef<[u8]>,
    headers: &[(&str, &str)],
) -> Answer {
    let mut wire = Wire::connect(gateway.address()).await;
    wire.send(post(dialect.path(), body, headers)).await;
    wire.answer().await
}

/// What a fresh gateway answers to the least request when its provider plays this script.
pub(crate) async fn answer_to(
    dialect: Dialect,
    kind: &str,
    stream: bool,
    script: Script,
    settings: &str,
) -> Answer {
    let provider = ScriptedProvider::start([script]).await;
    let gateway = gateway(&provider, kind, "", settings).await;
    ask(&gateway, dialect, dialect.request(stream).to_string(), &[]).await
}

/// These events, named where the provider's kind names them, then `finish`.
pub(crate) fn events(kind: &str, data: &[String]) -> Script {
    let begun = data.iter().fold(Script::sse(), |script, data| {
        if kind == "anthropic" {
            script.typed_event(data)
        } else {
            script.event(data)
        }
    });
    begun.finish()
}

/// How a stream ended, as its clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    InError,
    /// With neither an end marker nor an error.
    Silently,
}

/// How this stream ended, or what no client of the dialect could read in it.
///
/// The grammar is that of the dialects' own APIs: numbers without a gap, what begins ends, one end, and
/// nothing behind an end or an error.
pub(crate) fn judge(dialect: Dialect, answer: &Answer) -> Result<Ended, String> {
    let flaw = |text: &str| Err(format!("{text}: {}", String::from_utf8_lossy(&answer.body)));
    if !answer.is_stream() || !answer.whole || answer.status != 200 {
        return Err(format!("no whole stream: {answer:?}"));
    }
    let events = answer.events();
    let mut ended = Ended::Silently;
    let (mut open, mut blocks, mut starts, mut deltas, mut number) = (None, 0, 0, 0, 0);
    let mut is_finished = false;
    for event in &events {
        if ended != Ended::Silently {
            return flaw("something behind the end");
        }
        if event.data == "[DONE]" && dialect == Dialect::Chat {
            ended = Ended::Well;
            continue;
        }
        let Ok(data) = serde_json::from_str::<Value>(&event.data) else {
            return flaw("an event that is no JSON");
        };
        if data["error"].is_object() {
            if dialect == Dialect::Messages && (event.name != "error" || data["type"] != "error") {
                return flaw("an error of another dialect");
            }
            // The event `error` of responses is named and typed, as its API has it; that of chat is neither.
            if dialect == Dialect::Responses && (event.name != "error" || data["type"] != "error") {
                return flaw("an error of another dialect");
            }
            if dialect == Dialect::Chat && data["type"] == "error" {
                return flaw("an error of another dialect");
            }
            ended = Ended::InError;
            continue;
        }
        let kind = data["type"].as_str().unwrap_or_default();
        if dialect != Dialect::Chat && kind != event.name {
            return flaw("an event whose name is not its type");
        }
        if dialect.is_end(&event.data) {
            ended = Ended::Well;
        }
        match dialect {
            Dialect::Chat => {
                let Some(choices) = data["choices"].as_array() else {
                    return flaw("a chunk without choices");
                };
                for choice in choices {
                    let says = |member: &str| choice["delta"][member].is_null();
                    if is_finished && !(says("content") && says("tool_calls")) {
                        return flaw("content behind the reason for the end");
                    }
                    is_finished |= choice["finish_reason"].is_string();
                }
            }
            Dialect::Responses => {
                if data["sequence_number"] != number {
                    return flaw("a number that is not the next");
                }
                if (number == 0) != (kind == "response.created") {
                    return flaw("response.created is not the first, or not alone");
                }
                number += 1;
                match kind {
                    "response.output_item.added" => {
                        if data["output_index"] != blocks {
                            return flaw("an item that is not the next");
                        }
                        blocks += 1;
                        deltas += 1;
                    }
                    "response.output_item.done" => deltas -= 1,
                    _ => {}
                }
                if ended == Ended::Well && deltas != 0 {
                    return flaw("an item is not done at the end");
                }
                let output = &data["response"]["output"];
                if ended == Ended::Well && output.as_array().map(Vec::len) != Some(blocks) {
                    return flaw("the last event does not hold all items");
                }
            }
            Dialect::Messages => match kind {
                "message_start" => starts += 1,
                "content_block_start" => {
                    if open.is_some() || data["index"] != blocks {
                        return flaw("a block that is not the next");
                    }
                    open = Some(blocks);
                    blocks += 1;
                }
                "content_block_stop" if open.take().is_none_or(|open| data["index"] != open) => {
                    return flaw("an end of no block");
                }
                "content_block_delta"
                    if data["index"]
                        .as_u64()
                        .is_none_or(|index| index >= blocks as u64) =>
                {
                    return flaw("a piece of no block");
                }
                "message_delta" => {
                    deltas += 1;
                    if open.is_some() {
                        return flaw("message_delta while a block is open");
                    }
                }
                "message_stop" if starts != 1 || deltas != 1 || open.is_some() => {
                    return flaw("message_stop of no whole message");
                }
                _ => {}
            },
        }
        if dialect == Dialect::Messages && starts != 1 {
            return flaw("message_start is not the first, or not alone");
        }
    }
    Ok(ended)
}

/// The type that Anthropic's SDKs know, as `docs/api.md` lists them.
pub(crate) const ANTHROPIC_TYPES: [&str; 11] = [
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "conflict_error",
    "request_too_large",
    "rate_limit_error",
    "api_error",
    "timeout_error",
    "overloaded_error",
];

/// What is wrong with this answer as a refusal in the dialect's shape, if anything.
pub(crate) fn refusal_flaw(dialect: Dialect, answer: &Answer) -> Option<String> {
    if dialect != Dialect::Messages {
        let is_foreign =
            serde_json::from_slice::<Value>(&answer.body).is_ok_and(|body| body["type"] == "error");
        return answer
            .refusal_flaw()
            .or_else(|| is_foreign.then(|| format!("Anthropic's shape: {answer:?}")));
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let kind = body["error"]["type"].as_str().unwrap_or_default();
    let is_whole = answer.status >= 400
        && answer.whole
        && body["type"] == "error"
        && body["error"]["message"].is_string()
        && ANTHROPIC_TYPES.contains(&kind);
    (!is_whole).then(|| format!("no error of Anthropic's: {answer:?}"))
}

/// Fails with all flaws at once.
pub(crate) fn assert_none(flaws: &[String]) {
    assert!(
        flaws.is_empty(),
        "{} flaws:\n{}",
        flaws.len(),
        flaws.join("\n\n")
    );
}
