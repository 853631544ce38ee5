//! What only a provider of kind `anthropic` has.

use schemars::JsonSchema;
use serde::Deserialize;

/// What requests say that are told in our words and written for Anthropic; one that a client wrote for
/// it passes as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnthropicSettings {
    /// Most tokens of an answer where the client names none, 1 to 1 000 000: Anthropic needs a number.
    /// Setting `providers.max_tokens`, default 8192.
    pub max_tokens: u64,
    /// How its models are told to think. Setting `providers.thinking`, default adaptive.
    pub thinking: ThinkingStyle,
}

/// How Anthropic's models are told to think ("Thinking", read November 2026).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ThinkingStyle {
    /// By effort, and the model decides how many tokens: Claude 4.6 and later, where 4.7 and later
    /// refuse anything else.
    #[default]
    Adaptive,
    /// By a number of tokens: those before, and still 4.6.
    Budget,
}

impl AnthropicSettings {
    /// As written, with the defaults for what is not.
    pub(super) fn new(max_tokens: Option<u64>, thinking: Option<ThinkingStyle>) -> Self {
        Self {
            max_tokens: max_tokens.unwrap_or(8192),
            thinking: thinking.unwrap_or_default(),
        }
    }
}

impl Default for AnthropicSettings {
    fn default() -> Self {
        Self::new(None, None)
    }
}
