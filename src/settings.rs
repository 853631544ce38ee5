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
//! let verified = settings.verify(&nothing_set).expect("the defaults are right");
//! assert!(verified.models.get("replay-text").is_some());
//! # Ok::<(), herald::settings::SettingsError>(())
//! ```
//!
//! **Invariants.** Unknown keys are refused, in every table. No error repeats a value that may be a
//! secret. Nothing downstream of [`Settings::verify`] checks a setting again.

mod auth;
mod bounds;
mod clocks;
mod cors;
mod error;
mod files;
mod layers;
mod log;
mod metadata;
mod models;
mod providers;
mod secrets;
mod server;
mod strict;
mod units;
mod verified;

#[cfg(test)]
mod tests;

use std::{collections::HashMap, path::Path};

use serde::Deserialize;

pub use auth::{Auth, ClientKey};
pub use bounds::{StreamBounds, UpstreamBounds};
pub use cors::{AllowedOrigins, Cors};
pub use error::{Origin, Origins, SettingsError};
pub use log::{LogFormat, LogSettings};
pub use models::{FilterRules, Models, VerifiedModel};
pub use providers::{ProviderKind, VerifiedProvider};
pub use secrets::{ProcessEnvironment, SecretSource};
pub use server::ServerSettings;
pub use verified::VerifiedSettings;

/// Settings as they are written: layered and typed, not yet verified.
///
/// It holds no secret, only where each is.
#[derive(Clone, Debug)]
pub struct Settings {
    sections: Sections,
    origins: error::Origins,
}

/// The root table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sections {
    auth: Option<auth::AuthMode>,
    server: server::ServerSection,
    cors: cors::CorsSection,
    log: log::LogSection,
    clocks: clocks::ClocksSection,
    upstream: bounds::UpstreamSection,
    stream: bounds::StreamSection,
    metadata: metadata::MetadataSection,
    #[serde(default)]
    providers: Vec<providers::ProviderSection>,
    #[serde(default)]
    models: Vec<models::ModelSection>,
    #[serde(default)]
    keys: Vec<auth::KeySection>,
}

impl Settings {
    /// Reads the defaults, the file if there is one, and of the environment the variables whose name
    /// begins with `HERALD__`. Other variables are ignored, so the whole environment may be given.
    ///
    /// # Errors
    /// The first mistake found: a file that cannot be read or is no TOML, a variable that can name no
    /// setting, or a key that is unknown, missing or of the wrong type.
    pub fn load(
        file: Option<&Path>,
        environment: &HashMap<String, String>,
    ) -> Result<Self, SettingsError> {
        let file = file.map(layers::Layer::read).transpose()?;
        Self::from_layers(file, environment)
    }

    /// [`load`](Self::load) with the process's own environment.
    ///
    /// # Errors
    /// As `load`.
    pub fn load_from_process(file: Option<&Path>) -> Result<Self, SettingsError> {
        Self::load(file, &layers::process_environment())
    }

    /// [`load`](Self::load) with the text of a file and no environment. For tests, and for settings
    /// that come from elsewhere than a file. Errors call the text `settings`.
    ///
    /// # Errors
    /// As `load`.
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        let layer = layers::Layer::parse(Some("settings"), text)?;
        Self::from_layers(Some(layer), &HashMap::new())
    }

    /// Where each value was written. Kept apart from the settings, which [`verify`](Self::verify) takes.
    #[must_use]
    pub fn origins(&self) -> Origins {
        self.origins.clone()
    }

    fn from_layers(
        file: Option<layers::Layer>,
        environment: &HashMap<String, String>,
    ) -> Result<Self, SettingsError> {
        let root = layers::merge(file, environment)?;
        let origins = error::Origins::of(&root);
        let sections = strict::deserialize(root)
            .map_err(|refusal| origins.mistake(&refusal.key, refusal.problem))?;
        Ok(Self { sections, origins })
    }
}
