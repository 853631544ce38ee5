//! `[sourcegraph]`: what clients of Sourcegraph's API are told beside completions.

mod default_models;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use semver::Version;
use serde::Deserialize;

pub use default_models::DefaultModels;
pub(crate) use default_models::{CHAT, CODE_COMPLETION, FAST_CHAT};

use super::{diagnostics::Problems, models::Models};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SourcegraphSection {
    stream_errors: StreamErrors,
    #[schemars(range(min = 1, max = 10_000_000))]
    max_input_tokens: u32,
    #[schemars(range(min = 1, max = 10_000_000))]
    max_output_tokens: u32,
    client_versions: BTreeMap<String, String>,
    #[serde(default)]
    default_models: default_models::DefaultModelsSection,
}

/// What clients of Sourcegraph's API are told beside completions. Settings `[sourcegraph]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcegraphSettings {
    /// Setting `sourcegraph.stream_errors`, default `status`.
    pub stream_errors: StreamErrors,
    /// Most tokens of a prompt, as clients are told of models whose catalogue does not say. Setting `sourcegraph.max_input_tokens`, 1 to
    /// 10,000,000, default 45,000.
    pub max_input_tokens: u32,
    /// Most tokens of an answer, as clients are told of such models. Setting `sourcegraph.max_output_tokens`, 1 to
    /// 10,000,000, default 4,000.
    pub max_output_tokens: u32,
    /// The oldest version of each client that is let in; empty: all are. Setting
    /// `sourcegraph.client_versions`, default empty.
    pub client_versions: BTreeMap<String, Version>,
    /// What clients take until their users choose. Settings `[sourcegraph.default_models]`.
    pub default_models: DefaultModels,
}

/// How the client of a stream is told of a provider's failure before the stream has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StreamErrors {
    /// By a status, and a text.
    Status,
    /// By 200 and the event `error`, but for 429: as Sourcegraph does it.
    Event,
}

impl SourcegraphSection {
    pub(super) fn verify(
        &self,
        models: &Models,
        problems: &mut Problems<'_>,
    ) -> SourcegraphSettings {
        let mut client_versions = BTreeMap::new();
        for (client, written) in &self.client_versions {
            let key = format!("sourcegraph.client_versions.{client}");
            let wanted = "must be a version such as \"1.20.0\"";
            let version = Version::parse(written).map_err(|_| wanted);
            if let Some(version) = problems.take(&key, version) {
                client_versions.insert(client.clone(), version);
            }
        }
        SourcegraphSettings {
            stream_errors: self.stream_errors,
            max_input_tokens: self.max_input_tokens,
            max_output_tokens: self.max_output_tokens,
            client_versions,
            default_models: self.default_models.verify(models, problems),
        }
    }
}
