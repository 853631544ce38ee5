//! The files of the two folders, and what is found in them.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use herald::settings::{Diagnostics, Settings};

/// One settings file of a folder.
pub(crate) struct Case {
    pub(crate) folder: &'static str,
    pub(crate) name: String,
    /// As diagnostics name it: tests run in the package's own folder, so it is the same everywhere.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// What its lines `# env: NAME=VALUE` say, settings and secrets alike.
    environment: HashMap<String, String>,
}

impl Case {
    fn read(folder: &'static str, name: String) -> Self {
        let path = Path::new("tests/settings")
            .join(folder)
            .join(format!("{name}.toml"));
        let text = fs::read_to_string(&path).unwrap();
        let variable = |line: &str| {
            let (name, value) = line.strip_prefix("# env: ")?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        };
        let environment = text.lines().filter_map(variable).collect();
        Self {
            folder,
            name,
            path,
            text,
            environment,
        }
    }

    /// Everything that is found, and whether the settings are taken.
    pub(crate) fn found(&self) -> (Diagnostics, bool) {
        let verified = Settings::load(Some(&self.path), &self.environment)
            .and_then(|settings| settings.verify(&self.environment));
        match verified {
            Ok(settings) => (settings.warnings, true),
            Err(found) => (found, false),
        }
    }
}

/// The cases of `refused/` or `warned/`, by name.
pub(crate) fn cases(folder: &'static str) -> Vec<Case> {
    let names = names(folder, ".toml").into_iter();
    names.map(|name| Case::read(folder, name)).collect()
}

/// Those of both.
pub(crate) fn all() -> impl Iterator<Item = Case> {
    ["refused", "warned"].into_iter().flat_map(cases)
}

/// The files of a folder with this ending, sorted and without it.
pub(crate) fn names(folder: &str, ending: &str) -> Vec<String> {
    let files = fs::read_dir(Path::new("tests/settings").join(folder)).unwrap();
    let name = |file: PathBuf| {
        let name = file.file_name()?.to_str()?;
        name.strip_suffix(ending).map(str::to_owned)
    };
    let mut names: Vec<_> = files
        .filter_map(|file| name(file.unwrap().path()))
        .collect();
    names.sort_unstable();
    names
}
