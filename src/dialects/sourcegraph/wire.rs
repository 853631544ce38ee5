//! What the events and documents of this API hold.

use serde::Serialize;

use super::logprobs::Logprobs;
use crate::{
    completion::{FinishReason, TokenUsage},
    upstream::sse_decoder::SseEvent,
};

/// An event of this name.
pub(super) fn event(name: &'static str, data: String) -> SseEvent {
    SseEvent {
        event: Some(name.into()),
        id: None,
        data: data.into(),
    }
}

/// The last event of every stream. A `done` without data makes Cody's process fall.
pub(super) fn done() -> SseEvent {
    event("done", "{}".to_owned())
}

/// The event `completion` as versions from 2 on have it: what has come since the last one.
#[derive(Default, Serialize)]
pub(super) struct Increment<'a> {
    #[serde(rename = "deltaText", skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(rename = "delta_thinking", skip_serializing_if = "Option::is_none")]
    pub(super) thinking: Option<&'a str>,
    #[serde(rename = "delta_tool_calls", skip_serializing_if = "Option::is_none")]
    pub(super) calls: Option<[Call<'a>; 1]>,
    #[serde(rename = "stopReason", skip_serializing_if = "Option::is_none")]
    pub(super) stop_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<Logprobs<'a>>,
}

/// A call of a tool, or a piece of one. Each piece has its call's id and name: Cody adds what lacks
/// either to the call that it heard of last.
#[derive(Serialize)]
pub(super) struct Call<'a> {
    pub(super) id: &'a str,
    pub(super) r#type: &'static str,
    pub(super) function: Function<'a>,
}

/// What is called.
#[derive(Serialize)]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: &'a str,
}

/// What an answer took.
#[derive(Serialize)]
pub(super) struct Usage {
    completion_tokens: u64,
    prompt_tokens: u64,
    total_tokens: u64,
}

impl From<TokenUsage> for Usage {
    fn from(usage: TokenUsage) -> Self {
        Self {
            completion_tokens: usage.completion_tokens,
            prompt_tokens: usage.prompt_tokens,
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
        }
    }
}

/// A whole answer.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    pub(super) completion: String,
    #[serde(rename = "stopReason")]
    pub(super) stop_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<Logprobs<'a>>,
}

/// Why an answer ends, in Anthropic's words whoever gave it: they are what Cody was made for.
pub(super) fn stop_reason<'a>(reason: &'a FinishReason<'_>) -> &'a str {
    match reason {
        FinishReason::Stop => "end_turn",
        FinishReason::StopSequence(_) => "stop_sequence",
        FinishReason::Length => "max_tokens",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::ContentFilter => "refusal",
        FinishReason::Paused => "pause_turn",
        FinishReason::Other(word) => word,
    }
}
