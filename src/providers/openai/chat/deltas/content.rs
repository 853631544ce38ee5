//! A content: a text, or with Mistral a list of typed parts.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::wire::text;
use crate::{completion::Delta, providers::BadEvent};

/// Adds what a content says.
///
/// # Errors
/// It is of another type.
pub(super) fn read<'a>(content: &'a RawValue, deltas: &mut Vec<Delta<'a>>) -> Result<(), BadEvent> {
    match content.get().as_bytes().first() {
        Some(b'"') => deltas.extend(text(Some(content)).map(said)),
        Some(b'[') => {
            let parts: Vec<ContentPart<'a>> =
                serde_json::from_str(content.get()).map_err(|_| BadEvent)?;
            parts.iter().for_each(|part| part.read(deltas));
        }
        _ if content.get() == "null" => {}
        _ => return Err(BadEvent),
    }
    Ok(())
}

fn said(text: Cow<'_, str>) -> Delta<'_> {
    Delta::Text(text.into())
}

/// A typed part (Mistral API reference, "Chat completion", read November 2026).
#[derive(Deserialize)]
struct ContentPart<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    /// Texts in a list of their own.
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
}

impl<'a> ContentPart<'a> {
    fn read(&self, deltas: &mut Vec<Delta<'a>>) {
        match text(self.kind).as_deref() {
            Some("text") => deltas.extend(text(self.text).map(said)),
            Some("refusal") => deltas.extend(text(self.refusal).map(Delta::Refusal)),
            Some("thinking") => {
                let listed = self.thinking.map(RawValue::get).unwrap_or_default();
                let texts: Vec<Option<&RawValue>> = serde_json::from_str::<Vec<Self>>(listed)
                    .map_or_else(
                        |_| vec![self.thinking],
                        |parts| parts.iter().map(|part| part.text).collect(),
                    );
                let texts = texts.into_iter().filter_map(text);
                deltas.extend(texts.map(Delta::Thinking));
            }
            _ => deltas.push(Delta::Lost("content")),
        }
    }
}
