//! What a provider speaks, and which keys belong to another kind.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{GatewayFamily, GatewayFeature, ProviderSection};
use crate::settings::diagnostics::Problems;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum KindWord {
    OpenAi,
    Anthropic,
    Herald,
    Sourcegraph,
    Replay,
}

/// What a provider speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// OpenAI's API, by whomever.
    OpenAi,
    /// Anthropic's API.
    Anthropic,
    /// Another Herald.
    Herald,
    /// Cody Gateway.
    Sourcegraph {
        /// Of which family its models are; `None`: their names say it. Setting `providers.family`.
        family: Option<GatewayFamily>,
        /// Under which quota its requests count. Setting `providers.feature`, default
        /// `chat_completions`.
        feature: GatewayFeature,
    },
    /// Recordings, over a connection that never leaves the process.
    Replay {
        /// The folder they are in; `None` for the embedded ones. Setting `providers.recordings`.
        recordings: Option<PathBuf>,
    },
}

impl ProviderKind {
    /// Whether it is another Herald, which tells of those behind it.
    #[must_use]
    pub fn is_herald(&self) -> bool {
        *self == Self::Herald
    }
}

impl ProviderSection {
    /// The kind, with the keys that belong to the other one refused.
    pub(super) fn verify_kind(
        &self,
        at: &dyn Fn(&str) -> String,
        is_known: bool,
        problems: &mut Problems<'_>,
    ) -> ProviderKind {
        let strangers: &[(&str, bool)] = match self.kind {
            _ if !is_known => &[],
            KindWord::OpenAi => &[
                ("recordings", self.recordings.is_some()),
                ("max_tokens", self.max_tokens.is_some()),
                ("thinking", self.thinking.is_some()),
            ],
            KindWord::Anthropic => &[
                ("recordings", self.recordings.is_some()),
                ("preset", self.preset.is_some()),
                ("responses", self.responses.is_some()),
                ("usage_request", self.usage_request.is_some()),
            ],
            KindWord::Sourcegraph => &[
                ("recordings", self.recordings.is_some()),
                ("preset", self.preset.is_some()),
                ("responses", self.responses.is_some()),
                ("usage_request", self.usage_request.is_some()),
            ],
            KindWord::Herald => &[
                ("recordings", self.recordings.is_some()),
                ("preset", self.preset.is_some()),
                ("responses", self.responses.is_some()),
                ("max_tokens", self.max_tokens.is_some()),
                ("thinking", self.thinking.is_some()),
            ],
            KindWord::Replay => &[
                ("max_tokens", self.max_tokens.is_some()),
                ("thinking", self.thinking.is_some()),
                ("base_url", self.base_url.is_some()),
                ("api_key", self.api_key.is_some()),
                ("ca_file", self.ca_file.is_some()),
                ("preset", self.preset.is_some()),
                ("auth", self.auth.is_some()),
                ("responses", self.responses.is_some()),
            ],
        };
        let kind = match self.kind {
            KindWord::OpenAi => ProviderKind::OpenAi,
            KindWord::Anthropic => ProviderKind::Anthropic,
            KindWord::Herald => ProviderKind::Herald,
            KindWord::Sourcegraph => ProviderKind::Sourcegraph {
                family: self.family,
                feature: self.feature.unwrap_or_default(),
            },
            KindWord::Replay => ProviderKind::Replay {
                recordings: self.recordings.clone(),
            },
        };
        let of_gateways = match self.kind {
            _ if !is_known => [].as_slice(),
            KindWord::Sourcegraph => &[],
            _ => &[
                ("family", self.family.is_some()),
                ("feature", self.feature.is_some()),
            ],
        };
        let strangers = strangers.iter().chain(of_gateways);
        for (name, _) in strangers.filter(|(_, written)| *written) {
            let word = match kind {
                ProviderKind::OpenAi => "openai",
                ProviderKind::Anthropic => "anthropic",
                ProviderKind::Herald => "herald",
                ProviderKind::Sourcegraph { .. } => "sourcegraph",
                ProviderKind::Replay { .. } => "replay",
            };
            let problem = format!("a provider of kind {word:?} has none");
            problems.error(&at(name), problem).at_the_name().tell();
        }
        kind
    }
}
