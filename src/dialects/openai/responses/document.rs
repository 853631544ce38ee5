//! Writes a whole answer as a response.

use std::{borrow::Cow, mem};

use bytes::Bytes;

use super::{
    echo::Echo,
    thought,
    wire::{Content, Head, Item, NO_ARGUMENTS, Names, Response, Status, Summary, lack},
};
use crate::{
    completion::{Answer, PartKind},
    translation::Losses,
};

/// The response object of an answer.
pub(super) fn write(
    head: &mut Head,
    echo: &Echo,
    answer: &Answer<'_>,
    losses: &mut Losses,
) -> Bytes {
    head.told(
        answer.id.as_deref(),
        answer.model.as_deref(),
        answer.created,
    );
    let lack = answer.finish.as_ref().and_then(lack);
    let output = items(&head.names, answer, lack.is_some(), losses);
    let response = Response::ended(head, echo, &output, lack, answer.usage);
    let text = serde_json::to_vec(&response);
    Bytes::from(text.expect("strings, numbers and raw JSON always serialise"))
}

/// The parts of an answer as items. Texts and refusals that follow each other are parts of one
/// message; where something is lacking, it lacks at the end.
fn items<'a>(
    names: &Names,
    answer: &'a Answer<'_>,
    is_cut: bool,
    losses: &mut Losses,
) -> Vec<Item<'a>> {
    let mut items: Vec<Item<'a>> = Vec::new();
    // The whole answer's stand at its first text: where one text ends and another begins, tokens do not tell.
    let mut logprobs = answer.logprobs.clone();
    for part in &answer.parts {
        let place = items.len();
        match &part.kind {
            PartKind::Text(text) => {
                let part = Content::text(borrowed(text), mem::take(&mut logprobs));
                say(&mut items, names, part);
            }
            PartKind::Refusal(text) => {
                let refusal = borrowed(text);
                say(&mut items, names, Content::Refusal { refusal });
            }
            PartKind::Thinking { text, signature } => {
                let mut item = names.reasoning(place);
                if let Item::Reasoning {
                    summary,
                    encrypted_content,
                    ..
                } = &mut item
                {
                    if !text.is_empty() {
                        let text = borrowed(text);
                        summary.push(Summary { text });
                    }
                    *encrypted_content = signature.as_deref().map(thought::signed);
                }
                items.push(item);
            }
            PartKind::RedactedThinking(data) => items.push(names.redacted(place, data)),
            PartKind::ToolCall {
                id,
                name,
                arguments: told,
            } => {
                let mut item = names.call(place, borrowed(id), borrowed(name));
                if let Item::FunctionCall { arguments, .. } = &mut item {
                    *arguments = borrowed(told);
                }
                items.push(item);
            }
            // No model has said these yet.
            PartKind::Image { .. } | PartKind::File { .. } | PartKind::ToolResult { .. } => {
                losses.add(part.kind.word());
            }
        }
    }
    if !logprobs.is_empty() {
        losses.add("logprobs");
    }
    let last = items.len().saturating_sub(1);
    for (place, item) in items.iter_mut().enumerate() {
        if is_cut && place == last {
            item.set_status(Status::Incomplete);
            continue;
        }
        item.set_status(Status::Completed);
        match item {
            Item::FunctionCall { arguments, .. } if arguments.is_empty() => {
                *arguments = NO_ARGUMENTS.into();
            }
            _ => {}
        }
    }
    items
}

fn say<'a>(items: &mut Vec<Item<'a>>, names: &Names, part: Content<'a>) {
    if !matches!(items.last(), Some(Item::Message { .. })) {
        items.push(names.message(items.len()));
    }
    if let Some(Item::Message { content, .. }) = items.last_mut() {
        content.push(part);
    }
}

fn borrowed(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}
