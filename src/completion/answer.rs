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
    /// How likely the tokens of its texts were, in order, if that was asked for.
    pub logprobs: Vec<TokenLogprob<'a>>,
    /// Why it ends, if the provider tells.
    pub finish: Option<FinishReason<'a>>,
    /// What it took, if the provider tells.
    pub usage: Option<TokenUsage>,
}

/// A piece of an answer, as one event of a stream brings it; an event may bring several.
#[derive(Clone, Debug, PartialEq)]
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
    Text(TextPiece<'a>),
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

/// A piece of a text, and how likely its tokens were, if that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextPiece<'a> {
    /// The piece. Empty beside tokens of which nothing can be shown yet: a character may take several.
    pub text: Cow<'a, str>,
    /// Its tokens.
    pub logprobs: Vec<TokenLogprob<'a>>,
}

impl TextPiece<'_> {
    /// Whether it tells nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.logprobs.is_empty()
    }
}

impl<'a> From<Cow<'a, str>> for TextPiece<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self {
            text,
            logprobs: Vec::new(),
        }
    }
}

impl<'a> From<&'a str> for TextPiece<'a> {
    fn from(text: &'a str) -> Self {
        Cow::Borrowed(text).into()
    }
}

/// How likely a token of a text was.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogprob<'a> {
    /// The token, and how likely it was.
    pub chosen: Likely<'a>,
    /// The likeliest tokens in its place, if they were asked for; it may be among them. No more than
    /// the provider's event or document holds.
    pub alternatives: Vec<Likely<'a>>,
}

/// A token, and how likely it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Likely<'a> {
    /// Its text; of a token that is no whole character only the provider's way to show it.
    pub token: Cow<'a, str>,
    /// The natural logarithm of its probability; OpenAI tells -9999 of what is too unlikely to be counted.
    pub logprob: f64,
    /// Its bytes, if the provider tells them.
    pub bytes: Option<Vec<u8>>,
}

impl TokenLogprob<'_> {
    /// One of its own, for a dialect whose last event repeats all of them.
    #[must_use]
    pub fn into_owned(self) -> TokenLogprob<'static> {
        TokenLogprob {
            chosen: self.chosen.into_owned(),
            alternatives: self
                .alternatives
                .into_iter()
                .map(Likely::into_owned)
                .collect(),
        }
    }
}

impl Likely<'_> {
    fn into_owned(self) -> Likely<'static> {
        Likely {
            token: Cow::Owned(self.token.into_owned()),
            logprob: self.logprob,
            bytes: self.bytes,
        }
    }
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
