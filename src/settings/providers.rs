//! `[[providers]]`: who serves, where, and with which key.

mod anthropic;
mod base_url;
mod extra_headers;
pub(super) mod sourcegraph;
mod transport;
mod written;

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, sync::Arc};

use awc::http::header::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub use anthropic::{AnthropicSettings, ThinkingStyle};
pub use sourcegraph::{GatewayFamily, GatewayFeature};
pub(super) use transport::{MAX_ROOTS_BYTES, Tls};

use super::{
    bounds::ceilings,
    diagnostics::Problems,
    metadata::{ProviderMetadata, SharedPolicies},
    schema::secret_values,
    secrets::{SecretReference, SecretSource},
};
use crate::{
    completion::WireFormat,
    limits::ceilings::CeilingSettings,
    metadata::{
        header_policy::HeaderPolicy, request_headers::RequestHeaderPolicy,
        status_table::StatusTable,
    },
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
#[serde(rename_all = "lowercase")]
enum KindWord {
    OpenAi,
    Anthropic,
    Herald,
    Sourcegraph,
    Replay,
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

/// One provider, ready to be called. Settings `[[providers]]`; where it is stands in
/// [`ClientParts::endpoints`](crate::upstream::http_client::ClientParts::endpoints).
#[derive(Clone, Debug)]
pub struct VerifiedProvider {
    /// Its name. Setting `providers.id`.
    pub id: ProviderId,
    /// Where its settings stand, such as `providers[0]`.
    pub settings_key: String,
    /// What it speaks. Setting `providers.kind`.
    pub kind: ProviderKind,
    /// What requests say that are written for Anthropic; the defaults for a provider of another kind.
    pub terms: Terms,
    /// The path of `providers.base_url`, such as `/v1`: empty, or begins with a slash and ends
    /// without one.
    pub base_path: String,
    /// What is known of it beforehand. Setting `providers.preset`; of a kind other than `openai`,
    /// nothing.
    pub preset: &'static Preset,
    /// Which of OpenAI's APIs it has. The preset's, but for setting `providers.responses`.
    pub apis: Vec<WireFormat>,
    /// Azure's `api-version`. Setting `providers.api_version`, default none.
    pub api_version: Option<String>,
    /// In which header it is told the key. Setting `providers.auth`, default the preset's or kind's.
    pub credentials: CredentialStyle,
    /// Its key: visible ASCII, never empty. Setting `providers.api_key`.
    pub api_key: Option<SecretString>,
    /// More headers on every request to it; no credentials, no framing. Setting `providers.headers`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether streams are asked for usage when the client did not. Setting
    /// `providers.usage_request`, default the preset's, else false.
    pub usage_request: bool,
    /// Whether the quota is ours and not the client's. Setting `providers.shared_quota`, default
    /// false; [`status_table`](Self::status_table) already knows of it.
    pub shared_quota: bool,
    /// How many completions may be open at it.
    pub ceilings: CeilingSettings,
    /// Which of its headers reach the client.
    pub header_policy: HeaderPolicy,
    /// How many rules of that policy, from the first on, are those of `metadata.allow`.
    pub shared_rules: usize,
    /// How many after them are the provider's own; what is left is its preset's.
    pub own_rules: usize,
    /// Which status the client sees for its own.
    pub status_table: StatusTable,
    /// Which of the client's headers reach it.
    pub request_headers: RequestHeaderPolicy,
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

/// Where the replay provider answers, as an OpenAI-compatible server would.
const REPLAY_BASE_PATH: &str = "/v1";

/// Shortest key that is looked for in what a provider says: a shorter one could be a common word.
const MIN_HIDDEN_KEY_BYTES: usize = 8;

/// Under which quota Cody Gateway counts a request; without it, it serves none.
const X_SOURCEGRAPH_FEATURE: HeaderName = HeaderName::from_static("x-sourcegraph-feature");

/// Which of OpenAI's APIs another Herald has: those that clients may ask this one for.
const HERALD_APIS: &[WireFormat] = &[
    WireFormat::ChatCompletions,
    WireFormat::Completions,
    WireFormat::Responses,
    WireFormat::Embeddings,
];

impl VerifiedProvider {
    fn hidden_key(&self) -> Option<&str> {
        let key = self.api_key.as_ref()?.expose_secret();
        (key.len() >= MIN_HIDDEN_KEY_BYTES).then_some(key)
    }

    /// Whether a text of the provider repeats the key that it was called with.
    #[must_use]
    pub fn repeats_key(&self, text: &[u8]) -> bool {
        let key = self.hidden_key();
        key.is_some_and(|key| memchr::memmem::find(text, key.as_bytes()).is_some())
    }

    /// The text without that key. Keys with a known shape are hidden by
    /// [`clean_text`](crate::metadata::clean_text); this one whatever its shape.
    #[must_use]
    pub fn without_key(&self, text: String) -> String {
        match self.hidden_key() {
            Some(key) if text.contains(key) => text.replace(key, "[redacted]"),
            _ => text,
        }
    }
}

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
        let place = match self.kind {
            // What belongs to another kind would only follow from the wrong word.
            _ if !is_kind_known => None,
            KindWord::OpenAi | KindWord::Anthropic | KindWord::Herald | KindWord::Sourcegraph => {
                self.verify_place(preset, &at, tls, problems)
            }
            KindWord::Replay => problems
                .take(
                    &at("recordings"),
                    transport::replay_transport(self.recordings.as_deref()),
                )
                .map(|transport| (REPLAY_BASE_PATH.to_owned(), transport)),
        };
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
        let (base_path, transport) = place?;
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

    /// The kind, with the keys that belong to the other one refused.
    fn verify_kind(
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

    /// The path of the base URL, and how its host is reached.
    fn verify_place(
        &self,
        preset: &Preset,
        at: &dyn Fn(&str) -> String,
        tls: &Tls,
        problems: &mut Problems<'_>,
    ) -> Option<(String, Transport)> {
        let known = match self.kind {
            KindWord::Anthropic => Some(crate::providers::anthropic::BASE_URL),
            KindWord::Sourcegraph => Some(crate::providers::sourcegraph::BASE_URL),
            _ => preset.base_url,
        };
        let Some(written) = self.base_url.as_deref().or(known) else {
            problems
                .error(&at("base_url"), "is missing")
                .hint("write where it is, such as \"https://api.openai.com/v1\"")
                .tell();
            return None;
        };
        let url = problems.take(&at("base_url"), base_url::parse(written))?;
        let (host, port): (Arc<str>, u16) = (url.host.into(), url.port);
        let transport = if url.https {
            let (key, tls) = match &self.ca_file {
                Some(file) => (at("ca_file"), tls.with_roots(file)),
                None => (at("base_url"), tls.shared()),
            };
            let tls = problems.take(&key, tls)?;
            Transport::Https { host, port, tls }
        } else {
            if self.ca_file.is_some() {
                problems.at(
                    &at("ca_file"),
                    "base_url is http, which has no certificates",
                );
            }
            if self.api_key.is_some() && !is_on_this_machine(&host) {
                problems
                    .warning(&at("base_url"), "the key travels unencrypted")
                    .hint("write https://, if the provider speaks it")
                    .tell();
            }
            Transport::Http { host, port }
        };
        Some((url.path, transport))
    }
}

/// Whether what is sent there crosses no network.
pub(super) fn is_on_this_machine(host: &str) -> bool {
    let address: Result<IpAddr, _> = host.parse();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
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
