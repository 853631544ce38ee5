//! An answer in our own words, whole or piece by piece.
//!
//! A provider's API reads its answers into this, and a dialect writes its own out of it.

use std::borrow::Cow;

use super::{Part, TokenUsage};

/// A whole answer.
#[derive(Default)]
pub struct Answer<'a> {
    /// The provider's id of it.
    pub id: Option<Cow<'a, str>>,
    /// The model that answered, by the provider's name.
    pub model: Option<Cow<'a, str>>,
    /// Seconds since 1970, if the provider tells.
    pub created: Option<u64>,
    /// Texts, thoughts, refusals and calls of tools, in order.
    pub parts: Vec<Part<'a>>,
    /// Why it ends, if the provider tells.
    pub finish: Option<FinishReason<'a>>,
    /// What it took, if the provider tells.
    pub usage: Option<TokenUsage>,
}

/// A piece of an answer, as one event of a stream brings it; an event may bring several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta<'a> {
    /// The answer begins. Comes first and once; what the provider does not tell is `None`.
    Start {
        /// The provider's id of it.
        id: Option<Cow<'a, str>>,
        /// The model that answers, by the provider's name.
        model: Option<Cow<'a, str>>,
        /// Seconds since 1970.
        created: Option<u64>,
    },
    /// More text.
    Text(Cow<'a, str>),
    /// More of a refusal.
    Refusal(Cow<'a, str>),
    /// More of a thought.
    Thinking(Cow<'a, str>),
    /// The thought so far is over, and this is its proof.
    Signature(Cow<'a, str>),
    /// A whole thought that only its provider can read.
    RedactedThinking(Cow<'a, str>),
    /// The model begins to call a function.
    ToolCall {
        /// Which call of this answer, counted from 0 without a gap.
        index: usize,
        /// By which its result is told; never empty.
        id: Cow<'a, str>,
        /// The function.
        name: Cow<'a, str>,
    },
    /// More of a call's arguments, a piece of JSON.
    ToolArguments {
        /// Which call, one that has begun.
        index: usize,
        /// The piece.
        text: Cow<'a, str>,
    },
    /// What the answer has taken so far; the last one counts.
    Usage(TokenUsage),
    /// Why the answer ends. Nothing but usage comes after it.
    Finish(FinishReason<'a>),
    /// Something for which there is no word here, under the name that docs/providers.md gives it.
    Lost(&'static str),
}

/// Why an answer ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FinishReason<'a> {
    /// All was said.
    Stop,
    /// One of the request's stop texts came; this one, if the provider tells.
    StopSequence(Option<Cow<'a, str>>),
    /// `max_tokens`, or the model's own bound.
    Length,
    /// A function is to be called.
    ToolCalls,
    /// The model refuses, or a filter held it back.
    ContentFilter,
    /// The provider paused a long turn (Anthropic `pause_turn`).
    Paused,
    /// Another word of the provider's.
    Other(Cow<'a, str>),
}
