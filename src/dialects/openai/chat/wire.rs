//! What chunks and completions have in common on the wire (OpenAI API reference, "Chat completion
//! object" and "Chat completion chunk object", read November 2026; thoughts as OpenRouter and DeepSeek
//! tell them).

use serde::Serialize;

use crate::{
    completion::{FinishReason, TokenLogprob, TokenUsage},
    dialects::openai::logprobs::Tokens,
};

/// The `type` of a detail that holds a thought, and perhaps its proof.
pub(super) const THOUGHT: &str = "reasoning.text";
/// That of a thought that only its provider can read.
pub(super) const REDACTED_THOUGHT: &str = "reasoning.encrypted";
/// Whose proofs and redacted thoughts these are: Anthropic's are the only ones that Herald reads.
pub(super) const THOUGHT_FORMAT: &str = "anthropic-claude-v1";

/// An entry of `reasoning_details`.
#[derive(Serialize)]
pub(super) struct Detail<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
    /// It stands only beside what it explains: the OpenAI SDKs join the strings of a stream's entries
    /// of one index, this one too.
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    index: usize,
}

impl<'a> Detail<'a> {
    /// A thought, a piece of one, or only its proof.
    pub(super) fn thought(index: usize, text: &'a str, signature: Option<&'a str>) -> Self {
        Self {
            r#type: THOUGHT,
            text: Some(text).filter(|text| !text.is_empty()),
            data: None,
            signature,
            format: signature.and(Some(THOUGHT_FORMAT)),
            index,
        }
    }

    /// A thought that only its provider can read.
    pub(super) fn redacted(index: usize, data: &'a str) -> Self {
        Self {
            r#type: REDACTED_THOUGHT,
            text: None,
            data: Some(data),
            signature: None,
            format: Some(THOUGHT_FORMAT),
            index,
        }
    }
}

/// How likely the tokens of a text were.
#[derive(Serialize)]
pub(super) struct Logprobs<'a> {
    content: Tokens<'a>,
    refusal: (),
}

impl<'a> Logprobs<'a> {
    /// Of these tokens; `None`: there are none.
    pub(super) fn of(tokens: &'a [TokenLogprob<'a>]) -> Option<Self> {
        (!tokens.is_empty()).then_some(Self {
            content: Tokens(tokens),
            refusal: (),
        })
    }
}

/// A call of a tool, or a piece of one.
#[derive(Serialize)]
pub(super) struct ToolCall<'a> {
    /// Only pieces have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) r#type: Option<&'static str>,
    pub(super) function: Function<'a>,
}

/// What is called.
#[derive(Serialize)]
pub(super) struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) arguments: &'a str,
}

/// What an answer took.
#[derive(Serialize)]
pub(super) struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

impl From<TokenUsage> for Usage {
    fn from(usage: TokenUsage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
            prompt_tokens_details: PromptDetails {
                cached_tokens: usage.cached_tokens,
                cache_write_tokens: usage.cache_write_tokens,
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: usage.reasoning_tokens,
            },
        }
    }
}

/// The word for why an answer ends. A reason that this API does not know keeps its provider's word: a
/// client may not know it, but none of the known words would be true.
pub(super) fn finish_word<'a>(reason: &'a FinishReason<'_>, knows_tools: bool) -> &'a str {
    match reason {
        FinishReason::Stop | FinishReason::StopSequence(_) | FinishReason::Paused => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls if knows_tools => "tool_calls",
        FinishReason::ToolCalls => "function_call",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Other(word) => word,
    }
}
