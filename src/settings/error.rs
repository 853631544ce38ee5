//! Why settings were refused, one line each.

use std::{collections::HashMap, fmt, path::PathBuf};

use config::{Value, ValueKind};

use super::layers;

/// One mistake in the settings. Its text is one line that says what to write instead, and never
/// repeats a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The file could not be read.
    #[error("cannot read the settings file {}: {reason}", file.display())]
    Unreadable {
        /// The file, as it was given.
        file: PathBuf,
        /// What the operating system said.
        reason: String,
    },
    /// The file is no TOML. The line itself is not repeated, because it may hold a secret.
    #[error("{file}:{line}:{column}: {reason}")]
    Syntax {
        /// The file, as it was given.
        file: String,
        /// Line, counted from one.
        line: usize,
        /// Column in characters, counted from one.
        column: usize,
        /// What the parser said.
        reason: String,
    },
    /// An environment variable has a name that can be no setting.
    #[error("{name}: {reason}")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong with its name, and how to write it.
        reason: String,
    },
    /// A key is unknown, missing, of the wrong type, or has a value that makes no sense.
    #[error("{key}{origin}: {problem}")]
    Key {
        /// The key's path, such as `clocks.idle` or `providers[0].base_url`; list items count from
        /// zero.
        key: String,
        /// Which layer wrote it.
        origin: Origin,
        /// What is wrong, and what to write instead.
        problem: String,
    },
}

/// Which layer a value came from. Printed as the words that follow a key's path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The embedded defaults, or nowhere. Printed as nothing.
    #[default]
    Defaults,
    /// The settings file, as it was given.
    File(String),
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => Ok(()),
            Self::File(file) => write!(f, " in {file}"),
            Self::Variable(name) => write!(f, " from {name}"),
        }
    }
}

impl Origin {
    /// Reads the origin that `config` keeps beside each value.
    ///
    /// A variable's name follows from the key, since only capitals are accepted in it.
    pub(super) fn of(key: &str, origin: Option<&str>) -> Self {
        match origin {
            None => Self::Defaults,
            Some(layers::ENVIRONMENT) => Self::Variable(format!(
                "{}{}",
                layers::PREFIX,
                key.to_uppercase().replace('.', "__")
            )),
            Some(file) => Self::File(file.to_owned()),
        }
    }
}

/// Where each value came from, so that verification can name it long after layering.
#[derive(Clone, Debug, Default)]
pub struct Origins(HashMap<String, Origin>);

impl Origins {
    pub(super) fn of(root: &Value) -> Self {
        let mut origins = Self::default();
        origins.walk("", root);
        origins
    }

    fn walk(&mut self, key: &str, value: &Value) {
        match &value.kind {
            ValueKind::Table(table) => {
                for (name, value) in table {
                    self.walk(&join(key, name), value);
                }
            }
            ValueKind::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    self.walk(&format!("{key}[{index}]"), value);
                }
            }
            _ => {}
        }
        if !key.is_empty() {
            let origin = Origin::of(key, value.origin());
            self.0.insert(key.to_owned(), origin);
        }
    }

    /// The mistake at this key, with the layer that wrote it.
    pub(super) fn mistake(&self, key: &str, problem: impl Into<String>) -> SettingsError {
        SettingsError::Key {
            key: key.to_owned(),
            origin: self.find(key),
            problem: problem.into(),
        }
    }

    /// The origin of the key, such as `metadata.allow[3]`, of something in it, or of the nearest thing
    /// around it.
    #[must_use]
    pub fn find(&self, key: &str) -> Origin {
        let mut around = key;
        loop {
            match self.0.get(around) {
                // Merging leaves tables without an origin.
                Some(Origin::Defaults) => return self.find_within(around),
                Some(origin) => return origin.clone(),
                None => match around.rfind(['.', '[']) {
                    Some(end) => around = &around[..end],
                    None => return Origin::Defaults,
                },
            }
        }
    }

    fn find_within(&self, table: &str) -> Origin {
        let is_within = |key: &str| {
            key.strip_prefix(table)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        self.0
            .iter()
            .filter(|(key, origin)| is_within(key) && **origin != Origin::Defaults)
            .min_by_key(|(key, _)| *key)
            .map_or(Origin::Defaults, |(_, origin)| origin.clone())
    }
}

/// Collects every mistake that verification finds.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    origins: &'a Origins,
    list: Vec<SettingsError>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(origins: &'a Origins) -> Self {
        Self {
            origins,
            list: Vec::new(),
        }
    }

    /// Notes a mistake at the key.
    pub(super) fn at(&mut self, key: &str, problem: impl Into<String>) {
        self.list.push(self.origins.mistake(key, problem));
    }

    /// Notes a mistake at the key if there was one, and goes on with what there is.
    pub(super) fn take<T>(&mut self, key: &str, result: Result<T, impl Into<String>>) -> Option<T> {
        result.map_err(|problem| self.at(key, problem)).ok()
    }

    pub(super) fn into_list(self) -> Vec<SettingsError> {
        self.list
    }
}

/// Joins two parts of a key's path.
pub(super) fn join(outer: &str, inner: &str) -> String {
    if outer.is_empty() || inner.is_empty() || inner.starts_with('[') {
        format!("{outer}{inner}")
    } else {
        format!("{outer}.{inner}")
    }
}
