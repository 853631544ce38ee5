//! The tokens that a chunk or a completion says were spent.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{completion::TokenUsage, raw_json::RawObject};

/// What is told by OpenAI's member, else by the one of Groq's own.
pub(super) fn told(usage: Option<&RawValue>, x_groq: Option<&RawValue>) -> Option<TokenUsage> {
    usage.and_then(read).or_else(|| {
        let groq: Groq<'_> = serde_json::from_str(x_groq?.get()).ok()?;
        read(groq.usage?)
    })
}

/// What a whole completion tells.
pub(in crate::providers::openai) fn of_document(document: &RawObject<'_>) -> Option<TokenUsage> {
    told(document.get("usage"), document.get("x_groq"))
}

/// Reads a `usage` object (OpenAI API reference, "Chat completion object"; the cache's counts also as
/// OpenRouter, DeepSeek and Moonshot tell them; all read November 2026).
fn read(usage: &RawValue) -> Option<TokenUsage> {
    let usage: Usage = serde_json::from_str(usage.get()).ok()?;
    let prompt = usage.prompt_tokens_details.unwrap_or_default();
    let completion = usage.completion_tokens_details.unwrap_or_default();
    let cached = prompt.cached_tokens.or(usage.prompt_cache_hit_tokens);
    Some(TokenUsage {
        prompt_tokens: usage.prompt_tokens.unwrap_or(0),
        completion_tokens: usage.completion_tokens.unwrap_or(0),
        cached_tokens: cached.or(usage.cached_tokens).unwrap_or(0),
        cache_write_tokens: prompt.cache_write_tokens.unwrap_or(0),
        reasoning_tokens: completion.reasoning_tokens.unwrap_or(0),
    })
}

#[derive(Deserialize)]
struct Groq<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_cache_hit_tokens: Option<u64>,
    cached_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Default, Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_by(document: &str) -> Option<TokenUsage> {
        of_document(&RawObject::parse(document).unwrap())
    }

    #[test]
    fn usage_is_read_wherever_a_provider_tells_it() {
        let plain = TokenUsage {
            prompt_tokens: 3,
            completion_tokens: 5,
            ..TokenUsage::default()
        };
        let cached = TokenUsage {
            cached_tokens: 2,
            ..plain
        };
        for (text, expected) in [
            (
                r#"{"usage":{"prompt_tokens":3,"completion_tokens":5}}"#,
                plain,
            ),
            (
                r#"{"x_groq":{"id":"r","usage":{"prompt_tokens":3,"completion_tokens":5}}}"#,
                plain,
            ),
            (
                r#"{"usage":null,"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":5,"queue_time":0.1}}}"#,
                plain,
            ),
            (
                r#"{"usage":{"prompt_tokens":3,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":2}}}"#,
                cached,
            ),
            (
                r#"{"usage":{"prompt_tokens":3,"completion_tokens":5,"prompt_cache_hit_tokens":2,"prompt_cache_miss_tokens":1}}"#,
                cached,
            ),
            (
                r#"{"usage":{"prompt_tokens":3,"completion_tokens":5,"cached_tokens":2,"prompt_tokens_details":null}}"#,
                cached,
            ),
            (
                r#"{"usage":{"prompt_tokens":3,"completion_tokens":5,"prompt_tokens_details":{"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":4}}}"#,
                TokenUsage {
                    cache_write_tokens: 1,
                    reasoning_tokens: 4,
                    ..plain
                },
            ),
        ] {
            assert_eq!(told_by(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_usage_tells_none() {
        for text in [
            "{}",
            r#"{"usage":null,"x_groq":null}"#,
            r#"{"usage":"much","x_groq":{"id":"r"}}"#,
        ] {
            assert_eq!(told_by(text), None, "{text}");
        }
    }
}
