//! The JSON of OpenAI chat completions, as a provider writes it.
//!
//! Id, time and model are always the same, so that a test can compare whole answers.

use serde_json::{Value, json};

/// The `id` of every chunk and answer.
pub const ID: &str = "chatcmpl-scripted";
/// The `model` of every chunk and answer.
pub const MODEL: &str = "scripted-model";

/// The chunk that begins a stream: the assistant's role and no text.
#[must_use]
pub fn role() -> String {
    chunk(
        &json!([choice(json!({ "role": "assistant", "content": "" }), None)]),
        None,
    )
}

/// A chunk with a piece of the text.
#[must_use]
pub fn text(text: &str) -> String {
    chunk(&json!([choice(json!({ "content": text }), None)]), None)
}

/// The chunk that says why the text ends: `stop`, `length`, `tool_calls`, `content_filter`.
#[must_use]
pub fn finish(reason: &str) -> String {
    chunk(&json!([choice(json!({}), Some(reason))]), None)
}

/// The chunk without choices that counts the tokens.
#[must_use]
pub fn usage(prompt_tokens: u64, completion_tokens: u64) -> String {
    chunk(&json!([]), Some(counts(prompt_tokens, completion_tokens)))
}

/// An error, as it stands in a stream or is the whole body of a refusal.
#[must_use]
pub fn error(message: &str, kind: &str) -> String {
    json!({ "error": { "message": message, "type": kind, "param": null, "code": null } })
        .to_string()
}

/// A whole answer to a request with `stream: false`.
#[must_use]
pub fn completion(text: &str) -> String {
    json!({
        "id": ID,
        "object": "chat.completion",
        "created": CREATED,
        "model": MODEL,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": text },
            "finish_reason": "stop",
        }],
        "usage": counts(3, 2),
    })
    .to_string()
}

/// Seconds since 1970; a day in November 2023.
const CREATED: u64 = 1_700_000_000;

fn chunk(choices: &Value, usage: Option<Value>) -> String {
    let mut chunk = json!({
        "id": ID,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": MODEL,
        "choices": choices,
    });
    if let Some(usage) = usage {
        chunk["usage"] = usage;
    }
    chunk.to_string()
}

fn choice(delta: Value, finish_reason: Option<&str>) -> Value {
    json!({ "index": 0, "delta": delta, "finish_reason": finish_reason })
}

fn counts(prompt_tokens: u64, completion_tokens: u64) -> Value {
    json!({
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_json_of_the_shape_that_openai_streams() {
        let parse = |chunk: String| serde_json::from_str::<Value>(&chunk).unwrap();
        assert_eq!(parse(role())["choices"][0]["delta"]["role"], "assistant");
        assert_eq!(
            parse(text("a\"b\n"))["choices"][0]["delta"]["content"],
            "a\"b\n"
        );
        assert_eq!(parse(text("a"))["choices"][0]["finish_reason"], Value::Null);
        assert_eq!(parse(finish("stop"))["choices"][0]["finish_reason"], "stop");
        assert_eq!(parse(usage(3, 4))["choices"], json!([]));
        assert_eq!(parse(usage(3, 4))["usage"]["total_tokens"], 7);
        assert_eq!(
            parse(error("no", "server_error"))["error"]["type"],
            "server_error"
        );
        assert_eq!(
            parse(completion("Hi"))["choices"][0]["message"]["content"],
            "Hi"
        );
    }

    #[test]
    fn no_chunk_has_a_line_end_that_would_split_its_event() {
        assert!(!text("two\nlines").contains('\n'));
    }
}
