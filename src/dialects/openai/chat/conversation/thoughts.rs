//! What the model thought, as clients give it back.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::{
    completion::{Part, PartKind},
    dialects::{
        fields::{Fields, Path},
        openai::chat::wire,
    },
    error::RequestError,
    translation::Losses,
};

/// Reads the thoughts of an assistant's message: `reasoning_details` as OpenRouter has them, and the
/// text in `reasoning_content` (DeepSeek, vLLM) or `reasoning` (OpenRouter, Groq), which repeats theirs.
///
/// # Errors
/// One of them is of another type.
pub(super) fn parts<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Vec<Part<'a>>, RequestError> {
    let text = fields.text("reasoning_content")?;
    let text = text.or(fields.text("reasoning")?);
    let mut thoughts = Thoughts::default();
    if let Some(details) = fields.take("reasoning_details")? {
        let path = fields.path.member("reasoning_details");
        for (place, detail) in path.list(details, "a list")?.into_iter().enumerate() {
            thoughts.add(detail, path.place(place), losses)?;
        }
    }
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        thoughts.told_beside(text, losses);
    }
    Ok(thoughts.kinds.into_iter().map(Part::from).collect())
}

#[derive(Default)]
struct Thoughts<'a> {
    kinds: Vec<PartKind<'a>>,
    /// The `index` of the last one, if more of its text may follow.
    open: Option<Option<u64>>,
}

impl<'a> Thoughts<'a> {
    fn add(
        &mut self,
        detail: &'a RawValue,
        path: Path<'_>,
        losses: &mut Losses,
    ) -> Result<(), RequestError> {
        let mut fields = Fields::read(detail, path)?;
        let kind = fields.name("type")?;
        let index = fields.value("index", "a whole number")?;
        // What proves a thought to one provider says nothing to another.
        let format = fields.text("format")?;
        let is_known = format.is_none_or(|format| format == wire::THOUGHT_FORMAT);
        let mut proof = |proof: Option<Cow<'a, str>>| {
            let proof = proof.filter(|proof| !proof.is_empty());
            if proof.is_some() && !is_known {
                losses.add("thinking");
            }
            proof.filter(|_| is_known)
        };
        match &*kind {
            wire::THOUGHT => {
                let signature = proof(fields.text("signature")?);
                let text = fields.text("text")?.unwrap_or_default();
                self.text(index, text, signature);
            }
            "reasoning.summary" => {
                let text = fields.text("summary")?.unwrap_or_default();
                self.text(index, text, None);
            }
            wire::REDACTED_THOUGHT => {
                let data = proof(fields.text("data")?);
                self.kinds.extend(data.map(PartKind::RedactedThinking));
                self.open = None;
            }
            _ => losses.add("thinking"),
        }
        fields.lose_rest(losses);
        Ok(())
    }

    /// Some clients give back the pieces of a stream as they came: those of one index are one thought,
    /// up to its signature.
    fn text(&mut self, index: Option<u64>, text: Cow<'a, str>, signature: Option<Cow<'a, str>>) {
        let is_more = self.open == Some(index);
        self.open = signature.is_none().then_some(index);
        match self.kinds.last_mut() {
            Some(PartKind::Thinking {
                text: told,
                signature: proof,
            }) if is_more => {
                told.to_mut().push_str(&text);
                *proof = signature;
            }
            _ => self.kinds.push(PartKind::Thinking { text, signature }),
        }
    }

    /// The text of all thoughts, for those whose details do not tell it. Where they tell another, theirs
    /// stays: it is the one that is proved.
    fn told_beside(&mut self, all: Cow<'a, str>, losses: &mut Losses) {
        let mut texts = self.kinds.iter_mut().filter_map(|kind| match kind {
            PartKind::Thinking { text, .. } => Some(text),
            _ => None,
        });
        match texts.next() {
            Some(first) => {
                let mut told = first.clone().into_owned();
                texts.for_each(|text| told.push_str(text));
                if told.is_empty() {
                    *first = all;
                } else if told != all {
                    losses.add("thinking");
                }
            }
            None => self.kinds.insert(
                0,
                PartKind::Thinking {
                    text: all,
                    signature: None,
                },
            ),
        }
    }
}
