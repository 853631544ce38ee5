//! Tests of the settings as a whole: what is accepted, what is refused and with which words, and the
//! page that documents them.

mod accepted;
mod documented;
mod refused_entries;
mod refused_layers;
mod refused_values;

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

/// All problems, one a line, without the ` in settings` that each would carry.
fn refused(toml: &str) -> String {
    refused_with(toml, &[])
}

fn refused_with(toml: &str, secrets: &[(&str, &str)]) -> String {
    let settings = Settings::from_toml(toml).unwrap();
    let problems = settings.verify(&variables(secrets)).unwrap_err();
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n").replace(" in settings: ", ": ")
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
