//! The items of one response as they grow, and the events that tell of it.

use std::borrow::Cow;

use super::{
    done::{item_done, of_content, of_summary, part_done},
    event::{Event, Part, SummaryText, Told},
};
use crate::{
    completion::{TextPiece, TokenLogprob},
    dialects::openai::{
        logprobs::{self, Tokens},
        responses::{
            thought,
            wire::{Content, Item, NO_ARGUMENTS, Names, Status, Summary},
        },
    },
};

/// What an item, or a part of one, counts for beside its text, in bytes: about what it takes.
const ITEM_BYTES: usize = 256;

/// All that was said so far.
///
/// Texts and refusals that follow each other are parts of one message, each thought is an item of
/// reasoning, and each call one of its own. A message and a thought are done as soon as something else
/// begins; calls are done when the answer is, because a provider may tell the arguments of several by
/// turns.
#[derive(Default)]
pub(super) struct Output {
    items: Vec<Item<'static>>,
    /// The place of the message or thought that goes on.
    open: Option<usize>,
    /// The places of the calls, in their order.
    calls: Vec<usize>,
    held: usize,
}

impl Output {
    /// What is there, in order.
    pub(super) fn items(&self) -> &[Item<'static>] {
        &self.items
    }

    /// How many bytes that is.
    pub(super) fn held_bytes(&self) -> usize {
        self.held
    }

    /// A whole thought that only its provider can read.
    pub(super) fn redact(&mut self, names: &Names, data: &str, told: &mut Told<'_>) {
        self.close(told);
        self.held += data.len();
        let item = names.redacted(self.items.len(), data);
        let place = self.add(item, told);
        self.finish(place, Status::Completed, told);
    }

    /// A call begins.
    pub(super) fn call(
        &mut self,
        names: &Names,
        id: Cow<'_, str>,
        name: Cow<'_, str>,
        told: &mut Told<'_>,
    ) {
        self.close(told);
        self.held += id.len() + name.len();
        let (id, name) = (id.into_owned().into(), name.into_owned().into());
        let item = names.call(self.items.len(), id, name);
        let place = self.add(item, told);
        self.calls.push(place);
    }

    /// The answer has ended. What is lacking, lacks at the end of what was begun last.
    pub(super) fn end(&mut self, is_cut: bool, told: &mut Told<'_>) {
        let last = self.items.len().saturating_sub(1);
        let mut open = self.calls.clone();
        open.extend(self.open.take());
        open.sort_unstable();
        for place in open {
            if is_cut && place == last {
                self.finish(place, Status::Incomplete, told);
            } else {
                self.complete_call(place, told);
                self.finish(place, Status::Completed, told);
            }
        }
    }

    /// Begins an item; its place.
    fn add(&mut self, item: Item<'static>, told: &mut Told<'_>) -> usize {
        let place = self.items.len();
        let event = Event {
            r#type: "response.output_item.added",
            output_index: Some(place),
            item: Some(&item),
            ..Event::default()
        };
        told.tell(event);
        self.items.push(item);
        self.held += ITEM_BYTES;
        place
    }

    /// More of a text. One that is empty has tokens of the text that goes on.
    pub(super) fn say(&mut self, names: &Names, piece: TextPiece<'_>, told: &mut Told<'_>) {
        if piece.is_empty() {
            return;
        }
        let place = self.part(names, false, told);
        self.held += piece.text.len() + logprobs::held_bytes(&piece.logprobs);
        let Item::Message { id, content, .. } = &mut self.items[place] else {
            return;
        };
        let event = Event {
            r#type: "response.output_text.delta",
            delta: Some(&piece.text),
            logprobs: Some(Tokens(&piece.logprobs)),
            ..of_content(id, place, content)
        };
        told.tell(event);
        if let Some(Content::OutputText { text, logprobs, .. }) = content.last_mut() {
            text.to_mut().push_str(&piece.text);
            logprobs.extend(piece.logprobs.into_iter().map(TokenLogprob::into_owned));
        }
    }

    /// More of a refusal.
    pub(super) fn refuse(&mut self, names: &Names, piece: &str, told: &mut Told<'_>) {
        if piece.is_empty() {
            return;
        }
        let place = self.part(names, true, told);
        self.held += piece.len();
        let Item::Message { id, content, .. } = &mut self.items[place] else {
            return;
        };
        let event = Event {
            r#type: "response.refusal.delta",
            delta: Some(piece),
            ..of_content(id, place, content)
        };
        told.tell(event);
        if let Some(Content::Refusal { refusal }) = content.last_mut() {
            refusal.to_mut().push_str(piece);
        }
    }

    /// Whether a text goes on.
    pub(super) fn is_in_text(&self) -> bool {
        let open = self.open.and_then(|place| self.items.get(place));
        matches!(
            open,
            Some(Item::Message { content, .. })
                if matches!(content.last(), Some(Content::OutputText { .. }))
        )
    }

    /// The place of the message whose last part goes on as a text or a refusal; what is not there is begun.
    fn part(&mut self, names: &Names, is_refusal: bool, told: &mut Told<'_>) -> usize {
        let open = self.open;
        let is_message =
            |place: &usize| matches!(self.items.get(*place), Some(Item::Message { .. }));
        let place = match open.filter(is_message) {
            Some(place) => place,
            None => {
                self.close(told);
                let item = names.message(self.items.len());
                self.add(item, told)
            }
        };
        self.open = Some(place);
        let Item::Message { id, content, .. } = &mut self.items[place] else {
            return place;
        };
        let is_same = match content.last() {
            Some(Content::OutputText { .. }) => !is_refusal,
            Some(Content::Refusal { .. }) => is_refusal,
            None => false,
        };
        if !is_same {
            part_done(id, place, content, told);
            content.push(if is_refusal {
                Content::Refusal { refusal: "".into() }
            } else {
                Content::text("".into(), Vec::new())
            });
            self.held += ITEM_BYTES;
            let event = Event {
                r#type: "response.content_part.added",
                part: content.last().map(Part::Content),
                ..of_content(id, place, content)
            };
            told.tell(event);
        }
        place
    }

    /// The place of the thought that goes on; one is begun where there is none.
    fn thought(&mut self, names: &Names, told: &mut Told<'_>) -> usize {
        let open = self.open;
        let is_thought =
            |place: &usize| matches!(self.items.get(*place), Some(Item::Reasoning { .. }));
        let place = match open.filter(is_thought) {
            Some(place) => place,
            None => {
                self.close(told);
                let item = names.reasoning(self.items.len());
                self.add(item, told)
            }
        };
        self.open = Some(place);
        place
    }

    /// More of a thought.
    pub(super) fn think(&mut self, names: &Names, piece: &str, told: &mut Told<'_>) {
        if piece.is_empty() {
            return;
        }
        let place = self.thought(names, told);
        self.held += piece.len();
        let Item::Reasoning { id, summary, .. } = &mut self.items[place] else {
            return;
        };
        if summary.is_empty() {
            summary.push(Summary { text: "".into() });
            let event = Event {
                r#type: "response.reasoning_summary_part.added",
                part: Some(Part::Summary(SummaryText { text: "" })),
                ..of_summary(id, place)
            };
            told.tell(event);
        }
        if let Some(Summary { text }) = summary.last_mut() {
            text.to_mut().push_str(piece);
        }
        let event = Event {
            r#type: "response.reasoning_summary_text.delta",
            delta: Some(piece),
            ..of_summary(id, place)
        };
        told.tell(event);
    }

    /// The thought is over. Without a signature nothing but that is said.
    pub(super) fn sign(&mut self, names: &Names, signature: &str, told: &mut Told<'_>) {
        if signature.is_empty() {
            self.close(told);
            return;
        }
        let place = self.thought(names, told);
        self.held += signature.len();
        if let Item::Reasoning {
            encrypted_content, ..
        } = &mut self.items[place]
        {
            *encrypted_content = Some(thought::signed(signature));
        }
        self.close(told);
    }

    /// More of a call's arguments.
    pub(super) fn call_with(&mut self, index: usize, piece: &str, told: &mut Told<'_>) {
        let Some(&place) = self.calls.get(index).filter(|_| !piece.is_empty()) else {
            return;
        };
        self.held += piece.len();
        let Item::FunctionCall { id, arguments, .. } = &mut self.items[place] else {
            return;
        };
        arguments.to_mut().push_str(piece);
        let event = Event {
            r#type: "response.function_call_arguments.delta",
            item_id: Some(id),
            output_index: Some(place),
            delta: Some(piece),
            ..Event::default()
        };
        told.tell(event);
    }

    /// A call without arguments has an empty object of them: clients parse what stands there.
    fn complete_call(&mut self, place: usize, told: &mut Told<'_>) {
        // In their order, so that the end of very many calls takes no time that counts.
        let index = self.calls.binary_search(&place).ok();
        let is_bare = matches!(
            &self.items[place],
            Item::FunctionCall { arguments, .. } if arguments.is_empty()
        );
        if let Some(index) = index.filter(|_| is_bare) {
            self.call_with(index, NO_ARGUMENTS, told);
        }
    }

    /// Something else begins: the message or thought that went on is done.
    fn close(&mut self, told: &mut Told<'_>) {
        if let Some(place) = self.open.take() {
            self.finish(place, Status::Completed, told);
        }
    }

    fn finish(&mut self, place: usize, status: Status, told: &mut Told<'_>) {
        let item = &mut self.items[place];
        item.set_status(status);
        item_done(item, place, told);
    }
}
