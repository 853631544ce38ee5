//! Thoughts as OpenRouter's `reasoning_details` have them.

/// The format of thoughts with Anthropic's signatures and encryption.
pub(super) const ANTHROPIC: &str = "anthropic-claude-v1";
