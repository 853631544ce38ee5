//! What a response is made of (OpenAI API reference, "The response object", read November 2026).

use std::borrow::Cow;

use serde::Serialize;

use super::{echo::Echo, thought};
use crate::{
    completion::{FinishReason, TokenLogprob, TokenUsage},
    dialects::{AnswerContext, openai::logprobs},
};

/// The arguments of a call that has none.
pub(super) const NO_ARGUMENTS: &str = "{}";

/// How far an item, or a whole response, has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
}

/// One item of the output.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Message {
        id: String,
        status: Status,
        role: &'static str,
        content: Vec<Content<'a>>,
    },
    Reasoning {
        id: String,
        summary: Vec<Summary<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<String>,
    },
    FunctionCall {
        id: String,
        status: Status,
        call_id: Cow<'a, str>,
        name: Cow<'a, str>,
        arguments: Cow<'a, str>,
    },
}

/// A part of a message.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Content<'a> {
    OutputText {
        text: Cow<'a, str>,
        annotations: [(); 0],
        #[serde(serialize_with = "logprobs::write")]
        logprobs: Vec<TokenLogprob<'a>>,
    },
    Refusal {
        refusal: Cow<'a, str>,
    },
}

/// A thought, as far as it may be seen. Every SDK shows summaries, and few the `reasoning_text` that
/// some models of OpenAI's have instead.
#[derive(Serialize)]
#[serde(tag = "type", rename = "summary_text")]
pub(super) struct Summary<'a> {
    pub(super) text: Cow<'a, str>,
}

impl<'a> Content<'a> {
    pub(super) fn text(text: Cow<'a, str>, logprobs: Vec<TokenLogprob<'a>>) -> Self {
        Self::OutputText {
            text,
            annotations: [],
            logprobs,
        }
    }
}

impl Item<'_> {
    /// Items of reasoning have no status when they are given back, and so have none here.
    pub(super) fn set_status(&mut self, to: Status) {
        match self {
            Self::Message { status, .. } | Self::FunctionCall { status, .. } => *status = to,
            Self::Reasoning { .. } => {}
        }
    }
}

/// Makes the ids of one response out of the provider's own, so that they are always the same.
pub(super) struct Names {
    stem: String,
}

impl Names {
    pub(super) fn new(id: &str) -> Self {
        // What other APIs put in front of theirs.
        let known = ["resp_", "chatcmpl-", "msg_", "gen-"];
        let stem = known.iter().find_map(|prefix| id.strip_prefix(prefix));
        Self {
            stem: stem.unwrap_or(id).to_owned(),
        }
    }

    pub(super) fn response(&self) -> String {
        format!("resp_{}", self.stem)
    }

    /// A message without content, as the item of that place.
    pub(super) fn message<'a>(&self, place: usize) -> Item<'a> {
        Item::Message {
            id: format!("msg_{}_{place}", self.stem),
            status: Status::InProgress,
            role: "assistant",
            content: Vec::new(),
        }
    }

    /// A thought without text, as the item of that place.
    pub(super) fn reasoning<'a>(&self, place: usize) -> Item<'a> {
        Item::Reasoning {
            id: format!("rs_{}_{place}", self.stem),
            summary: Vec::new(),
            encrypted_content: None,
        }
    }

    /// A thought that only its provider can read, as the item of that place.
    pub(super) fn redacted<'a>(&self, place: usize, data: &str) -> Item<'a> {
        Item::Reasoning {
            id: format!("rs_{}_{place}", self.stem),
            summary: Vec::new(),
            encrypted_content: Some(thought::redacted(data)),
        }
    }

    /// A call without arguments, as the item of that place.
    pub(super) fn call<'a>(
        &self,
        place: usize,
        call_id: Cow<'a, str>,
        name: Cow<'a, str>,
    ) -> Item<'a> {
        Item::FunctionCall {
            id: format!("fc_{}_{place}", self.stem),
            status: Status::InProgress,
            call_id,
            name,
            arguments: Cow::Borrowed(""),
        }
    }
}

/// What a response says of itself as long as it lasts.
pub(super) struct Head {
    pub(super) names: Names,
    pub(super) model: String,
    /// Seconds since 1970.
    pub(super) created: u64,
}

impl Head {
    /// Of an answer whose provider says nothing of itself.
    pub(super) fn new(about: AnswerContext<'_>) -> Self {
        Self {
            names: Names::new(about.id),
            model: about.model.to_owned(),
            created: about.created,
        }
    }

    /// Takes what the provider says.
    pub(super) fn told(&mut self, id: Option<&str>, model: Option<&str>, created: Option<u64>) {
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            self.names = Names::new(id);
        }
        if let Some(model) = model.filter(|model| !model.is_empty()) {
            model.clone_into(&mut self.model);
        }
        self.created = created.unwrap_or(self.created);
    }
}

/// The whole.
#[derive(Serialize)]
pub(super) struct Response<'a> {
    id: String,
    object: &'static str,
    created_at: u64,
    status: Status,
    background: bool,
    error: (),
    incomplete_details: Option<Reason<'a>>,
    model: &'a str,
    output: &'a [Item<'a>],
    previous_response_id: (),
    store: bool,
    truncation: &'static str,
    usage: Option<Usage>,
    #[serde(flatten)]
    echo: &'a Echo,
}

#[derive(Serialize)]
struct Reason<'a> {
    reason: &'a str,
}

impl<'a> Response<'a> {
    /// One that is still being made.
    pub(super) fn begun(head: &'a Head, echo: &'a Echo) -> Self {
        Self {
            id: head.names.response(),
            object: "response",
            created_at: head.created,
            status: Status::InProgress,
            background: false,
            error: (),
            incomplete_details: None,
            model: &head.model,
            output: &[],
            previous_response_id: (),
            store: false,
            truncation: "disabled",
            usage: None,
            echo,
        }
    }

    /// One whose provider has ended it; `lack` says why it is not all that was asked for.
    pub(super) fn ended(
        head: &'a Head,
        echo: &'a Echo,
        output: &'a [Item<'a>],
        lack: Option<&'a str>,
        usage: Option<TokenUsage>,
    ) -> Self {
        Self {
            status: lack.map_or(Status::Completed, |_| Status::Incomplete),
            incomplete_details: lack.map(|reason| Reason { reason }),
            output,
            usage: usage.map(Usage::from),
            ..Self::begun(head, echo)
        }
    }
}

/// Why an answer is not all that was asked for; `None` where it is. A word that is the provider's
/// own stands there as it is: nobody here knows whether all was said.
pub(super) fn lack<'a>(finish: &'a FinishReason<'_>) -> Option<&'a str> {
    match finish {
        FinishReason::Stop | FinishReason::StopSequence(_) | FinishReason::ToolCalls => None,
        FinishReason::Length => Some("max_output_tokens"),
        FinishReason::ContentFilter => Some("content_filter"),
        FinishReason::Paused => Some("pause_turn"),
        FinishReason::Other(word) => Some(word),
    }
}

#[derive(Serialize)]
struct Usage {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

impl From<TokenUsage> for Usage {
    fn from(usage: TokenUsage) -> Self {
        Self {
            input_tokens: usage.prompt_tokens,
            input_tokens_details: InputDetails {
                cached_tokens: usage.cached_tokens,
                cache_write_tokens: usage.cache_write_tokens,
            },
            output_tokens: usage.completion_tokens,
            output_tokens_details: OutputDetails {
                reasoning_tokens: usage.reasoning_tokens,
            },
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
        }
    }
}
