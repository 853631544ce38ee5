//! Writes an answer as Anthropic tells it: the events of a stream in strict sequence, or a document.

mod document;
mod wire;

use bytes::Bytes;

use self::wire::{Block, BlockDelta, Event, Message, StopReason, Usage};
use crate::{
    completion::{Answer, Delta, TokenUsage},
    dialects::{AnswerContext, AnswerWriter},
    translation::Losses,
    upstream::sse_decoder::SseEvent,
};

/// Writes one message. Of the answer it keeps a number for each call of a tool and nothing else.
///
/// There is one open block at a time, as in Anthropic's own streams. Should a provider add to the
/// arguments of a call whose block is closed, the piece goes out under that block's index all the
/// same: Anthropic's SDKs add it where it belongs, and to leave it out would change what is called.
#[derive(Debug)]
pub(super) struct MessageWriter {
    id: String,
    model: String,
    has_begun: bool,
    /// What stands in the last block, if it is open.
    open: Option<Open>,
    /// How many blocks have begun.
    blocks: usize,
    /// The block of each call.
    calls: Vec<usize>,
    has_refused: bool,
    stop: StopReason,
    usage: TokenUsage,
}

/// What an open block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Refusal,
    Thinking,
    Call(usize),
}

impl MessageWriter {
    /// `about` says what the provider does not.
    pub(super) fn new(about: AnswerContext<'_>) -> Self {
        Self {
            id: format!("msg_{}", about.id),
            model: about.model.to_owned(),
            has_begun: false,
            open: None,
            blocks: 0,
            calls: Vec::new(),
            has_refused: false,
            stop: StopReason::default(),
            usage: TokenUsage::default(),
        }
    }

    fn begin(&mut self, events: &mut Vec<SseEvent>) {
        if !self.has_begun {
            self.has_begun = true;
            let message = Message::new(&self.id, &self.model, Usage::of(&self.usage));
            events.push(Event::MessageStart { message }.into());
        }
    }

    /// Begins a block behind those that are there, and closes the last of them.
    fn open(&mut self, what: Open, content_block: Block<'_>, events: &mut Vec<SseEvent>) {
        self.begin(events);
        self.close(events);
        let index = self.blocks;
        events.push(
            Event::ContentBlockStart {
                index,
                content_block,
            }
            .into(),
        );
        self.open = Some(what);
        self.blocks += 1;
    }

    fn close(&mut self, events: &mut Vec<SseEvent>) {
        match self.open {
            None => {}
            // The SDKs want one, and Herald takes an empty one back as none.
            Some(Open::Thinking) => self.sign("", events),
            Some(_) => self.stop_block(events),
        }
    }

    fn sign(&mut self, signature: &str, events: &mut Vec<SseEvent>) {
        self.add(BlockDelta::SignatureDelta { signature }, events);
        self.stop_block(events);
    }

    fn stop_block(&mut self, events: &mut Vec<SseEvent>) {
        let index = self.blocks.saturating_sub(1);
        events.push(Event::ContentBlockStop { index }.into());
        self.open = None;
    }

    /// Adds to the last block.
    fn add(&self, delta: BlockDelta<'_>, events: &mut Vec<SseEvent>) {
        let index = self.blocks.saturating_sub(1);
        events.push(Event::ContentBlockDelta { index, delta }.into());
    }

    fn add_text(&mut self, what: Open, text: &str, events: &mut Vec<SseEvent>) {
        if text.is_empty() {
            return;
        }
        if self.open != Some(what) {
            self.open(what, Block::text(""), events);
        }
        self.add(BlockDelta::TextDelta { text }, events);
    }

    fn call(&mut self, call: usize, id: &str, name: &str, events: &mut Vec<SseEvent>) {
        self.open(Open::Call(call), Block::call(id, name), events);
        let block = self.blocks - 1;
        match self.calls.get_mut(call) {
            Some(known) => *known = block,
            None => self.calls.push(block),
        }
    }
}

impl AnswerWriter for MessageWriter {
    fn write(&mut self, delta: Delta<'_>, events: &mut Vec<SseEvent>, losses: &mut Losses) {
        match delta {
            Delta::Start { id, model, .. } => {
                self.id = id.map_or_else(|| std::mem::take(&mut self.id), Into::into);
                self.model = model.map_or_else(|| std::mem::take(&mut self.model), Into::into);
                self.begin(events);
            }
            Delta::Text(piece) => {
                if !piece.logprobs.is_empty() {
                    losses.add("logprobs");
                }
                self.add_text(Open::Text, &piece.text, events);
            }
            Delta::Refusal(text) => {
                self.has_refused = true;
                self.add_text(Open::Refusal, &text, events);
            }
            Delta::Thinking(thinking) if thinking.is_empty() => {}
            Delta::Thinking(thinking) => {
                if self.open != Some(Open::Thinking) {
                    self.open(Open::Thinking, Block::thinking("", ""), events);
                }
                let thinking = &thinking;
                self.add(BlockDelta::ThinkingDelta { thinking }, events);
            }
            Delta::Signature(signature) => {
                // Of a thought that is not shown there is only the proof.
                if self.open != Some(Open::Thinking) {
                    self.open(Open::Thinking, Block::thinking("", ""), events);
                }
                self.sign(&signature, events);
            }
            Delta::RedactedThinking(data) => {
                let data = data.as_ref();
                self.open(Open::Text, Block::RedactedThinking { data }, events);
                self.stop_block(events);
            }
            Delta::ToolCall { index, id, name } => self.call(index, &id, &name, events),
            Delta::ToolArguments { text, .. } if text.is_empty() => {}
            Delta::ToolArguments { index, text } => {
                if let Some(&index) = self.calls.get(index) {
                    let delta = BlockDelta::InputJsonDelta {
                        partial_json: &text,
                    };
                    events.push(Event::ContentBlockDelta { index, delta }.into());
                }
            }
            Delta::Usage(usage) => self.usage = usage,
            Delta::Finish(reason) => {
                self.stop = StopReason::of(&reason);
                self.close(events);
            }
            Delta::Lost(_) => {}
        }
    }

    fn end(&mut self, events: &mut Vec<SseEvent>) {
        self.begin(events);
        self.close(events);
        let has_calls = !self.calls.is_empty();
        self.stop.settle(has_calls, self.has_refused);
        events.push(Event::end(&self.stop, Usage::of(&self.usage)).into());
        events.push(Event::MessageStop.into());
    }

    fn document(&mut self, answer: &Answer<'_>, losses: &mut Losses) -> Bytes {
        document::write(answer, &self.id, &self.model, losses)
    }
}

#[cfg(test)]
mod tests;
