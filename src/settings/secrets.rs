//! Secrets by reference: the settings say where a secret is, and verification reads it.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::Deserialize;

use super::{diagnostics::Problems, files, origin::join, outside};

/// Where the variables that secrets are read from come from.
pub trait SecretSource {
    /// The value of an environment variable, if it is set and is Unicode.
    fn variable(&self, name: &str) -> Option<String>;

    /// Whether secrets are looked for at all, in variables and in files.
    fn is_read(&self) -> bool {
        true
    }
}

/// No secret is looked for, and each counts as there: for a check where they are not, as in CI.
/// Settings that are verified so must not serve.
#[derive(Clone, Copy, Debug, Default)]
pub struct SecretsUnread;

impl SecretSource for SecretsUnread {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn is_read(&self) -> bool {
        false
    }
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

/// Where a secret is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(extend(
    "x-secret" = true,
    "x-expected" = "{ env = \"NAME\" } or { file = \"/path\" }, which say where the secret is"
))]
pub(super) enum SecretReference {
    /// The name of the environment variable that holds it.
    #[serde(rename = "env")]
    Variable(String),
    /// The path of the file that holds it.
    #[serde(rename = "file")]
    File(PathBuf),
}

/// Largest secret that is read from a file.
const MAX_SECRET_BYTES: usize = 64 << 10;

impl SecretReference {
    /// The secret, if it is there; warns if others of this machine can read it too.
    pub(super) fn verify(
        &self,
        source: &dyn SecretSource,
        key: &str,
        problems: &mut Problems<'_>,
    ) -> Option<SecretString> {
        if !source.is_read() {
            return Some(SecretString::from("unread"));
        }
        let (name, what) = match self {
            Self::Variable(_) => ("env", "the name of a variable"),
            Self::File(_) => ("file", "the path of a file"),
        };
        let key = join(key, name);
        match self.read(source) {
            Ok(secret) => {
                self.warn_of_readers(&key, problems);
                Some(secret)
            }
            Err(problem) => {
                let hint = || format!("write {what}, not the key itself");
                problems
                    .error(&key, problem)
                    .hint_if((!self.is_surely_no_secret()).then(hint))
                    .tell();
                None
            }
        }
    }

    /// Whether the reference can be named: a key itself may stand there by mistake.
    fn is_surely_no_secret(&self) -> bool {
        match self {
            Self::Variable(name) => looks_like_a_variable(name),
            Self::File(path) => path.is_absolute() || path.starts_with("."),
        }
    }

    /// Reads the secret, without the line end that editors leave behind it.
    ///
    /// # Errors
    /// What is wrong. The reference is named only where it cannot be the secret itself, put there by
    /// mistake.
    fn read(&self, source: &dyn SecretSource) -> Result<SecretString, String> {
        let bytes = self.read_bytes(source)?;
        let place = self.place();
        let Ok(secret) = std::str::from_utf8(bytes.expose_secret()) else {
            return Err(format!("{place} holds more than visible ASCII characters"));
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

    /// Reads the secret as it is, line ends among it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn read_bytes(&self, source: &dyn SecretSource) -> Result<SecretSlice<u8>, String> {
        let place = self.place();
        match self {
            Self::Variable(name) => match source.variable(name) {
                Some(secret) => {
                    outside::note(|| format!("the variable {name}"), secret.as_bytes());
                    Ok(secret.into_bytes().into())
                }
                None => Err(format!("{place} is not set")),
            },
            Self::File(path) => match files::read(path, MAX_SECRET_BYTES) {
                Ok(bytes) => Ok(bytes.into()),
                Err(reason) => Err(format!("{place} cannot be read: {reason}")),
            },
        }
    }

    /// The file, if it is in one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Variable(_) => None,
            Self::File(path) => Some(path),
        }
    }

    /// Where it is, without what may be the secret itself.
    fn place(&self) -> String {
        match self {
            Self::Variable(name) if self.is_surely_no_secret() => format!("the variable {name}"),
            Self::Variable(_) => "the variable that `env` names".to_owned(),
            Self::File(path) if self.is_surely_no_secret() => {
                format!("the file {}", path.display())
            }
            Self::File(_) => "the file that `file` names".to_owned(),
        }
    }

    /// Warns of a file that other users of the machine can read or change.
    pub(super) fn warn_of_readers(&self, key: &str, problems: &mut Problems<'_>) {
        let Self::File(path) = self else { return };
        let Ok(mode) = fs::metadata(path).map(|file| file.permissions().mode() & 0o777) else {
            // It has just been read, and is gone now.
            return;
        };
        let can = match mode {
            mode if mode & 0o022 != 0 => "change",
            mode if mode & 0o004 != 0 => "read",
            _ => return,
        };
        problems
            .warning(
                key,
                format!("other users of this machine can {can} the file (its mode is {mode:04o})"),
            )
            .hint("chmod 600, or 640 for a group of Herald's own")
            .tell();
    }
}

/// Whether a name is written as variables usually are. Real keys have small letters or hyphens, so
/// a key written in place of a name is not repeated.
pub(super) fn looks_like_a_variable(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
}
