//! The settings in force, and where each of them was written.

use std::{path::Path, sync::Arc};

use herald::{
    settings::{
        Auth, ClientKey, Diagnostics, Origins, ProcessEnvironment, SecretsUnread, Settings,
        VerifiedProvider, VerifiedSettings,
    },
    suggest::did_you_mean,
};

/// What an answer is made from.
pub(super) struct Known {
    pub(super) settings: VerifiedSettings,
    origins: Origins,
}

/// A key that is asked about.
#[derive(Clone, Copy)]
pub(super) struct AskedKey<'a> {
    pub(super) key: &'a ClientKey,
    /// Its number among the `[[keys]]`.
    index: usize,
}

impl AskedKey<'_> {
    /// The key of one of its settings, such as `keys[0].models`.
    pub(super) fn setting(&self, name: &str) -> String {
        let dot = if name.is_empty() { "" } else { "." };
        format!("keys[{}]{dot}{name}", self.index)
    }
}

/// A provider that is asked about.
pub(super) type Asked<'a> = &'a Arc<VerifiedProvider>;

impl Known {
    /// Reads the settings, and the providers' keys if they are there: a value that repeats one stays
    /// back. Nobody is asked, so that they are not needed.
    pub(super) fn load(file: Option<&Path>) -> Result<Self, Diagnostics> {
        let settings = Settings::load_from_process(file)?;
        let origins = settings.origins();
        let with_keys = settings.clone().verify(&ProcessEnvironment);
        let settings = with_keys.or_else(|_| settings.verify(&SecretsUnread))?;
        Ok(Self { settings, origins })
    }

    /// A key of the settings and where its value was written: `clocks.idle (herald.toml:3:8)`.
    pub(super) fn place(&self, key: &str) -> String {
        let origin = self.origins.find(key).to_string();
        match origin.as_str() {
            "" => key.to_owned(),
            origin => format!("{key} ({origin})"),
        }
    }

    /// The key of that id; `None` where none is asked about, or where no key is looked at.
    pub(super) fn key(&self, id: Option<&str>) -> Result<Option<AskedKey<'_>>, String> {
        let (Auth::Keys(keys), Some(id)) = (&self.settings.auth, id) else {
            return Ok(None);
        };
        // The settings list the keys in the same order.
        let Some(index) = keys.iter().position(|key| key.id == id) else {
            let meant = did_you_mean(id, keys.iter().map(|key| key.id.as_str()));
            return Err(with_hint(format!("no key has the id {id:?}"), meant));
        };
        let key = &*keys[index];
        Ok(Some(AskedKey { key, index }))
    }

    /// The provider of that id, or all of them, by id.
    pub(super) fn providers(&self, id: Option<&str>) -> Result<Vec<Asked<'_>>, String> {
        let all = self.settings.providers.values();
        let asked: Vec<_> = all
            .clone()
            .filter(|provider| id.is_none_or(|id| provider.id.as_str() == id))
            .collect();
        match id {
            Some(id) if asked.is_empty() => {
                let meant = did_you_mean(id, all.map(|provider| provider.id.as_str()));
                Err(with_hint(format!("no provider has the id {id:?}"), meant))
            }
            _ => Ok(asked),
        }
    }
}

/// What is said of a key where the settings ask for none.
pub(super) fn no_key_counts(known: &Known) -> String {
    format!("everybody: no key is looked at, {}", known.place("auth"))
}

/// A refusal, and what may have been meant.
pub(super) fn with_hint(refusal: String, hint: Option<String>) -> String {
    hint.map_or_else(|| refusal.clone(), |hint| format!("{refusal}; {hint}"))
}
