//! Where a provider is, and how it is reached.

use std::{net::IpAddr, sync::Arc};

use super::{
    ProviderSection, base_url,
    kind::KindWord,
    transport::{self, Tls},
};
use crate::{
    providers::{anthropic, openai::presets::Preset, sourcegraph},
    settings::diagnostics::Problems,
    upstream::http_client::Transport,
};

/// Where the replay provider answers, as an OpenAI-compatible server would.
const REPLAY_BASE_PATH: &str = "/v1";

impl ProviderSection {
    /// The path of the base URL, and how its host is reached.
    pub(super) fn verify_place(
        &self,
        preset: &Preset,
        at: &dyn Fn(&str) -> String,
        tls: &Tls,
        problems: &mut Problems<'_>,
    ) -> Option<(String, Transport)> {
        let known = match self.kind {
            KindWord::Replay => {
                let transport = transport::replay_transport(self.recordings.as_deref());
                let transport = problems.take(&at("recordings"), transport)?;
                return Some((REPLAY_BASE_PATH.to_owned(), transport));
            }
            KindWord::Anthropic => Some(anthropic::BASE_URL),
            KindWord::Sourcegraph => Some(sourcegraph::BASE_URL),
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
pub(in crate::settings) fn is_on_this_machine(host: &str) -> bool {
    let address: Result<IpAddr, _> = host.parse();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}
