//! `auth`: who may call.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    diagnostics::Problems,
    keys::{ClientKeys, KeySection},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum AuthMode {
    None,
    Keys,
}

/// Who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Everybody who reaches the listener.
    Open,
    /// Who sends one of these keys; at least one.
    Keys(ClientKeys),
}

/// Verifies, if the address is known, that others cannot reach an open gateway unless
/// someone has written that they may.
pub(super) fn verify(
    mode: Option<AuthMode>,
    keys: &[KeySection],
    verified: ClientKeys,
    listen: Option<SocketAddr>,
    problems: &mut Problems<'_>,
) -> Auth {
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
