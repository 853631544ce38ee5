//! The JSON of messages and of their events (API reference, "Streaming Messages", and the types of the
//! Python SDK 2.12, read November 2026).

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    completion::{FinishReason, TokenUsage},
    upstream::sse_decoder::SseEvent,
};

/// An event of a stream.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    /// The first.
    MessageStart {
        /// As it will be, without its content.
        message: Message<'a>,
    },
    /// A block begins.
    ContentBlockStart {
        /// Which.
        index: usize,
        /// As it will be, without its content.
        content_block: Block<'a>,
    },
    /// A block goes on.
    ContentBlockDelta {
        /// Which.
        index: usize,
        /// How.
        delta: BlockDelta<'a>,
    },
    /// A block ends.
    ContentBlockStop {
        /// Which.
        index: usize,
    },
    /// The message ends.
    MessageDelta {
        /// Why.
        delta: End<'a>,
        /// What it took, all in all.
        usage: Usage,
    },
    /// The last.
    MessageStop,
}

impl<'a> Event<'a> {
    /// Says why the message ends, and what it took.
    pub(super) fn end(stop: &'a StopReason, usage: Usage) -> Self {
        Self::MessageDelta {
            delta: End {
                stop_reason: stop.reason.as_deref(),
                stop_sequence: stop.sequence.as_deref(),
            },
            usage,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
        }
    }
}

impl From<Event<'_>> for SseEvent {
    fn from(event: Event<'_>) -> Self {
        let data = serde_json::to_string(&event);
        Self {
            event: Some(event.name().into()),
            id: None,
            data: data.expect("texts and numbers always serialise").into(),
        }
    }
}

/// A message, whole or as it begins.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    id: &'a str,
    r#type: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Block<'a>>,
    stop_reason: Option<&'a str>,
    stop_sequence: Option<&'a str>,
    usage: Usage,
}

impl<'a> Message<'a> {
    /// One that begins.
    pub(super) fn new(id: &'a str, model: &'a str, usage: Usage) -> Self {
        Self {
            id,
            r#type: "message",
            role: "assistant",
            model,
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage,
        }
    }

    /// The whole of it.
    pub(super) fn ended(mut self, content: Vec<Block<'a>>, stop: &'a StopReason) -> Self {
        self.content = content;
        self.stop_reason = stop.reason.as_deref();
        self.stop_sequence = stop.sequence.as_deref();
        self
    }
}

/// A block of a message.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    /// Text, a refusal among it.
    Text {
        /// The text.
        text: &'a str,
    },
    /// A thought.
    Thinking {
        /// What may be seen of it.
        thinking: &'a str,
        /// Its proof.
        signature: &'a str,
    },
    /// A thought that only its provider can read.
    RedactedThinking {
        /// The thought.
        data: &'a str,
    },
    /// A call of a tool.
    ToolUse {
        /// By which its result is told.
        id: &'a str,
        /// The tool.
        name: &'a str,
        /// Its arguments, an object.
        input: Cow<'a, RawValue>,
    },
}

impl<'a> Block<'a> {
    /// Text.
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text { text }
    }

    /// A thought; without proof the signature is empty.
    pub(super) fn thinking(thinking: &'a str, signature: &'a str) -> Self {
        Self::Thinking {
            thinking,
            signature,
        }
    }

    /// A call whose arguments are still to come.
    pub(super) fn call(id: &'a str, name: &'a str) -> Self {
        let input = serde_json::from_str("{}").expect("an empty object is JSON");
        Self::ToolUse {
            id,
            name,
            input: Cow::Borrowed(input),
        }
    }
}

/// What is added to a block.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "they are Anthropic's words")]
pub(super) enum BlockDelta<'a> {
    /// To text.
    TextDelta {
        /// More.
        text: &'a str,
    },
    /// To a thought.
    ThinkingDelta {
        /// More.
        thinking: &'a str,
    },
    /// To a thought, as the last.
    SignatureDelta {
        /// All of it.
        signature: &'a str,
    },
    /// To a call's arguments.
    InputJsonDelta {
        /// A piece of JSON.
        partial_json: &'a str,
    },
}

/// Why a message ends.
#[derive(Serialize)]
pub(super) struct End<'a> {
    stop_reason: Option<&'a str>,
    stop_sequence: Option<&'a str>,
}

/// What a message took. The SDKs fail without the two counts, so where a provider tells none they are
/// 0.
#[derive(Serialize)]
pub(super) struct Usage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Serialize)]
struct OutputDetails {
    thinking_tokens: u64,
}

impl Usage {
    /// Anthropic's count of a prompt is without what was read from a cache or written to it.
    pub(super) fn of(usage: &TokenUsage) -> Self {
        let apart = usage.cached_tokens.saturating_add(usage.cache_write_tokens);
        let thinking_tokens = usage.reasoning_tokens;
        Self {
            input_tokens: usage.prompt_tokens.saturating_sub(apart),
            cache_creation_input_tokens: usage.cache_write_tokens,
            cache_read_input_tokens: usage.cached_tokens,
            output_tokens: usage.completion_tokens,
            output_tokens_details: (thinking_tokens > 0)
                .then_some(OutputDetails { thinking_tokens }),
        }
    }
}

/// Why a message ends, in Anthropic's words; `None` where its provider does not tell.
#[derive(Debug, Default)]
pub(super) struct StopReason {
    reason: Option<String>,
    sequence: Option<String>,
}

impl StopReason {
    /// In Anthropic's words; one that it does not have passes as its provider says it.
    pub(super) fn of(reason: &FinishReason<'_>) -> Self {
        let (reason, sequence) = match reason {
            FinishReason::Stop => ("end_turn", None),
            FinishReason::StopSequence(text) => ("stop_sequence", text.as_deref()),
            FinishReason::Length => ("max_tokens", None),
            FinishReason::ToolCalls => ("tool_use", None),
            FinishReason::ContentFilter => ("refusal", None),
            FinishReason::Paused => ("pause_turn", None),
            FinishReason::Other(word) => (word.as_ref(), None),
        };
        Self {
            reason: Some(reason.to_owned()),
            sequence: sequence.map(str::to_owned),
        }
    }

    /// Some providers end a call or a refusal like any text. Clients call a tool, and know a refusal, by
    /// the reason.
    pub(super) fn settle(&mut self, has_calls: bool, has_refused: bool) {
        if self.reason.as_deref() == Some("end_turn") {
            let settled = match (has_calls, has_refused) {
                (_, true) => "refusal",
                (true, false) => "tool_use",
                (false, false) => return,
            };
            self.reason = Some(settled.to_owned());
        }
    }
}
