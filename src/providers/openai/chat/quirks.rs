//! In what servers of chat completions differ.

/// What a server takes of a request that was translated for it. By default as OpenAI's own does (API
/// reference, "Create chat completion", read November 2026); compatible servers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatQuirks {
    /// The member that bounds the answer: `max_completion_tokens`, or `max_tokens` where only the older
    /// name is known. OpenAI's reasoning models refuse that one.
    pub max_tokens: &'static str,
    /// Whether it takes `top_k`.
    pub top_k: bool,
    /// Whether it takes the model's thoughts back (`reasoning_content`, `reasoning_details`): DeepSeek
    /// and OpenRouter want them; Groq, Mistral and Cerebras refuse a request that has them.
    pub thoughts: bool,
    /// Whether every model takes `reasoning_effort = "none"`. At OpenAI only those since gpt-5.1 do.
    pub effort_none: bool,
    /// Whether parts of messages may bear Anthropic's `cache_control`, as at OpenRouter.
    pub cache_control: bool,
    /// Whether several texts of one message may stand in a list. Where not, they are joined with an
    /// empty line between them.
    pub text_lists: bool,
    /// Whether it knows `stream_options.include_usage`. Mistral tells usage without being asked, and
    /// refuses members that it does not know.
    pub include_usage: bool,
    /// Whether it takes `logprobs` and `top_logprobs`. Groq and Mistral refuse them, and Together knows a
    /// number of that name.
    pub logprobs: bool,
    /// Whether it takes `prediction`.
    pub prediction: bool,
    /// Members that have no word of ours and pass as they are, where a client's format has them too.
    pub passes: &'static [&'static str],
}

impl ChatQuirks {
    /// OpenAI's own.
    pub const OPENAI: Self = Self {
        max_tokens: "max_completion_tokens",
        top_k: false,
        thoughts: false,
        effort_none: false,
        cache_control: false,
        text_lists: true,
        include_usage: true,
        logprobs: true,
        prediction: true,
        // Not `metadata`: OpenAI takes it only with `store`, and what is stored here could not be
        // found under the id that a client of another format is told.
        passes: &[
            "frequency_penalty",
            "presence_penalty",
            "prompt_cache_key",
            "prompt_cache_retention",
            "safety_identifier",
            "seed",
            "service_tier",
            "verbosity",
        ],
    };

    /// A server of which only the protocol is known: the names that all servers know.
    pub const COMPATIBLE: Self = Self {
        max_tokens: "max_tokens",
        prediction: false,
        passes: &["frequency_penalty", "presence_penalty", "seed"],
        ..Self::OPENAI
    };
}

impl Default for ChatQuirks {
    fn default() -> Self {
        Self::OPENAI
    }
}
