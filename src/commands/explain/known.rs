//! The settings in force, and where each of them was written.

use std::{path::Path, sync::Arc};

use herald::settings::{
    Origins, ProcessEnvironment, Settings, SettingsError, VerifiedProvider, VerifiedSettings,
};

/// What an answer is made from.
pub(super) struct Known {
    pub(super) settings: VerifiedSettings,
    origins: Origins,
}

/// A provider that is asked about.
pub(super) type Asked<'a> = &'a Arc<VerifiedProvider>;

impl Known {
    pub(super) fn load(file: Option<&Path>) -> Result<Self, Vec<SettingsError>> {
        let settings = Settings::load_from_process(file).map_err(|error| vec![error])?;
        let origins = settings.origins();
        let settings = settings.verify(&ProcessEnvironment)?;
        Ok(Self { settings, origins })
    }

    /// A key of the settings and where its value was written: `clocks.idle (herald.toml:3:8)`.
    pub(super) fn place(&self, key: &str) -> String {
        let origin = self.origins.find(key).to_string();
        match origin.trim_start() {
            "" => format!("{key} (built in)"),
            origin => format!("{key} ({origin})"),
        }
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
                Err(format!("no provider has the id {id:?}{meant}"))
            }
            _ => Ok(asked),
        }
    }
}

/// How alike two words must be, from 0 to 1, for one to be meant by the other.
const ALIKE: f64 = 0.8;

/// `; did you mean "…"?` with the word that is most like the one given, or nothing.
pub(super) fn did_you_mean<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> String {
    words
        .map(|other| (strsim::jaro_winkler(word, other), other))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, meant)| format!("; did you mean {meant:?}?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_is_most_alike_is_meant_and_a_strange_one_none() {
        let words = || ["gpt-4.1", "gpt-4.1-mini", "claude"].into_iter();
        assert_eq!(
            did_you_mean("gpt4.1-mini", words()),
            "; did you mean \"gpt-4.1-mini\"?"
        );
        assert_eq!(did_you_mean("weather", words()), "");
    }
}
