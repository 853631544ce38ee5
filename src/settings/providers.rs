//! `[[providers]]`: who serves, where, and with which key.

mod anthropic;
mod base_url;
mod extra_headers;
mod kind;
mod place;
pub(super) mod sourcegraph;
mod transport;
mod verified;
mod written;

use std::{collections::BTreeMap, path::PathBuf};

use awc::http::header::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

pub use anthropic::{AnthropicSettings, ThinkingStyle};
use kind::KindWord;
pub use kind::ProviderKind;
pub(super) use place::is_on_this_machine;
pub use sourcegraph::{GatewayFamily, GatewayFeature};
pub(super) use transport::{MAX_ROOTS_BYTES, Tls};
pub use verified::VerifiedProvider;

use super::{
    bounds::ceilings,
    diagnostics::Problems,
    metadata::{ProviderMetadata, SharedPolicies},
    schema::secret_values,
    secrets::{SecretReference, SecretSource},
};
use crate::{
    completion::WireFormat,
    providers::{
        CredentialStyle, ProviderId, Terms,
        openai::{
            ChatQuirks,
            presets::{COMPATIBLE, PRESETS, Paths, Preset, preset},
        },
        protocol,
    },
    upstream::http_client::Transport,
};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderSection {
    pub(super) id: String,
    kind: KindWord,
    #[schemars(transform = presets)]
    preset: Option<String>,
    base_url: Option<String>,
    #[schemars(regex(pattern = r"^[0-9A-Za-z.-]{1,32}$"))]
    api_version: Option<String>,
    auth: Option<AuthWord>,
    api_key: Option<SecretReference>,
    #[serde(default)]
    #[schemars(transform = secret_values)]
    headers: BTreeMap<String, String>,
    usage_request: Option<bool>,
    responses: Option<bool>,
    #[serde(default)]
    shared_quota: bool,
    ca_file: Option<PathBuf>,
    recordings: Option<PathBuf>,
    #[schemars(range(min = 1, max = 1_000_000))]
    max_open: Option<u64>,
    #[schemars(range(min = 1, max = 1_000_000))]
    max_waiting: Option<u64>,
    #[schemars(range(min = 1, max = 1_000_000))]
    max_tokens: Option<u64>,
    thinking: Option<ThinkingStyle>,
    family: Option<GatewayFamily>,
    feature: Option<GatewayFeature>,
    #[serde(default)]
    pub(super) metadata: ProviderMetadata,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum AuthWord {
    Bearer,
    XApiKey,
    ApiKey,
}

/// Names the presets that there are.
fn presets(schema: &mut schemars::Schema) {
    let names = PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>();
    schema.insert("enum".to_owned(), names.into());
}

/// Under which quota Cody Gateway counts a request; without it, it serves none.
const X_SOURCEGRAPH_FEATURE: HeaderName = HeaderName::from_static("x-sourcegraph-feature");

/// Which of OpenAI's APIs another Herald has: those that clients may ask this one for.
const HERALD_APIS: &[WireFormat] = &[
    WireFormat::ChatCompletions,
    WireFormat::Completions,
    WireFormat::Responses,
    WireFormat::Embeddings,
];

impl ProviderSection {
    /// Verifies one provider whose keys stand under `key`, such as `providers[0]`.
    pub(super) fn verify(
        &self,
        key: &str,
        shared: &SharedPolicies<'_>,
        secrets: &dyn SecretSource,
        tls: &Tls,
        problems: &mut Problems<'_>,
    ) -> Option<(VerifiedProvider, Transport)> {
        let at = |name: &str| format!("{key}.{name}");
        let id = problems.take(&at("id"), is_id(&self.id));
        let is_kind_known = !problems.is_told(&at("kind"));
        let kind = self.verify_kind(&at, is_kind_known, problems);
        let preset = self.verify_preset(&at, problems);
        // What belongs to another kind would only follow from the wrong word.
        let place = is_kind_known.then(|| self.verify_place(preset, &at, tls, problems));
        let api_key = self
            .api_key
            .as_ref()
            .map(|reference| reference.verify(secrets, &at("api_key"), problems));
        let mut headers = extra_headers::verify(&self.headers, &at("headers"), problems);
        if let ProviderKind::Sourcegraph { feature, .. } = &kind {
            headers.retain(|(name, _)| *name != X_SOURCEGRAPH_FEATURE);
            let feature = HeaderValue::from_static(feature.as_str());
            headers.push((X_SOURCEGRAPH_FEATURE, feature));
        }
        let policies = shared.with(
            &self.metadata,
            preset.allow,
            self.shared_quota,
            &at("metadata"),
            problems,
        )?;
        id?;
        let (base_path, transport) = place??;
        let provider = VerifiedProvider {
            id: ProviderId::new(self.id.as_str()),
            settings_key: key.to_owned(),
            credentials: self.credentials(preset, &kind),
            apis: self.apis(preset, &kind),
            kind,
            preset,
            api_version: self.api_version.clone(),
            terms: Terms {
                chat: ChatQuirks {
                    // Whoever writes `false` has a server that does not know the member.
                    include_usage: preset.quirks.include_usage && self.usage_request != Some(false),
                    ..preset.quirks
                },
                messages: AnthropicSettings::new(self.max_tokens, self.thinking),
            },
            base_path,
            api_key: match api_key {
                Some(secret) => Some(secret?),
                None => None,
            },
            headers,
            usage_request: self.usage_request.unwrap_or(preset.usage_request),
            shared_quota: self.shared_quota,
            ceilings: ceilings(self.max_open, self.max_waiting),
            header_policy: policies.headers,
            shared_rules: policies.shared_rules,
            own_rules: policies.own_rules,
            status_table: policies.status,
            request_headers: policies.request_headers,
        };
        Some((provider, transport))
    }

    /// The preset; that of no name where none is written, or one that is none.
    fn verify_preset(
        &self,
        at: &dyn Fn(&str) -> String,
        problems: &mut Problems<'_>,
    ) -> &'static Preset {
        let written = self.preset.as_deref();
        let preset = written.and_then(preset).unwrap_or(&COMPATIBLE);
        if self.api_version.is_some() && preset.paths != Paths::Azure {
            problems
                .error(&at("api_version"), "only Azure has versions of its API")
                .hint("write preset = \"azure-openai\" beside it, or leave it out")
                .at_the_name()
                .tell();
        }
        preset
    }

    fn apis(&self, preset: &Preset, kind: &ProviderKind) -> Vec<WireFormat> {
        match kind {
            // Recordings are of nothing else.
            ProviderKind::Replay { .. } => return vec![WireFormat::ChatCompletions],
            ProviderKind::Herald => return HERALD_APIS.to_vec(),
            _ => {}
        }
        let mut apis = preset.apis.to_vec();
        match self.responses {
            Some(true) if !apis.contains(&WireFormat::Responses) => {
                apis.push(WireFormat::Responses)
            }
            Some(false) => apis.retain(|api| *api != WireFormat::Responses),
            _ => {}
        }
        apis
    }

    fn credentials(&self, preset: &Preset, kind: &ProviderKind) -> CredentialStyle {
        match self.auth {
            Some(AuthWord::Bearer) => CredentialStyle::Bearer,
            Some(AuthWord::XApiKey) => CredentialStyle::XApiKey,
            Some(AuthWord::ApiKey) => CredentialStyle::ApiKey,
            None if self.preset.is_some() => preset.credentials,
            None => protocol(kind).credentials(),
        }
    }
}

/// Holds the name of a provider or a client key to what may stand in a URI and in a log.
pub(super) fn is_id(id: &str) -> Result<(), &'static str> {
    let is_plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    if (1..=64).contains(&id.len()) && id.bytes().all(is_plain) {
        Ok(())
    } else {
        Err("must be 1 to 64 of the characters a-z, 0-9, `-`, `_` and `.`")
    }
}
