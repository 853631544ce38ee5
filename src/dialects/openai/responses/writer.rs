//! Writes an answer as the events of a response stream, or as one document.

mod done;
mod event;
mod output;

use std::{borrow::Cow, fmt};

use bytes::Bytes;

use self::{
    event::{Event, Sequence},
    output::Output,
};
use super::{
    document,
    echo::Echo,
    wire::{Head, Response, lack},
};
use crate::{
    completion::{Answer, CompletionRequest, Delta, FinishReason, TokenUsage},
    dialects::{AnswerContext, AnswerWriter},
    translation::Losses,
    upstream::sse_decoder::SseEvent,
};

/// Writes one response.
///
/// The last event repeats all of the answer, so all of it is kept; [`held_bytes`] says how much that is,
/// for whoever bounds it.
///
/// [`held_bytes`]: AnswerWriter::held_bytes
pub(super) struct Writer {
    head: Head,
    echo: Echo,
    sequence: Sequence,
    has_begun: bool,
    output: Output,
    usage: Option<TokenUsage>,
    finish: Option<FinishReason<'static>>,
}

/// Tells nothing of the answer.
impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("items", &self.output.items().len())
            .field("held_bytes", &self.held_bytes())
            .finish_non_exhaustive()
    }
}

impl AnswerWriter for Writer {
    fn write(&mut self, delta: Delta<'_>, events: &mut Vec<SseEvent>, losses: &mut Losses) {
        if let Delta::Start { id, model, created } = &delta
            && !self.has_begun
        {
            self.head.told(id.as_deref(), model.as_deref(), *created);
        }
        self.begin(events);
        let mut told = self.sequence.onto(events);
        let names = &self.head.names;
        match delta {
            Delta::Start { .. } | Delta::Lost(_) => {}
            Delta::Text(piece) if piece.text.is_empty() && !self.output.is_in_text() => {
                // Tokens that show nothing begin no message, and there is none to which they belong.
                if !piece.is_empty() {
                    losses.add("logprobs");
                }
            }
            Delta::Text(piece) => self.output.say(names, piece, &mut told),
            Delta::Refusal(piece) => self.output.refuse(names, &piece, &mut told),
            Delta::Thinking(piece) => self.output.think(names, &piece, &mut told),
            Delta::Signature(signature) => self.output.sign(names, &signature, &mut told),
            Delta::RedactedThinking(data) => self.output.redact(names, &data, &mut told),
            Delta::ToolCall { id, name, .. } => self.output.call(names, id, name, &mut told),
            Delta::ToolArguments { index, text } => {
                self.output.call_with(index, &text, &mut told);
            }
            Delta::Usage(usage) => self.usage = Some(usage),
            Delta::Finish(reason) => self.finish = Some(owned(reason)),
        }
    }

    fn end(&mut self, events: &mut Vec<SseEvent>) {
        self.begin(events);
        let lack = self.finish.as_ref().and_then(lack);
        let mut told = self.sequence.onto(events);
        self.output.end(lack.is_some(), &mut told);
        let output = self.output.items();
        let response = Response::ended(&self.head, &self.echo, output, lack, self.usage);
        told.tell(Event {
            r#type: if lack.is_some() {
                "response.incomplete"
            } else {
                "response.completed"
            },
            response: Some(response),
            ..Event::default()
        });
    }

    fn document(&mut self, answer: &Answer<'_>, losses: &mut Losses) -> Bytes {
        document::write(&mut self.head, &self.echo, answer, losses)
    }

    fn held_bytes(&self) -> usize {
        self.output.held_bytes()
    }
}

impl Writer {
    pub(super) fn new(request: &CompletionRequest, about: AnswerContext<'_>) -> Self {
        Self {
            head: Head::new(about),
            echo: Echo::of(request),
            sequence: Sequence::default(),
            has_begun: false,
            output: Output::default(),
            usage: None,
            finish: None,
        }
    }

    fn begin(&mut self, events: &mut Vec<SseEvent>) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        let mut told = self.sequence.onto(events);
        for name in ["response.created", "response.in_progress"] {
            told.tell(Event {
                r#type: name,
                response: Some(Response::begun(&self.head, &self.echo)),
                ..Event::default()
            });
        }
    }
}

fn owned(reason: FinishReason<'_>) -> FinishReason<'static> {
    let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
    match reason {
        FinishReason::Stop => FinishReason::Stop,
        FinishReason::StopSequence(text) => FinishReason::StopSequence(text.map(own)),
        FinishReason::Length => FinishReason::Length,
        FinishReason::ToolCalls => FinishReason::ToolCalls,
        FinishReason::ContentFilter => FinishReason::ContentFilter,
        FinishReason::Paused => FinishReason::Paused,
        FinishReason::Other(word) => FinishReason::Other(own(word)),
    }
}

#[cfg(test)]
mod tests;
