//! The player's own answers, in OpenAI's error shape.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use crate::providers::replay::{
    library::ReplayLibrary,
    recording::{Answer, Chunk, End, Framing},
};

/// Longest piece of a request that is said back.
const MAX_ECHO_CHARS: usize = 64;

pub(super) fn malformed(reason: &str) -> Answer {
    let message = format!("The request could not be understood: {reason}.");
    refusal(400, &message, None, None)
}

pub(super) fn too_large() -> Answer {
    refusal(
        413,
        "The request is larger than a player reads.",
        None,
        None,
    )
}

pub(super) fn unknown_path(path: &str) -> Answer {
    let message = format!("There is nothing at {}.", shortened(path));
    refusal(404, &message, None, Some("unknown_url"))
}

pub(super) fn wrong_method(method: &str) -> Answer {
    let message = format!(
        "Completions are asked for with POST, not {}.",
        shortened(method)
    );
    refusal(405, &message, None, Some("method_not_supported"))
}

pub(super) fn unknown_model(model: &str, library: &ReplayLibrary) -> Answer {
    let names: Vec<&str> = library.names().collect();
    let message = format!(
        "There is no recording `{}`. There are: {}.",
        shortened(model),
        names.join(", ")
    );
    refusal(404, &message, Some("model"), Some("model_not_found"))
}

pub(super) fn no_such_answer(model: &str, stream: bool) -> Answer {
    let kind = if stream { "streaming" } else { "non-streaming" };
    let message = format!("The recording `{}` has no {kind} answer.", shortened(model));
    refusal(400, &message, Some("stream"), Some("answer_not_recorded"))
}

fn refusal(status: u16, message: &str, param: Option<&str>, code: Option<&str>) -> Answer {
    let error = json!({
        "message": message, "type": "invalid_request_error", "param": param, "code": code,
    });
    let body = Bytes::from(json!({ "error": error }).to_string());
    Answer {
        stream: false,
        status,
        after: Duration::ZERO,
        headers: vec![(
            "content-type".to_owned(),
            Bytes::from_static(b"application/json"),
        )],
        framing: Framing::Length(body.len() as u64),
        end: End::Complete,
        chunks: vec![Chunk {
            after: Duration::ZERO,
            data: body,
        }],
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_ECHO_CHARS).collect()
}
