//! `auth` and `[[keys]]`: who may call.

use std::{collections::HashMap, fmt, net::SocketAddr};

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{diagnostics::Problems, providers::is_id, schema::secret};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum AuthMode {
    None,
    Keys,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeySection {
    id: String,
    #[schemars(transform = secret)]
    sha256: String,
}

/// Who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Everybody who reaches the listener.
    Open,
    /// Who sends one of these keys; at least one.
    Keys(Vec<ClientKey>),
}

/// A key that clients send, known by its hash alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientKey {
    /// Its name in logs. Setting `keys.id`, unique.
    pub id: String,
    /// SHA-256 of the key. Setting `keys.sha256`, unique.
    pub sha256: [u8; 32],
}

/// Leaves the hash out: a weak key could be guessed from it.
impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Verifies the keys and, if the address is known, that others cannot reach an open gateway unless
/// someone has written that they may.
pub(super) fn verify(
    mode: Option<AuthMode>,
    keys: &[KeySection],
    listen: Option<SocketAddr>,
    problems: &mut Problems<'_>,
) -> Auth {
    let verified = verify_keys(keys, problems);
    if problems.is_told("auth") || problems.is_told("keys") {
        // Nobody knows who was to call.
        return Auth::Keys(verified);
    }
    match mode {
        Some(AuthMode::None) => {
            if !keys.is_empty() {
                problems
                    .warning("auth", "no key is asked for, although keys are defined")
                    .hint("write \"keys\", or remove the line")
                    .beside("keys[0]", "this key opens nothing")
                    .tell();
            }
            return Auth::Open;
        }
        Some(AuthMode::Keys) if keys.is_empty() => {
            problems.at(
                "auth",
                "\"keys\" needs at least one [[keys]], and none is defined",
            );
        }
        None if keys.is_empty() => {
            if let Some(listen) = listen.filter(|listen| !is_loopback(listen)) {
                problems.at(
                    "server.listen",
                    format!(
                        "other machines reach {listen}, and nothing says who may call: define \
                         [[keys]], or write auth = \"none\""
                    ),
                );
            }
            return Auth::Open;
        }
        _ => {}
    }
    Auth::Keys(verified)
}

fn is_loopback(listen: &SocketAddr) -> bool {
    listen.ip().to_canonical().is_loopback()
}

fn verify_keys(keys: &[KeySection], problems: &mut Problems<'_>) -> Vec<ClientKey> {
    let (mut ids, mut hashes) = (HashMap::new(), HashMap::new());
    let mut verified = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let at = |name: &str| format!("keys[{index}].{name}");
        if let Err(problem) = is_id(&key.id) {
            problems.at(&at("id"), problem);
        }
        if let Some(first) = ids.insert(&key.id, index) {
            let problem = format!("{:?} is already the id of keys[{first}]", key.id);
            problems
                .error(&at("id"), problem)
                .beside(&format!("keys[{first}].id"), "the first")
                .tell();
        }
        let Some(sha256) = problems.take(&at("sha256"), parse_hash(&key.sha256)) else {
            continue;
        };
        if let Some(first) = hashes.insert(sha256, index) {
            problems
                .error(&at("sha256"), format!("is the same key as keys[{first}]"))
                .beside(&format!("keys[{first}].sha256"), "the first")
                .tell();
        }
        let id = key.id.clone();
        verified.push(ClientKey { id, sha256 });
    }
    verified
}

fn parse_hash(written: &str) -> Result<[u8; 32], &'static str> {
    let mut hash = [0; 32];
    // The value is not repeated: someone may have written the key itself.
    hex::decode_to_slice(written, &mut hash).map_err(
        |_| "must be a SHA-256 of 64 hexadecimal digits: printf %s \"$KEY\" | sha256sum",
    )?;
    if hash[..] == Sha256::digest(b"")[..] {
        return Err(
            "is the hash of no key at all; was $KEY unset in: printf %s \"$KEY\" | sha256sum",
        );
    }
    Ok(hash)
}
