//! How likely the tokens of an answer were, in the lists of OpenAI's elder completions API: Sourcegraph
//! has them from Fireworks, in its source as in its answers.

use std::collections::HashSet;

use serde::{Serialize, Serializer};

use super::ascii;
use crate::{
    completion::{Likely, TextPiece, TokenLogprob},
    translation::Losses,
};

/// One entry a token in each list.
#[derive(Serialize)]
pub(super) struct Logprobs<'a> {
    tokens: Vec<&'a str>,
    token_logprobs: Vec<f64>,
    top_logprobs: Vec<Alternatives<'a>>,
    /// Where each begins, in characters from the beginning of the answer.
    text_offset: Vec<usize>,
}

/// As an object: of tokens that are shown alike the likeliest counts.
struct Alternatives<'a>(&'a [Likely<'a>]);

impl Serialize for Alternatives<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seen = HashSet::with_capacity(self.0.len());
        let first = self.0.iter().filter(|it| seen.insert(&it.token));
        serializer.collect_map(first.map(|it| (&it.token, it.logprob)))
    }
}

impl<'a> Logprobs<'a> {
    /// Of the tokens of a text that begins so many characters into the answer; `None`: there are none.
    /// Bytes that a token's text does not show are lost.
    pub(super) fn of(
        tokens: &'a [TokenLogprob<'a>],
        begins: usize,
        losses: &mut Losses,
    ) -> Option<Self> {
        let hides = |it: &Likely<'_>| {
            let bytes = it.bytes.as_deref();
            bytes.is_some_and(|bytes| bytes != it.token.as_bytes())
        };
        let mut all = tokens
            .iter()
            .flat_map(|token| std::iter::once(&token.chosen).chain(&token.alternatives));
        if all.any(hides) {
            losses.add("logprobs.bytes");
        }
        let mut end = begins;
        let text_offset = tokens.iter().map(|token| {
            let begin = end;
            end += begun(&token.chosen);
            begin
        });
        (!tokens.is_empty()).then(|| Self {
            text_offset: text_offset.collect(),
            tokens: tokens.iter().map(|it| &*it.chosen.token).collect(),
            token_logprobs: tokens.iter().map(|it| it.chosen.logprob).collect(),
            top_logprobs: tokens
                .iter()
                .map(|it| Alternatives(&it.alternatives))
                .collect(),
        })
    }
}

/// How many characters a piece adds to the answer: by its tokens, if it has any, so that the offsets of the
/// next go on where these end.
pub(super) fn chars(piece: &TextPiece<'_>) -> usize {
    if piece.logprobs.is_empty() {
        return piece.text.chars().count();
    }
    piece
        .logprobs
        .iter()
        .map(|token| begun(&token.chosen))
        .sum()
}

/// How many characters begin in a token: it may hold a part of one, which its text cannot tell.
fn begun(token: &Likely<'_>) -> usize {
    let is_first = |byte: &&u8| !matches!(byte, 0x80..=0xBF);
    match &token.bytes {
        Some(bytes) => bytes.iter().filter(is_first).count(),
        None => token.token.chars().count(),
    }
}

/// All that were told so far, as they stand on the wire, so that nothing is written twice.
#[derive(Debug, Default)]
pub(super) struct Accumulated([String; 4]);

impl Accumulated {
    const NAMES: [&'static str; 4] = ["tokens", "token_logprobs", "top_logprobs", "text_offset"];

    pub(super) fn extend(&mut self, more: &Logprobs<'_>) {
        let lists = [
            ascii::to_string(&more.tokens),
            ascii::to_string(&more.token_logprobs),
            ascii::to_string(&more.top_logprobs),
            ascii::to_string(&more.text_offset),
        ];
        for (known, list) in self.0.iter_mut().zip(lists) {
            if !known.is_empty() {
                known.push(',');
            }
            known.push_str(&list[1..list.len() - 1]);
        }
    }

    /// Adds them as a further member of an object; nothing where there are none.
    pub(super) fn push_onto(&self, json: &mut String) {
        if self.0[0].is_empty() {
            return;
        }
        let mut before = r#","logprobs":{""#;
        for (name, list) in Self::NAMES.iter().zip(&self.0) {
            for text in [before, name, r#"":["#, list, "]"] {
                json.push_str(text);
            }
            before = r#",""#;
        }
        json.push('}');
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.0.iter().map(String::len).sum()
    }
}
