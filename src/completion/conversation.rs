//! A request in our own words: what is said so far, and how it is to be answered.
//!
//! A dialect reads its requests into this, and a provider's API writes its own out of it. All texts
//! are slices of the client's body wherever they can be.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// Our word for all that was said, in what refuses it; each dialect has its own
/// ([`turns_field`](crate::dialects::DialectTranslator::turns_field)).
pub const TURNS: &str = "messages";

/// What a client asks a model.
#[derive(Default)]
pub struct Conversation<'a> {
    /// What was said so far, system prompts among it, in the client's order.
    pub turns: Vec<Turn<'a>>,
    /// The functions that the model may call.
    pub tools: Vec<Tool<'a>>,
    /// Which of them it should or must call.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether it may call several at once.
    pub parallel_tool_calls: Option<bool>,
    /// The shape that the answer must have.
    pub shape: AnswerShape<'a>,
    /// How much it should think before it answers.
    pub reasoning: Reasoning,
    /// Most tokens of the answer.
    pub max_tokens: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<Cow<'a, str>>,
    /// 0 to 2 with OpenAI, 0 to 1 with Anthropic: passed as it is, and the provider judges it.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// How many of the likeliest tokens are chosen from.
    pub top_k: Option<u64>,
    /// Asks how likely each token of the answer was, with so many of the likeliest in its place: 0 to 20
    /// with OpenAI, and the provider judges it.
    pub logprobs: Option<u64>,
    /// A text that the answer is likely to repeat in large part, by which some providers answer faster.
    pub prediction: Option<Cow<'a, str>>,
    /// Who asks, as far as the caller tells it to the provider.
    pub end_user: Option<Cow<'a, str>>,
    /// Members of the request for which there is no word here, under their names in the client's
    /// dialect. A writer takes those that its API has as well; what is left is lost.
    pub others: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Conversation<'a> {
    /// Takes a member for which there is no word here, so that it does not count as lost.
    pub fn take_other(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.others.iter().position(|(known, _)| known == name)?;
        Some(self.others.remove(at).1)
    }
}

/// What one side said.
pub struct Turn<'a> {
    /// Who.
    pub role: Role,
    /// What, in order. Empty where the client wrote nothing.
    pub parts: Vec<Part<'a>>,
}

/// Who said it. Results of tools stand in turns of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Whoever set the model up (OpenAI `system` and `developer`).
    System,
    /// Whoever asks.
    User,
    /// The model.
    Assistant,
}

/// A piece of what was said.
pub struct Part<'a> {
    /// What it is.
    pub kind: PartKind<'a>,
    /// Anthropic's `cache_control`, as written; OpenRouter has it too.
    pub cache_control: Option<&'a RawValue>,
}

impl<'a> From<PartKind<'a>> for Part<'a> {
    fn from(kind: PartKind<'a>) -> Self {
        Self {
            kind,
            cache_control: None,
        }
    }
}

/// What a piece is.
pub enum PartKind<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// A picture.
    Image {
        /// Where it is.
        source: Source<'a>,
        /// How closely it should be looked at (OpenAI `detail`).
        detail: Option<Cow<'a, str>>,
    },
    /// A document, such as a PDF.
    File {
        /// Where it is.
        source: Source<'a>,
        /// Its name or title.
        name: Option<Cow<'a, str>>,
    },
    /// What the model thought, of which a provider may want its own back.
    Thinking {
        /// What it let be seen.
        text: Cow<'a, str>,
        /// The provider's proof that it is its own; Anthropic takes back no thought without.
        signature: Option<Cow<'a, str>>,
    },
    /// A thought that only its provider can read.
    RedactedThinking(Cow<'a, str>),
    /// That the model will not answer, in its words.
    Refusal(Cow<'a, str>),
    /// The model calls a function.
    ToolCall {
        /// By which its result is told.
        id: Cow<'a, str>,
        /// The function.
        name: Cow<'a, str>,
        /// JSON as the model wrote it, in which there may be mistakes; empty for none.
        arguments: Cow<'a, str>,
    },
    /// What a function gave.
    ToolResult {
        /// Of which call.
        call_id: Cow<'a, str>,
        /// Texts, images and files; may be empty.
        content: Vec<Part<'a>>,
        /// Whether it failed.
        is_error: bool,
    },
}

impl PartKind<'_> {
    /// The word under which it is lost where an answer has no place for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Image { .. } => "image",
            Self::File { .. } => "file",
            Self::Thinking { .. } => "thinking",
            Self::RedactedThinking(_) => "redacted_thinking",
            Self::Refusal(_) => "refusal",
            Self::ToolCall { .. } => "tool_calls",
            Self::ToolResult { .. } => "tool_result",
        }
    }
}

/// Where a picture or a document is.
pub enum Source<'a> {
    /// The provider shall fetch it.
    Url(Cow<'a, str>),
    /// Here.
    Base64 {
        /// Such as `image/png`.
        media_type: Cow<'a, str>,
        /// In base64, standard alphabet.
        data: Cow<'a, str>,
    },
    /// Plain text, here.
    Text(Cow<'a, str>),
}

/// A function that the model may call.
pub struct Tool<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it does.
    pub description: Option<Cow<'a, str>>,
    /// JSON Schema of its arguments; `None`: it takes none.
    pub parameters: Option<&'a RawValue>,
    /// Whether arguments must follow the schema.
    pub strict: Option<bool>,
    /// As at a [`Part`].
    pub cache_control: Option<&'a RawValue>,
}

/// Which functions the model should or must call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    /// As it likes.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Function(Cow<'a, str>),
}

/// The shape that an answer must have.
#[derive(Default)]
pub enum AnswerShape<'a> {
    /// Any.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON of this schema.
    JsonSchema {
        /// Its name, which OpenAI requires and Anthropic does not know.
        name: Option<Cow<'a, str>>,
        /// What it is for.
        description: Option<Cow<'a, str>>,
        /// JSON Schema.
        schema: &'a RawValue,
        /// Whether it must be followed.
        strict: Option<bool>,
    },
}

/// How much a model should think. All `None`: as its provider has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// Whether it thinks at all, where the client says.
    pub enabled: Option<bool>,
    /// How hard.
    pub effort: Option<Effort>,
    /// Most tokens for it (Anthropic `budget_tokens`).
    pub budget_tokens: Option<u64>,
    /// Whether the client wants to see it, in full or as a summary, where it says.
    pub shown: Option<bool>,
}

/// How hard a model should think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// OpenAI `minimal`.
    Minimal,
    /// `low`.
    Low,
    /// `medium`.
    Medium,
    /// `high`.
    High,
    /// OpenAI `xhigh`.
    ExtraHigh,
    /// `max`.
    Max,
}

impl Effort {
    /// By the word that both OpenAI and Anthropic use.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "minimal" => Self::Minimal,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "xhigh" => Self::ExtraHigh,
            "max" => Self::Max,
            _ => return None,
        })
    }

    /// The word itself.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::ExtraHigh => "xhigh",
            Self::Max => "max",
        }
    }
}
