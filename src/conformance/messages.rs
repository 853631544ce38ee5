//! The JSON of Anthropic messages, as a provider writes it: an event's data, or a document.
//!
//! Id and model are always the same, so that a test can compare whole answers.

use serde_json::{Value, json};

/// The `id` of every message.
pub const ID: &str = "msg_scripted";
/// The `model` of every message.
pub const MODEL: &str = "scripted-model";

/// The event that begins a stream and counts the prompt.
#[must_use]
pub fn start(input_tokens: u64) -> String {
    let message = message_of(&json!([]), &Value::Null, counts(input_tokens, 1));
    json!({ "type": "message_start", "message": message }).to_string()
}

/// The event that begins a block of text.
#[must_use]
pub fn text_block(index: usize) -> String {
    block(index, &json!({ "type": "text", "text": "" }))
}

/// A piece of a text.
#[must_use]
pub fn text(index: usize, text: &str) -> String {
    delta(index, &json!({ "type": "text_delta", "text": text }))
}

/// The event that begins a thought.
#[must_use]
pub fn thinking_block(index: usize) -> String {
    let thought = json!({ "type": "thinking", "thinking": "", "signature": "" });
    block(index, &thought)
}

/// A piece of a thought.
#[must_use]
pub fn thinking(index: usize, text: &str) -> String {
    delta(
        index,
        &json!({ "type": "thinking_delta", "thinking": text }),
    )
}

/// The signature of a thought.
#[must_use]
pub fn signature(index: usize, signature: &str) -> String {
    let signature = json!({ "type": "signature_delta", "signature": signature });
    delta(index, &signature)
}

/// The event that begins a call of a tool.
#[must_use]
pub fn tool_block(index: usize, id: &str, name: &str) -> String {
    let call = json!({ "type": "tool_use", "id": id, "name": name, "input": {} });
    block(index, &call)
}

/// A piece of a call's arguments.
#[must_use]
pub fn tool_input(index: usize, json: &str) -> String {
    delta(
        index,
        &json!({ "type": "input_json_delta", "partial_json": json }),
    )
}

/// The event that ends a block.
#[must_use]
pub fn block_end(index: usize) -> String {
    json!({ "type": "content_block_stop", "index": index }).to_string()
}

/// The event that says why the message ends, `end_turn`, `max_tokens`, `tool_use` and others, and counts
/// what was answered.
#[must_use]
pub fn finish(reason: &str, output_tokens: u64) -> String {
    json!({
        "type": "message_delta",
        "delta": { "stop_reason": reason, "stop_sequence": null },
        "usage": { "output_tokens": output_tokens },
    })
    .to_string()
}

/// The end marker.
#[must_use]
pub fn end() -> String {
    json!({ "type": "message_stop" }).to_string()
}

/// An event that says nothing.
#[must_use]
pub fn ping() -> String {
    json!({ "type": "ping" }).to_string()
}

/// An error, as it stands in a stream or is the whole body of a refusal.
#[must_use]
pub fn error(message: &str, kind: &str) -> String {
    json!({ "type": "error", "error": { "type": kind, "message": message } }).to_string()
}

/// A whole answer to a request without `stream`.
#[must_use]
pub fn message(text: &str) -> String {
    let content = json!([{ "type": "text", "text": text }]);
    message_of(&content, &json!("end_turn"), counts(3, 2)).to_string()
}

fn message_of(content: &Value, stop_reason: &Value, usage: Value) -> Value {
    json!({
        "id": ID,
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": usage,
    })
}

fn block(index: usize, content_block: &Value) -> String {
    json!({ "type": "content_block_start", "index": index, "content_block": content_block })
        .to_string()
}

fn delta(index: usize, delta: &Value) -> String {
    json!({ "type": "content_block_delta", "index": index, "delta": delta }).to_string()
}

fn counts(input_tokens: u64, output_tokens: u64) -> Value {
    json!({
        "input_tokens": input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_json_of_the_shape_that_anthropic_streams() {
        let parse = |event: String| serde_json::from_str::<Value>(&event).unwrap();
        assert_eq!(parse(start(7))["message"]["usage"]["input_tokens"], 7);
        assert_eq!(parse(text_block(0))["content_block"]["type"], "text");
        assert_eq!(parse(text(1, "a\n"))["delta"]["text"], "a\n");
        assert_eq!(parse(thinking_block(0))["content_block"]["signature"], "");
        assert_eq!(parse(thinking(0, "hm"))["delta"]["thinking"], "hm");
        assert_eq!(parse(signature(0, "s"))["delta"]["signature"], "s");
        assert_eq!(parse(tool_block(0, "t", "f"))["content_block"]["name"], "f");
        assert_eq!(parse(tool_input(0, "{"))["delta"]["partial_json"], "{");
        assert_eq!(parse(block_end(2))["index"], 2);
        assert_eq!(parse(finish("end_turn", 4))["usage"]["output_tokens"], 4);
        assert_eq!(parse(end())["type"], "message_stop");
        assert_eq!(parse(ping())["type"], "ping");
        assert_eq!(
            parse(error("no", "api_error"))["error"]["type"],
            "api_error"
        );
        assert_eq!(parse(message("Hi"))["content"][0]["text"], "Hi");
    }
}
