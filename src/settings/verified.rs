//! Verification: the whole of the settings, or everything that is wrong with them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{
    AdminSettings, AttemptRules, Auth, Cors, Diagnostics, EffectiveSettings, LimitSettings,
    LogSettings, Models, ReloadSettings, SecretSource, Sections, ServerSettings, ServerTls,
    Settings, Severity, SourcegraphSettings, StreamBounds, UpstreamBounds, VerifiedProvider, auth,
    bounds::ProxySource,
    diagnostics::Problems,
    keys,
    metadata::SharedPolicies,
    models, outside,
    providers::{ProviderSection, Tls},
};
use crate::{
    providers::ProviderId,
    routing::{headroom::HeadroomRules, outliers::OutlierRules},
    upstream::{
        clocks::ClockLengths,
        connector::names::NameSource,
        http_client::{ClientParts, Transport},
    },
};

/// Settings that make sense, with their secrets read and their rules compiled: the only form that
/// the rest of Herald takes.
#[derive(Clone, Debug)]
pub struct VerifiedSettings {
    /// Which settings these are, counted from 1; set by the [`Gateway`](crate::Gateway) that takes
    /// them, and told to clients as `x-herald-settings-generation`.
    pub generation: u64,
    /// Who may call. Settings `auth` and `[[keys]]`.
    pub auth: Auth,
    /// Settings `[server]`.
    pub server: ServerSettings,
    /// The public listener's certificate; `None`: it speaks plain HTTP. Whether it speaks TLS is decided
    /// when it is bound; the certificate follows the settings in force. Settings `[server.tls]`.
    pub tls: Option<ServerTls>,
    /// Settings `[reload]`.
    pub reload: ReloadSettings,
    /// Where Herald's operators ask it. Settings `[admin]`.
    pub admin: AdminSettings,
    /// Which web pages may read answers in a browser; `None` for none. Settings `[cors]`.
    pub cors: Option<Cors>,
    /// Settings `[log]`.
    pub log: LogSettings,
    /// Settings `[clocks]`.
    pub clocks: ClockLengths,
    /// Silence towards the client after which a comment is written; `None` for never. Setting
    /// `clocks.heartbeat`, default 15 s.
    pub heartbeat: Option<Duration>,
    /// Settings `[upstream]`.
    pub upstream: UpstreamBounds,
    /// Settings `[stream]`.
    pub stream: StreamBounds,
    /// Settings `[attempts]`.
    pub attempts: AttemptRules,
    /// Herald's name in `Proxy-Status`: a letter, then up to 63 of `a-z`, digits, `.`, `_` and `-`. Setting
    /// `metadata.proxy_name`, default `herald`.
    pub proxy_name: Arc<str>,
    /// What a 503 says in `retry-after` if the provider said nothing, in whole seconds. Setting
    /// `metadata.retry_after`, default 5 s.
    pub retry_after: Duration,
    /// Settings `[sourcegraph]`.
    pub sourcegraph: SourcegraphSettings,
    /// Settings `[limits]`.
    pub limits: LimitSettings,
    /// Settings `[outliers]`.
    pub outliers: OutlierRules,
    /// Settings `[headroom]`.
    pub headroom: HeadroomRules,
    /// Settings `[[providers]]`, by id.
    pub providers: BTreeMap<ProviderId, Arc<VerifiedProvider>>,
    /// Settings `[[models]]`.
    pub models: Models,
    /// Where each provider is and how it is connected to: what a worker makes its client from.
    pub client_parts: ClientParts,
    /// The same as a tree, to be shown and compared.
    pub effective: EffectiveSettings,
    /// What is allowed but surely not meant.
    pub warnings: Diagnostics,
}

impl Settings {
    /// Verifies every value, reads the secrets and compiles the rules.
    ///
    /// Secrets, roots and recordings are read here, so this blocks on files: call it outside of a
    /// worker.
    ///
    /// # Errors
    /// Everything that is wrong, warnings among it, in the order of the text.
    pub fn verify(self, secrets: &dyn SecretSource) -> Result<VerifiedSettings, Diagnostics> {
        let mut problems = Problems::new(&self.origins, self.found.clone());
        let effective = EffectiveSettings::new(self.clone());
        let (verified, outside) =
            outside::collect(|| self.sections.verify(effective, secrets, &mut problems));
        let found = Diagnostics::new(
            problems.into_found().list,
            Arc::clone(self.origins.sources()),
        );
        match verified {
            Some(mut verified) if found.count(Severity::Error) == 0 => {
                verified.effective.note_outside(outside);
                verified.warnings = found;
                Ok(verified)
            }
            _ => Err(found),
        }
    }
}

impl Sections {
    /// The settings, as far as they make sense.
    fn verify(
        &self,
        effective: EffectiveSettings,
        secrets: &dyn SecretSource,
        problems: &mut Problems<'_>,
    ) -> Option<VerifiedSettings> {
        let server = self.server.verify(problems);
        let tls = self.server.tls.as_ref();
        let tls = tls.and_then(|tls| tls.verify(secrets, problems));
        let listen = server.as_ref().map(|server| server.listen);
        let admin = self.admin.verify(secrets, problems);
        let (shared, retry_after) = self.metadata.verify(problems);
        let keys = keys::verify(&self.keys, &self.models, &shared, &self.providers, problems);
        let auth = auth::verify(self.auth, &self.keys, keys, listen, problems);
        let cors = self.cors.verify(problems);
        let log = self.log.verify(problems);
        let (clocks, heartbeat) = self.clocks.verify(problems);
        let (providers, endpoints) = verify_providers(&self.providers, &shared, secrets, problems);
        let models = models::verify(&self.models, &self.providers, &providers, problems);
        let client_parts = ClientParts {
            endpoints,
            connect: clocks.connect,
            keep_alive: self.upstream.keep_alive.0,
            max_head_bytes: self.upstream.max_head_bytes.bytes(),
            proxy_from_environment: self.upstream.proxy == ProxySource::Environment,
            names: NameSource::System,
        };
        Some(VerifiedSettings {
            generation: 1,
            auth,
            cors,
            server: server?,
            tls,
            reload: self.reload.verified(),
            admin: admin?,
            log,
            clocks,
            heartbeat,
            upstream: self.upstream.verified(),
            stream: self.stream.verify(problems),
            attempts: self.attempts.verify(problems),
            proxy_name: self.metadata.proxy_name(),
            retry_after,
            sourcegraph: self.sourcegraph.verify(&models, problems),
            limits: self.limits.verify(secrets, problems),
            outliers: self.outliers.verify(problems),
            headroom: self.headroom.verified(),
            providers,
            models,
            client_parts,
            effective,
            warnings: Diagnostics::default(),
        })
    }
}

type VerifiedProviders = BTreeMap<ProviderId, Arc<VerifiedProvider>>;

fn verify_providers(
    written: &[ProviderSection],
    shared: &SharedPolicies<'_>,
    secrets: &dyn SecretSource,
    problems: &mut Problems<'_>,
) -> (VerifiedProviders, HashMap<ProviderId, Transport>) {
    let tls = Tls::default();
    let (mut providers, mut endpoints) = (BTreeMap::new(), HashMap::new());
    let mut ids = HashMap::new();
    for (index, provider) in written.iter().enumerate() {
        let key = format!("providers[{index}]");
        if let Some(first) = ids.insert(&provider.id, index) {
            let problem = format!("{:?} is already the id of providers[{first}]", provider.id);
            problems
                .error(&format!("{key}.id"), problem)
                .beside(&format!("providers[{first}].id"), "the first")
                .tell();
        }
        let verified = provider.verify(&key, shared, secrets, &tls, problems);
        if let Some((provider, transport)) = verified {
            endpoints.insert(provider.id.clone(), transport);
            providers.insert(provider.id.clone(), Arc::new(provider));
        }
    }
    (providers, endpoints)
}

impl VerifiedSettings {
    /// The same settings with one provider reached another way: for tests, which put a scripted
    /// provider in its place.
    ///
    /// # Panics
    /// If no provider has that id.
    #[must_use]
    pub fn with_transport(mut self, provider: &str, transport: Transport) -> Self {
        let id = ProviderId::new(provider);
        assert!(self.providers.contains_key(&id), "no provider {provider:?}");
        self.client_parts.endpoints.insert(id, transport);
        self
    }
}
