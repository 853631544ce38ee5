//! How many tokens a message took.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::completion::TokenUsage;

/// Token counts as they stand now. A stream tells them at its start and again at its end, where each
/// number replaces the earlier one and what is absent or null leaves it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Counts {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

impl Counts {
    /// Joins what a `usage` member tells, and says where the counts stand then. What cannot be read as
    /// one tells nothing.
    pub(super) fn join(&mut self, told: &RawValue) -> Option<TokenUsage> {
        let told: Option<Self> = serde_json::from_str(told.get()).ok()?;
        let told = told?;
        self.input_tokens = told.input_tokens.or(self.input_tokens);
        self.output_tokens = told.output_tokens.or(self.output_tokens);
        self.cache_read_input_tokens = told
            .cache_read_input_tokens
            .or(self.cache_read_input_tokens);
        self.cache_creation_input_tokens = told
            .cache_creation_input_tokens
            .or(self.cache_creation_input_tokens);
        self.output_tokens_details = told.output_tokens_details.or(self.output_tokens_details);
        Some(self.usage())
    }

    /// `input_tokens` holds neither the cached tokens nor those that were written to a cache.
    fn usage(&self) -> TokenUsage {
        let cached_tokens = self.cache_read_input_tokens.unwrap_or(0);
        let cache_write_tokens = self.cache_creation_input_tokens.unwrap_or(0);
        let prompt_tokens = self.input_tokens.unwrap_or(0);
        TokenUsage {
            prompt_tokens: prompt_tokens
                .saturating_add(cached_tokens)
                .saturating_add(cache_write_tokens),
            completion_tokens: self.output_tokens.unwrap_or(0),
            cached_tokens,
            cache_write_tokens,
            reasoning_tokens: self
                .output_tokens_details
                .and_then(|details| details.thinking_tokens)
                .unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(counts: &mut Counts, text: &str) -> Option<TokenUsage> {
        counts.join(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn later_counts_replace_earlier_ones_and_null_leaves_them() {
        let mut counts = Counts::default();
        join(
            &mut counts,
            r#"{"input_tokens":10,"cache_read_input_tokens":5,"cache_creation_input_tokens":2,"output_tokens":1}"#,
        );
        let usage = join(
            &mut counts,
            r#"{"input_tokens":null,"output_tokens":40,"output_tokens_details":{"thinking_tokens":30}}"#,
        );
        let expected = TokenUsage {
            prompt_tokens: 17,
            completion_tokens: 40,
            cached_tokens: 5,
            cache_write_tokens: 2,
            reasoning_tokens: 30,
        };
        assert_eq!(usage, Some(expected));
        let repeated = join(&mut counts, r#"{"input_tokens":10,"output_tokens":40}"#);
        assert_eq!(repeated, Some(expected));
    }

    #[test]
    fn what_is_no_usage_tells_nothing_and_no_number_is_too_large() {
        let mut counts = Counts::default();
        for text in [
            "null",
            "7",
            r#"{"input_tokens":-1}"#,
            r#"{"input_tokens":1.5}"#,
        ] {
            assert_eq!(join(&mut counts, text), None, "{text}");
        }
        let text = format!(
            r#"{{"input_tokens":{0},"cache_read_input_tokens":{0}}}"#,
            u64::MAX
        );
        assert_eq!(join(&mut counts, &text).unwrap().prompt_tokens, u64::MAX);
    }
}
