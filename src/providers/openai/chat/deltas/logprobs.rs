//! How likely the tokens of a text were.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::wire::carries;
use crate::completion::{Delta, Likely, TextPiece, TokenLogprob};

/// The member of a choice (OpenAI API reference, "Create chat completion", read November 2026). The lists
/// of the elder completions API, in which some servers answer, have no word here.
#[derive(Deserialize)]
struct Logprobs<'a> {
    #[serde(borrow)]
    content: Option<Vec<Token<'a>>>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
}

/// A token that was chosen, or one of those that could have been.
#[derive(Deserialize)]
struct Token<'a> {
    #[serde(borrow)]
    token: Cow<'a, str>,
    logprob: f64,
    bytes: Option<Vec<u8>>,
    #[serde(borrow)]
    top_logprobs: Option<Vec<Token<'a>>>,
}

impl<'a> Token<'a> {
    fn told(mut self) -> TokenLogprob<'a> {
        let alternatives = self.top_logprobs.take().unwrap_or_default().into_iter();
        TokenLogprob {
            alternatives: alternatives.map(Self::likely).collect(),
            chosen: self.likely(),
        }
    }

    fn likely(self) -> Likely<'a> {
        Likely {
            token: self.token,
            logprob: self.logprob,
            bytes: self.bytes,
        }
    }
}

/// Adds what is told of a choice's tokens to the text that it says, which are the deltas from `said` on. A
/// choice that says nothing has tokens that show nothing yet; those of thoughts and calls are lost.
pub(super) fn read<'a>(told: &'a RawValue, said: usize, deltas: &mut Vec<Delta<'a>>) {
    let Ok(told) = serde_json::from_str::<Logprobs<'a>>(told.get()) else {
        return deltas.push(Delta::Lost("logprobs"));
    };
    if carries(told.refusal) {
        deltas.push(Delta::Lost("logprobs.refusal"));
    }
    let tokens = told.content.unwrap_or_default().into_iter();
    let logprobs: Vec<_> = tokens.map(Token::told).collect();
    if logprobs.is_empty() {
        return;
    }
    let said = &mut deltas[said..];
    let says_else = said.iter().any(|delta| !matches!(delta, Delta::Lost(_)));
    let text = said.iter_mut().rev().find_map(|delta| match delta {
        Delta::Text(piece) => Some(piece),
        _ => None,
    });
    match text {
        Some(piece) => piece.logprobs = logprobs,
        None if says_else => deltas.push(Delta::Lost("logprobs")),
        None => deltas.push(Delta::Text(TextPiece {
            text: Cow::Borrowed(""),
            logprobs,
        })),
    }
}
