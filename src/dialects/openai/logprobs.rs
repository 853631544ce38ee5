//! How likely the tokens of a text were, as chat completions and responses both write it (OpenAI API
//! reference, "Create chat completion" and "The response object", read November 2026).

use serde::{Serialize, Serializer};

use crate::completion::{Likely, TokenLogprob};

/// The tokens of a text, in order.
pub(super) struct Tokens<'a>(pub(super) &'a [TokenLogprob<'a>]);

#[derive(Serialize)]
struct Token<'a> {
    #[serde(flatten)]
    chosen: One<'a>,
    top_logprobs: Vec<One<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    token: &'a str,
    logprob: f64,
    bytes: Option<&'a [u8]>,
}

impl Serialize for Tokens<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.0, serializer)
    }
}

/// Writes them where they are a member.
pub(super) fn write<S: Serializer>(
    tokens: &[TokenLogprob<'_>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tokens.iter().map(|token| Token {
        chosen: one(&token.chosen),
        top_logprobs: token.alternatives.iter().map(one).collect(),
    }))
}

fn one<'a>(likely: &'a Likely<'_>) -> One<'a> {
    One {
        token: &likely.token,
        logprob: likely.logprob,
        bytes: likely.bytes.as_deref(),
    }
}

/// How many bytes tokens take while they are kept.
pub(super) fn held_bytes(tokens: &[TokenLogprob<'_>]) -> usize {
    let likely = |likely: &Likely<'_>| {
        let bytes = likely.bytes.as_ref().map_or(0, Vec::len);
        size_of::<Likely<'_>>() + likely.token.len() + bytes
    };
    let token = |token: &TokenLogprob<'_>| {
        let alternatives: usize = token.alternatives.iter().map(likely).sum();
        size_of::<TokenLogprob<'_>>() + likely(&token.chosen) + alternatives
    };
    tokens.iter().map(token).sum()
}

/// A token of which one other was likely.
#[cfg(test)]
pub(super) fn token(text: &str) -> TokenLogprob<'_> {
    let likely = |token, logprob, bytes| Likely {
        token: std::borrow::Cow::Borrowed(token),
        logprob,
        bytes,
    };
    TokenLogprob {
        chosen: likely(text, -0.5, Some(text.as_bytes().to_vec())),
        alternatives: vec![likely("J", -1.5, None)],
    }
}
