//! Tests of the settings as a whole: what is accepted and what is refused, the page that documents
//! them, and their schema. What is drawn of a mistake is held by `tests/settings`.

mod accepted;
mod documented;
mod refused;
mod schema;

use std::{collections::HashMap, path::PathBuf};

use super::{Settings, VerifiedSettings};

fn variables(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn verified(toml: &str, secrets: &[(&str, &str)]) -> VerifiedSettings {
    let settings = Settings::from_toml(toml).unwrap();
    settings.verify(&variables(secrets)).unwrap()
}

/// A file of this test's own, removed when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn file(name: &str, content: &[u8]) -> Self {
        let name = format!("herald-settings-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
