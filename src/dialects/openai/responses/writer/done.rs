//! The events that tell that something is done, which repeat all of it.

use super::event::{Event, Part, SummaryText, Told};
use crate::dialects::openai::{
    logprobs::Tokens,
    responses::wire::{Content, Item, Summary},
};

/// An item is done, and what of it is still open.
pub(super) fn item_done(item: &Item<'_>, place: usize, told: &mut Told<'_>) {
    match item {
        Item::Message { id, content, .. } => part_done(id, place, content, told),
        Item::Reasoning { id, summary, .. } => {
            if let Some(Summary { text }) = summary.last() {
                let event = Event {
                    r#type: "response.reasoning_summary_text.done",
                    text: Some(text),
                    ..of_summary(id, place)
                };
                told.tell(event);
                let event = Event {
                    r#type: "response.reasoning_summary_part.done",
                    part: Some(Part::Summary(SummaryText { text })),
                    ..of_summary(id, place)
                };
                told.tell(event);
            }
        }
        Item::FunctionCall {
            id,
            name,
            arguments,
            ..
        } => {
            let event = Event {
                r#type: "response.function_call_arguments.done",
                item_id: Some(id),
                output_index: Some(place),
                name: Some(name),
                arguments: Some(arguments),
                ..Event::default()
            };
            told.tell(event);
        }
    }
    let event = Event {
        r#type: "response.output_item.done",
        output_index: Some(place),
        item: Some(item),
        ..Event::default()
    };
    told.tell(event);
}

/// The last part of a message is done, if it has one.
pub(super) fn part_done(id: &str, place: usize, content: &[Content<'_>], told: &mut Told<'_>) {
    let Some(part) = content.last() else {
        return;
    };
    let event = match part {
        Content::OutputText { text, logprobs, .. } => Event {
            r#type: "response.output_text.done",
            text: Some(text),
            logprobs: Some(Tokens(logprobs)),
            ..of_content(id, place, content)
        },
        Content::Refusal { refusal } => Event {
            r#type: "response.refusal.done",
            refusal: Some(refusal),
            ..of_content(id, place, content)
        },
    };
    told.tell(event);
    let event = Event {
        r#type: "response.content_part.done",
        part: Some(Part::Content(part)),
        ..of_content(id, place, content)
    };
    told.tell(event);
}

/// An event of a message's last part.
pub(super) fn of_content<'a>(id: &'a str, place: usize, content: &[Content<'_>]) -> Event<'a> {
    Event {
        item_id: Some(id),
        output_index: Some(place),
        content_index: Some(content.len().saturating_sub(1)),
        ..Event::default()
    }
}

/// An event of a thought's only text.
pub(super) fn of_summary(id: &str, place: usize) -> Event<'_> {
    Event {
        item_id: Some(id),
        output_index: Some(place),
        summary_index: Some(0),
        ..Event::default()
    }
}
