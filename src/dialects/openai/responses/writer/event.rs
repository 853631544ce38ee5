//! One event of a response stream (OpenAI API reference, "Streaming events", read November 2026).

use serde::Serialize;

use crate::{
    dialects::openai::{
        logprobs::Tokens,
        responses::wire::{Content, Item, Response},
    },
    upstream::sse_decoder::SseEvent,
};

/// All members that an event of some type has; those that are `None` it has not.
#[derive(Default, Serialize)]
pub(super) struct Event<'a> {
    pub(super) r#type: &'static str,
    pub(super) sequence_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<Response<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<&'a Item<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<Part<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arguments: Option<&'a str>,
    /// SDKs require the list beside a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<Tokens<'a>>,
}

/// A part of a message or of a thought.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Part<'a> {
    Content(&'a Content<'a>),
    Summary(SummaryText<'a>),
}

/// What may be seen of a thought.
#[derive(Serialize)]
#[serde(tag = "type", rename = "summary_text")]
pub(super) struct SummaryText<'a> {
    pub(super) text: &'a str,
}

/// Counts the events of one response.
#[derive(Default)]
pub(super) struct Sequence(u64);

/// Where the next events go.
pub(super) struct Told<'e> {
    sequence: &'e mut Sequence,
    events: &'e mut Vec<SseEvent>,
}

impl Sequence {
    /// Goes on in these.
    pub(super) fn onto<'e>(&'e mut self, events: &'e mut Vec<SseEvent>) -> Told<'e> {
        Told {
            sequence: self,
            events,
        }
    }
}

impl Told<'_> {
    /// Adds an event, named by its type as well.
    pub(super) fn tell(&mut self, mut event: Event<'_>) {
        event.sequence_number = self.sequence.0;
        self.sequence.0 += 1;
        let data = serde_json::to_string(&event);
        self.events.push(SseEvent {
            event: Some(event.r#type.into()),
            id: None,
            data: data
                .expect("strings, numbers and raw JSON always serialise")
                .into(),
        });
    }
}
