//! What only a provider of kind `sourcegraph` has.

use schemars::JsonSchema;
use serde::Deserialize;

/// The families of models that Cody Gateway has a path for and Herald a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GatewayFamily {
    /// Anthropic's messages.
    Anthropic,
    /// OpenAI's chat completions.
    OpenAi,
    /// Fireworks's, which are compatible.
    Fireworks,
}

impl GatewayFamily {
    const ALL: [Self; 3] = [Self::Anthropic, Self::OpenAi, Self::Fireworks];

    /// The family that a target names, such as that of `anthropic/claude-3-haiku`.
    #[must_use]
    pub fn of_model(name: &str) -> Option<Self> {
        let is_named = |family: &Self| name.starts_with(family.prefix());
        Self::ALL.into_iter().find(is_named)
    }

    /// What stands before the names of its models.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic/",
            Self::OpenAi => "openai/",
            Self::Fireworks => "fireworks/",
        }
    }
}

/// Under which of its quotas Cody Gateway counts a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GatewayFeature {
    /// Conversations.
    #[default]
    ChatCompletions,
    /// Code, as it is typed.
    CodeCompletions,
}

impl GatewayFeature {
    /// As the header `x-sourcegraph-feature` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::CodeCompletions => "code_completions",
        }
    }
}

/// What is wrong with a target at a provider of this kind whose settings name no family.
pub(in crate::settings) fn why_no_family(name: &str) -> &'static str {
    if name.starts_with("google/") {
        "Herald does not speak Google's format yet: only anthropic/, openai/ and fireworks/ can be asked for"
    } else {
        "must begin with anthropic/, openai/ or fireworks/, which says where Cody Gateway is asked"
    }
}
