//! Secrets by reference: the settings say where a secret is, and verification reads it.

use std::{collections::HashMap, fmt, path::PathBuf};

use secrecy::SecretString;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, Visitor},
};

use super::files;

/// Where the variables that secrets are read from come from.
pub trait SecretSource {
    /// The value of an environment variable, if it is set and is Unicode.
    fn variable(&self, name: &str) -> Option<String>;
}

/// The process's own environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl SecretSource for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// An environment handed in, as tests do.
impl SecretSource for HashMap<String, String> {
    fn variable(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

/// `{ env = "NAME" }` or `{ file = "/path" }`.
#[derive(Clone, Debug)]
pub(super) enum SecretReference {
    Variable(String),
    File(PathBuf),
}

/// Largest secret that is read from a file.
const MAX_SECRET_BYTES: usize = 64 << 10;

impl SecretReference {
    /// Reads the secret, without the line end that editors leave behind it.
    ///
    /// # Errors
    /// What is wrong. The reference is named only where it cannot be the secret itself, put there by
    /// mistake.
    pub(super) fn read(&self, source: &dyn SecretSource) -> Result<SecretString, String> {
        let (secret, place) = match self {
            Self::Variable(name) => {
                let place = if looks_like_a_variable(name) {
                    format!("the variable {name}")
                } else {
                    "the variable that `env` names".to_owned()
                };
                let secret = source
                    .variable(name)
                    .ok_or_else(|| format!("{place} is not set"))?;
                (secret, place)
            }
            Self::File(path) => {
                let place = if path.is_absolute() || path.starts_with(".") {
                    format!("the file {}", path.display())
                } else {
                    "the file that `file` names".to_owned()
                };
                let bytes = files::read(path, MAX_SECRET_BYTES)
                    .map_err(|reason| format!("{place} cannot be read: {reason}"))?;
                let secret = String::from_utf8(bytes)
                    .map_err(|_| format!("{place} holds more than visible ASCII characters"))?;
                (secret, place)
            }
        };
        let secret = secret.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(format!("{place} is empty"));
        }
        if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("{place} holds more than visible ASCII characters"));
        }
        Ok(SecretString::from(secret))
    }
}

/// Whether a name is written as variables usually are. Real keys have small letters or hyphens, so
/// a key written in place of a name is not repeated.
fn looks_like_a_variable(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
}

impl<'de> Deserialize<'de> for SecretReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReferenceVisitor)
    }
}

/// Reads the table by hand, because what stands in the wrong place here may be a secret: neither a
/// value nor an unknown key is repeated.
struct ReferenceVisitor;

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = SecretReference;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ env = \"NAME\" } or { file = \"/path\" }, which say where the secret is")
    }

    fn visit_str<E: de::Error>(self, _secret: &str) -> Result<Self::Value, E> {
        Err(E::custom(
            "must not be the secret itself: write { env = \"NAME\" } or { file = \"/path\" }, which \
             say where it is",
        ))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Self::Value, A::Error> {
        let wrong = || de::Error::custom(format_args!("must be {}", &self as &dyn de::Expected));
        let mut found = None;
        while let Some(key) = table.next_key::<String>()? {
            let reference = match key.as_str() {
                "env" => SecretReference::Variable(table.next_value()?),
                "file" => SecretReference::File(table.next_value::<String>()?.into()),
                _ => {
                    table.next_value::<IgnoredAny>()?;
                    return Err(wrong());
                }
            };
            if found.replace(reference).is_some() {
                return Err(wrong());
            }
        }
        found.ok_or_else(wrong)
    }
}
