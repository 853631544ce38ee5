//! What a model thought, by the members that servers have for it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::{
    thought::ANTHROPIC,
    wire::{Said, text},
};
use crate::completion::Delta;

/// One entry of `reasoning_details` (OpenRouter documentation, "Reasoning tokens", read November 2026).
#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    #[serde(borrow)]
    signature: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
}

/// Adds what is told of thoughts. `reasoning_content` (DeepSeek and most), `reasoning` (Groq,
/// OpenRouter, vLLM) and the texts in `reasoning_details` repeat each other where there are several,
/// so one of them is taken: the details if they have texts, for their signatures belong to them.
pub(super) fn read<'a>(said: &Said<'a>, deltas: &mut Vec<Delta<'a>>) {
    let mut told = Vec::new();
    if let Some(details) = said.reasoning_details {
        match serde_json::from_str::<Vec<&'a RawValue>>(details.get()) {
            Ok(details) => details
                .into_iter()
                .for_each(|raw| read_detail(raw, &mut told)),
            Err(_) if details.get() == "null" => {}
            Err(_) => told.push(Delta::Lost("reasoning_details")),
        }
    }
    if !told.iter().any(|delta| matches!(delta, Delta::Thinking(_))) {
        let plain = text(said.reasoning_content).or_else(|| text(said.reasoning));
        deltas.extend(plain.map(Delta::Thinking));
    }
    deltas.append(&mut told);
}

fn read_detail<'a>(raw: &'a RawValue, deltas: &mut Vec<Delta<'a>>) {
    let Ok(detail) = serde_json::from_str::<Detail<'a>>(raw.get()) else {
        return deltas.push(Delta::Lost("reasoning_details"));
    };
    match text(detail.kind).as_deref() {
        Some("reasoning.text" | "reasoning.summary") => {
            let thought = text(detail.text).or_else(|| text(detail.summary));
            deltas.extend(thought.map(Delta::Thinking));
            deltas.extend(text(detail.signature).map(Delta::Signature));
        }
        Some("reasoning.encrypted") => match text(detail.data) {
            // Of another format, the server needs its other members back as well.
            Some(data) if text(detail.format).as_deref() == Some(ANTHROPIC) => {
                deltas.push(Delta::RedactedThinking(data));
            }
            Some(_) => deltas.push(Delta::RedactedThinking(raw.get().into())),
            None => {}
        },
        _ => deltas.push(Delta::Lost("reasoning_details")),
    }
}
