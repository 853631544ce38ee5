//! Chunks and completions as they come, read leniently: servers that call themselves compatible differ
//! in what they leave out and in how they spell it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A chunk of a stream or a whole completion (OpenAI API reference, "Chat completion chunk object" and
/// "Chat completion object", read November 2026).
#[derive(Deserialize)]
pub(super) struct Completion<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) model: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) created: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    /// What Groq tells beside, usage among it.
    #[serde(borrow)]
    pub(super) x_groq: Option<&'a RawValue>,
    /// Perplexity's sources.
    #[serde(borrow)]
    pub(super) citations: Option<&'a RawValue>,
}

/// One alternative.
#[derive(Deserialize)]
pub(super) struct Choice<'a> {
    pub(super) index: Option<u64>,
    /// In a chunk.
    #[serde(borrow)]
    pub(super) delta: Option<Said<'a>>,
    /// In a completion.
    #[serde(borrow)]
    pub(super) message: Option<Said<'a>>,
    /// What the older completions have in place of both.
    #[serde(borrow)]
    pub(super) text: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<&'a RawValue>,
    /// The text that stopped it, with vLLM; a token's number where no text did.
    #[serde(borrow)]
    pub(super) stop_reason: Option<&'a RawValue>,
    /// The same with SGLang.
    #[serde(borrow)]
    pub(super) matched_stop: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) logprobs: Option<&'a RawValue>,
}

/// What the model says: all of it, or more of it.
#[derive(Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reasoning_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<Vec<CallPiece<'a>>>,
    /// The form before `tool_calls`, of one call at most.
    #[serde(borrow)]
    pub(super) function_call: Option<Function<'a>>,
    #[serde(borrow)]
    pub(super) audio: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) images: Option<&'a RawValue>,
}

/// A call of a tool, or more of it.
#[derive(Deserialize)]
pub(super) struct CallPiece<'a> {
    pub(super) index: Option<u64>,
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) function: Option<Function<'a>>,
    /// A call of a tool that takes plain text.
    #[serde(borrow)]
    pub(super) custom: Option<&'a RawValue>,
    /// Where Gemini's server keeps the proof of a thought.
    #[serde(borrow)]
    pub(super) extra_content: Option<&'a RawValue>,
}

impl<'a> CallPiece<'a> {
    /// The one call of an answer in the form that knows but one.
    pub(super) fn the_only(function: Function<'a>) -> Self {
        Self {
            index: Some(0),
            id: None,
            function: Some(function),
            custom: None,
            extra_content: None,
        }
    }
}

/// Which function is called, and with what.
#[derive(Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub(super) name: Option<&'a RawValue>,
    /// A string of JSON, with some servers the JSON itself.
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
}

/// The value if it is a string that is not empty.
pub(super) fn text(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    let Text(text) = serde_json::from_str(value?.get()).ok()?;
    (!text.is_empty()).then_some(text)
}

/// Whether a value holds anything: present, not null, and not an empty string, list or object.
pub(super) fn carries(value: Option<&RawValue>) -> bool {
    value.is_some_and(|value| !matches!(value.get(), "null" | r#""""# | "[]" | "{}"))
}
