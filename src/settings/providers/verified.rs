//! One provider as it is used.

use awc::http::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::ProviderKind;
use crate::{
    completion::WireFormat,
    limits::ceilings::CeilingSettings,
    metadata::{
        header_policy::HeaderPolicy, request_headers::RequestHeaderPolicy,
        status_table::StatusTable,
    },
    providers::{CredentialStyle, ProviderId, Terms, openai::presets::Preset},
};

/// Shortest key that is looked for in what a provider says: a shorter one could be a common word.
const MIN_HIDDEN_KEY_BYTES: usize = 8;

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
