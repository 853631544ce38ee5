//! Tells the events of a message in our words.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    answer::{Text, block::Block},
    event::is_foreign,
    usage::Counts,
};
use crate::{
    completion::{Delta, FinishReason},
    providers::{BadEvent, DeltaReader},
    raw_json::RawObject,
    upstream::sse_decoder::SseEvent,
};

/// Most blocks that may be open at once; Anthropic closes each before the next.
const MAX_OPEN: usize = 64;

/// The events with which an answer begins whose `message_start` is missing.
const CONTENT_EVENTS: [&str; 3] = [
    "content_block_start",
    "content_block_delta",
    "message_delta",
];

/// Reads one message. All it remembers are the blocks that are open.
#[derive(Debug, Default)]
pub(super) struct MessageDeltas {
    counts: Counts,
    has_started: bool,
    has_finished: bool,
    calls: usize,
    open: Vec<OpenBlock>,
}

#[derive(Debug)]
struct OpenBlock {
    index: u64,
    call: Option<Call>,
}

#[derive(Debug)]
struct Call {
    index: usize,
    arguments: Arguments,
}

#[derive(Debug, PartialEq, Eq)]
enum Arguments {
    /// None so far.
    Absent,
    /// They stood in the block's beginning, and nothing may follow.
    Whole,
    /// They come in pieces.
    Pieces,
}

impl DeltaReader for MessageDeltas {
    fn read<'a>(&mut self, raw: &'a SseEvent, deltas: &mut Vec<Delta<'a>>) -> Result<(), BadEvent> {
        let event: Event<'a> = match serde_json::from_str(&raw.data) {
            Ok(event) => event,
            Err(_) if is_foreign(raw) => {
                deltas.push(Delta::Lost("event"));
                return Ok(());
            }
            Err(_) => return Err(BadEvent),
        };
        if CONTENT_EVENTS.contains(&event.kind.as_ref()) {
            self.begin(None, None, deltas);
        }
        match event.kind.as_ref() {
            "message_start" => self.start(event.message.ok_or(BadEvent)?, deltas),
            "content_block_start" => {
                let block = event.content_block.and_then(Block::read);
                self.open(event.index()?, block.ok_or(BadEvent)?, deltas)
            }
            "content_block_delta" => {
                let piece = event.delta.ok_or(BadEvent)?;
                self.carry_on(event.index()?, read(piece)?, deltas)
            }
            "content_block_stop" => {
                self.close(event.index()?, deltas);
                Ok(())
            }
            "message_delta" => self.finish(&event, deltas),
            "ping" => Ok(()),
            _ => {
                deltas.push(Delta::Lost("event"));
                Ok(())
            }
        }
    }
}

impl MessageDeltas {
    /// Some providers send it twice; the answer begins once.
    fn start<'a>(
        &mut self,
        message: &'a RawValue,
        deltas: &mut Vec<Delta<'a>>,
    ) -> Result<(), BadEvent> {
        let message: Message<'a> = read(message)?;
        let id = message.id.map(|id| id.0);
        self.begin(id, message.model.map(|model| model.0), deltas);
        if message.container.is_some() {
            deltas.push(Delta::Lost("container"));
        }
        self.tell_usage(message.usage, deltas);
        Ok(())
    }

    fn begin<'a>(
        &mut self,
        id: Option<Cow<'a, str>>,
        model: Option<Cow<'a, str>>,
        deltas: &mut Vec<Delta<'a>>,
    ) {
        if !self.has_started {
            self.has_started = true;
            deltas.push(Delta::Start {
                id,
                model,
                created: None,
            });
        }
    }

    fn open<'a>(
        &mut self,
        index: u64,
        block: Block<'a>,
        deltas: &mut Vec<Delta<'a>>,
    ) -> Result<(), BadEvent> {
        self.open.retain(|open| open.index != index);
        if self.has_finished || self.open.len() >= MAX_OPEN {
            return Err(BadEvent);
        }
        if block.has_citations() {
            deltas.push(Delta::Lost("citations"));
        }
        let mut call = None;
        match block {
            Block::Text { text, .. } => push_text(text, |text| Delta::Text(text.into()), deltas),
            Block::Thinking { text, signature } => {
                push_text(text, Delta::Thinking, deltas);
                push_text(signature, Delta::Signature, deltas);
            }
            Block::RedactedThinking(data) => deltas.push(Delta::RedactedThinking(data)),
            Block::ToolUse { id, name, input } => {
                call = Some(self.call(id, name, input, deltas));
            }
            Block::Unknown(name) => deltas.push(Delta::Lost(name)),
        }
        self.open.push(OpenBlock { index, call });
        Ok(())
    }

    /// Begins a call. Its arguments follow in pieces, but where the provider knows them already.
    fn call<'a>(
        &mut self,
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Option<&'a RawValue>,
        deltas: &mut Vec<Delta<'a>>,
    ) -> Call {
        let index = self.calls;
        self.calls += 1;
        deltas.push(Delta::ToolCall { index, id, name });
        let input = input.map(RawValue::get).filter(|input| {
            let members = RawObject::parse(input);
            members.is_ok_and(|members| !members.is_empty())
        });
        let arguments = match input {
            Some(text) => {
                let text = Cow::Borrowed(text);
                deltas.push(Delta::ToolArguments { index, text });
                Arguments::Whole
            }
            None => Arguments::Absent,
        };
        Call { index, arguments }
    }

    fn carry_on<'a>(
        &mut self,
        index: u64,
        piece: Piece<'a>,
        deltas: &mut Vec<Delta<'a>>,
    ) -> Result<(), BadEvent> {
        if self.has_finished {
            return Err(BadEvent);
        }
        let text = |text: Option<Text<'a>>| text.map(|text| text.0).unwrap_or_default();
        match piece.kind.as_ref() {
            "text_delta" => {
                push_text(text(piece.text), |text| Delta::Text(text.into()), deltas);
            }
            "thinking_delta" => push_text(text(piece.thinking), Delta::Thinking, deltas),
            "signature_delta" => push_text(text(piece.signature), Delta::Signature, deltas),
            "citations_delta" => deltas.push(Delta::Lost("citations")),
            "input_json_delta" => {
                let mut open = self.open.iter_mut();
                let block = open.find(|open| open.index == index).ok_or(BadEvent)?;
                let text = text(piece.partial_json);
                // What one of Anthropic's own tools is told is lost with its block.
                if let Some(call) = &mut block.call
                    && !text.is_empty()
                {
                    if call.arguments == Arguments::Whole {
                        return Err(BadEvent);
                    }
                    call.arguments = Arguments::Pieces;
                    let index = call.index;
                    deltas.push(Delta::ToolArguments { index, text });
                }
            }
            "compaction_delta" => deltas.push(Delta::Lost("compaction")),
            _ => deltas.push(Delta::Lost("content")),
        }
        Ok(())
    }

    /// A function without arguments is told none; clients parse them, so they are told an empty object.
    fn close(&mut self, index: u64, deltas: &mut Vec<Delta<'_>>) {
        let place = self.open.iter().position(|open| open.index == index);
        let block = place.map(|place| self.open.swap_remove(place));
        if let Some(call) = block.and_then(|block| block.call)
            && call.arguments == Arguments::Absent
        {
            deltas.push(Delta::ToolArguments {
                index: call.index,
                text: Cow::Borrowed("{}"),
            });
        }
    }

    fn finish<'a>(
        &mut self,
        event: &Event<'a>,
        deltas: &mut Vec<Delta<'a>>,
    ) -> Result<(), BadEvent> {
        self.tell_usage(event.usage, deltas);
        if event.context_management.is_some() {
            deltas.push(Delta::Lost("context_management"));
        }
        let Some(delta) = event.delta else {
            return Ok(());
        };
        let end: End<'a> = read(delta)?;
        if end.container.is_some() {
            deltas.push(Delta::Lost("container"));
        }
        if end.stop_details.is_some() {
            deltas.push(Delta::Lost("stop_details"));
        }
        if let Some(reason) = end.stop_reason
            && !self.has_finished
        {
            self.has_finished = true;
            let stop_sequence = end.stop_sequence.map(|text| text.0);
            deltas.push(Delta::Finish(finish_reason(reason.0, stop_sequence)));
        }
        Ok(())
    }

    fn tell_usage(&mut self, told: Option<&RawValue>, deltas: &mut Vec<Delta<'_>>) {
        deltas.extend(
            told.and_then(|told| self.counts.join(told))
                .map(Delta::Usage),
        );
    }
}

/// Why a message ends, by the word of `stop_reason`.
pub(super) fn finish_reason<'a>(
    reason: Cow<'a, str>,
    stop_sequence: Option<Cow<'a, str>>,
) -> FinishReason<'a> {
    match reason.as_ref() {
        "end_turn" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "stop_sequence" => FinishReason::StopSequence(stop_sequence),
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        "pause_turn" => FinishReason::Paused,
        _ => FinishReason::Other(reason),
    }
}

fn push_text<'a>(
    text: Cow<'a, str>,
    as_delta: fn(Cow<'a, str>) -> Delta<'a>,
    deltas: &mut Vec<Delta<'a>>,
) {
    if !text.is_empty() {
        deltas.push(as_delta(text));
    }
}

fn read<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Result<T, BadEvent> {
    serde_json::from_str(value.get()).map_err(|_| BadEvent)
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    index: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    context_management: Option<&'a RawValue>,
}

impl Event<'_> {
    fn index(&self) -> Result<u64, BadEvent> {
        read(self.index.ok_or(BadEvent)?)
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    container: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    partial_json: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct End<'a> {
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    stop_sequence: Option<Text<'a>>,
    #[serde(borrow)]
    stop_details: Option<&'a RawValue>,
    #[serde(borrow)]
    container: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests;
