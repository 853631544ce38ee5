//! Typed settings: as written ([`Settings`]), and as used ([`VerifiedSettings`]).
//!
//! Three layers, the later winning key by key: the embedded `settings/default.toml`, a TOML file, and
//! environment variables (`HERALD__CLOCKS__IDLE=90s` sets `clocks.idle`). Lists are replaced whole.
//! When neither the file nor the environment says `providers` or `models`, the embedded
//! `settings/replay.toml` does, so that Herald runs on a fresh machine with no key and no network.
//!
//! ```
//! use std::collections::HashMap;
//!
//! let nothing_set = HashMap::new();
//! let settings = herald::settings::Settings::load(None, &nothing_set)?;
//! let verified = settings.verify(&nothing_set)?;
//! assert!(verified.models.get("replay-text").is_some());
//! # Ok::<(), herald::settings::Diagnostics>(())
//! ```
//!
//! **Invariants.** Unknown keys are refused, in every table. No error repeats a value that may be a
//! secret. Nothing downstream of [`Settings::verify`] checks a setting again.

mod admin;
mod attempts;
mod auth;
mod bounds;
mod catalogue;
mod clocks;
mod cors;
mod diagnostics;
mod diff;
mod effective;
pub(crate) mod files;
mod header_lists;
mod keys;
mod layers;
mod limits;
mod log;
mod metadata;
mod models;
mod origin;
mod outside;
mod providers;
mod reload;
mod restart;
mod routing;
mod schema;
mod secrets;
mod server;
mod shape;
mod source;
mod sourcegraph;
mod targets;
mod tls;
mod units;
mod verified;

#[cfg(test)]
mod tests;

use std::{collections::HashMap, fmt, path::Path, sync::Arc};

use schemars::JsonSchema;
use serde::Deserialize;

use diagnostics::{Found, Problems};

pub use admin::{AdminSettings, AdminToken};
pub use attempts::{AttemptRules, RetryClass};
pub use auth::Auth;
pub use bounds::{StreamBounds, UpstreamBounds};
pub use catalogue::{ModelCapability, ModelCatalogue, ModelCategory, ModelStatus, ModelTier};
pub use cors::{AllowedOrigins, Cors};
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use diff::{Change, ChangeKind, Diff};
pub use effective::EffectiveSettings;
pub use keys::{AllowedModels, ClientKey, ClientKeys, ModelPattern};
pub use limits::{LimitBackend, LimitSettings, OnBackendError};
pub use log::{LogFormat, LogSettings};
pub use models::{FilterRules, Models, VerifiedModel};
pub use origin::{Origin, Origins, Place};
pub use providers::{
    AnthropicSettings, GatewayFamily, GatewayFeature, ProviderKind, ThinkingStyle, VerifiedProvider,
};
pub use reload::ReloadSettings;
pub use restart::{PendingRestart, needs_restart};
pub use schema::json_schema;
pub use secrets::{ProcessEnvironment, SecretSource, SecretsUnread};
pub use server::ServerSettings;
pub(crate) use sourcegraph::{CHAT, CODE_COMPLETION, FAST_CHAT};
pub use sourcegraph::{DefaultModels, SourcegraphSettings, StreamErrors};
pub use targets::VerifiedTarget;
pub use tls::ServerTls;
pub use verified::VerifiedSettings;

pub(crate) use layers::process_environment;

/// Settings as they are written: layered, and every key looked at, but not yet verified.
///
/// It holds no secret, only where each is. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    sections: Arc<Sections>,
    /// The layers in one tree, after what is wrong with keys and types was put right.
    tree: Arc<serde_json::Value>,
    origins: Arc<Origins>,
    /// What is wrong with keys and types; verification goes on from there, to tell everything.
    found: Found,
}

/// Tells only where the values stand: among them are hashes of keys, and headers that may be somebody's
/// secret all the same.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

// No doc comment: it would become the description of the schema.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Sections {
    auth: Option<auth::AuthMode>,
    server: server::ServerSection,
    reload: reload::ReloadSection,
    admin: admin::AdminSection,
    cors: cors::CorsSection,
    log: log::LogSection,
    clocks: clocks::ClocksSection,
    upstream: bounds::UpstreamSection,
    stream: bounds::StreamSection,
    metadata: metadata::MetadataSection,
    attempts: attempts::AttemptsSection,
    sourcegraph: sourcegraph::SourcegraphSection,
    limits: limits::LimitsSection,
    outliers: routing::OutliersSection,
    headroom: routing::HeadroomSection,
    #[serde(default)]
    providers: Vec<providers::ProviderSection>,
    #[serde(default)]
    models: Vec<models::ModelSection>,
    #[serde(default)]
    keys: Vec<keys::KeySection>,
}

impl Settings {
    /// Reads the defaults, the file if there is one, and of the environment the variables whose name
    /// begins with `HERALD__`. Other variables are ignored, so the whole environment may be given.
    ///
    /// # Errors
    /// The file cannot be read, or is no TOML. A wrong key, type or value is told by
    /// [`verify`](Self::verify), together with everything else.
    pub fn load(
        file: Option<&Path>,
        environment: &HashMap<String, String>,
    ) -> Result<Self, Diagnostics> {
        let Some(file) = file else {
            return Self::layered(layers::merge(None, environment));
        };
        let (name, text) = (file.display().to_string(), layers::read(file));
        let written = |text| layers::Written { name: &name, text };
        let mut merged = layers::merge(text.as_deref().ok().map(written), environment);
        if let Err(problem) = text {
            merged.is_readable = false;
            merged
                .found
                .insert(0, Diagnostic::mistake(Origin::Nowhere, problem));
        }
        Self::layered(merged)
    }

    /// [`load`](Self::load) with the process's own environment.
    ///
    /// # Errors
    /// As `load`.
    pub fn load_from_process(file: Option<&Path>) -> Result<Self, Diagnostics> {
        Self::load(file, &layers::process_environment())
    }

    /// [`load`](Self::load) with the text of a file and no environment. For tests, and for settings
    /// that come from elsewhere than a file. Diagnostics call the text `settings`.
    ///
    /// # Errors
    /// As `load`.
    pub fn from_toml(text: &str) -> Result<Self, Diagnostics> {
        Self::from_toml_over(text, &HashMap::new())
    }

    /// [`from_toml`](Self::from_toml) with an environment.
    ///
    /// # Errors
    /// As `load`.
    pub fn from_toml_over(
        text: &str,
        environment: &HashMap<String, String>,
    ) -> Result<Self, Diagnostics> {
        let name = "settings";
        let written = layers::Written { name, text };
        Self::layered(layers::merge(Some(written), environment))
    }

    /// Where each value was written. Kept apart from the settings, which [`verify`](Self::verify) takes.
    #[must_use]
    pub fn origins(&self) -> Origins {
        Origins::clone(&self.origins)
    }

    fn layered(merged: layers::Merged) -> Result<Self, Diagnostics> {
        let layers::Merged {
            mut root,
            defaults,
            sources,
            found,
            is_readable,
        } = merged;
        if !is_readable {
            return Err(Diagnostics::new(found, sources));
        }
        let origins = Origins::of(&root, sources);
        let mut problems = Problems::new(&origins, Found::from(found));
        shape::check(&mut root, &defaults, &mut problems);
        let found = problems.into_found();
        let tree: serde_json::Value = shape::read(root).expect("the layers hold what JSON has");
        let sections = Sections::deserialize(&tree);
        Ok(Self {
            sections: Arc::new(sections.expect("what fits the schema of a type is read as it")),
            tree: Arc::new(tree),
            origins: Arc::new(origins),
            found,
        })
    }
}
