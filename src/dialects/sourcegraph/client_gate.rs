//! Which version of the API a client speaks, and whether the client is new enough.

use std::collections::BTreeMap;

use actix_web::web::Query;
use semver::Version;

use super::LATEST;
use crate::error::RequestError;

/// The clients that may be let in where the settings say of which versions. A page in a browser is as
/// new as the server that it comes from.
const WEB: &str = "web";

/// What stands behind a request's `?`, as far as it is looked at; of a repeated name the first counts.
#[derive(Debug)]
pub(crate) struct Asked(Vec<(String, String)>);

/// Why a client is not let in. Cody knows such an answer by the word it begins with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// It does not say who it is.
    #[error("ClientCodyIgnoreCompatibilityError: the query parameter `{0}` is missing")]
    Missing(&'static str),
    /// The settings do not name it.
    #[error("ClientCodyIgnoreCompatibilityError: this gateway does not serve the client \"{0}\"")]
    Unsupported(String),
    /// It is too old.
    #[error(
        "ClientCodyIgnoreCompatibilityError: {client} {version} is too old for this gateway: \
         update it to {oldest} or newer"
    )]
    TooOld {
        /// Its name.
        client: String,
        /// Its version.
        version: Version,
        /// The oldest that is let in.
        oldest: Version,
    },
    /// Its version is none.
    #[error(
        "ClientCodyIgnoreCompatibilityError: `client-version` must be a semantic version such as 1.20.0"
    )]
    NotAVersion,
}

impl Asked {
    /// What a request asks for. A query that cannot be read asks for nothing.
    pub(crate) fn read(query: &str) -> Self {
        let pairs = Query::<Vec<(String, String)>>::from_query(query);
        Self(pairs.map(Query::into_inner).unwrap_or_default())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().find(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The version of the API; 0 is that of clients who say none, and nobody says 0.
    ///
    /// # Errors
    /// There is no such version.
    pub(crate) fn api_version(&self) -> Result<u8, RequestError> {
        let Some(written) = self.get("api-version") else {
            return Ok(0);
        };
        let version = written.parse().ok();
        let known = version.filter(|version| (1..=LATEST).contains(version));
        // A sign or a zero before it is another spelling that no client has.
        known
            .filter(|version| version.to_string() == written)
            .ok_or(RequestError::ApiVersionUnknown)
    }

    /// Lets a client in, or not.
    ///
    /// # Errors
    /// It is none of those that `oldest` names, or older.
    pub(crate) fn let_in(&self, oldest: &BTreeMap<String, Version>) -> Result<(), ClientError> {
        if oldest.is_empty() {
            return Ok(());
        }
        let named = |name| self.get(name).filter(|value| !value.is_empty());
        let client = named("client-name").ok_or(ClientError::Missing("client-name"))?;
        let Some(oldest) = oldest.get(client) else {
            return if client == WEB {
                Ok(())
            } else {
                let name = client.chars().filter(|char| !char.is_control()).take(64);
                Err(ClientError::Unsupported(name.collect()))
            };
        };
        let version = named("client-version").ok_or(ClientError::Missing("client-version"))?;
        let version = version.strip_prefix('v').unwrap_or(version);
        let version = Version::parse(version).map_err(|_| ClientError::NotAVersion)?;
        if version < *oldest {
            return Err(ClientError::TooOld {
                client: client.to_owned(),
                version,
                oldest: oldest.clone(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_lets_in_what_is_new_enough_and_says_why_it_refuses_the_rest() {
        let oldest = [("jetbrains", "6.0.0"), ("vscode", "1.20.0")];
        let oldest = oldest.map(|(name, version)| (name.into(), version.parse().unwrap()));
        let oldest = BTreeMap::from(oldest);
        let rows = [
            ("client-name=vscode&client-version=1.20.0", ""),
            ("client-name=vscode&client-version=1.20.1", ""),
            ("client-name=vscode&client-version=1.100.0", ""),
            ("client-name=vscode&client-version=2.0.0", ""),
            ("client-name=vscode&client-version=v1.20.0", ""),
            (
                "client-name=vscode&client-version=1.21.1714567890-nightly",
                "",
            ),
            ("client-name=vscode&client-version=1.20.0%2Bbuild.7", ""),
            ("client-name=jetbrains&client-version=6.0.0", ""),
            ("client-name=jetbrains&client-version=7.1.3-nightly", ""),
            ("client-name=web", ""),
            ("client-name=web&client-version=0.0.1", ""),
            ("client-name=web&client-version=none", ""),
            ("client-name=vscode&client-version=1.19.9", "too old"),
            ("client-name=vscode&client-version=1.20.0-rc.1", "too old"),
            ("client-name=vscode&client-version=0.99.0", "too old"),
            ("client-name=jetbrains&client-version=5.5.9", "too old"),
            ("client-name=vscode", "`client-version` is missing"),
            (
                "client-name=vscode&client-version=",
                "`client-version` is missing",
            ),
            ("client-version=1.20.0", "`client-name` is missing"),
            (
                "client-name=emacs&client-version=9.9.9",
                "the client \"emacs\"",
            ),
            ("client-name=vscode&client-version=1.20", "semantic version"),
            (
                "client-name=vscode&client-version=latest",
                "semantic version",
            ),
        ];
        assert_eq!(rows.len(), 22);
        for (query, told) in rows {
            match Asked::read(query).let_in(&oldest) {
                Ok(()) => assert_eq!(told, "", "{query}"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(!told.is_empty() && error.contains(told), "{query}: {error}");
                    assert!(error.starts_with("ClientCodyIgnoreCompatibilityError: "));
                }
            }
        }
        assert_eq!(Asked::read("").let_in(&BTreeMap::new()), Ok(()));
    }

    #[test]
    fn an_api_version_is_one_of_those_that_there_are_and_absent_means_the_first() {
        let version = |query: &str| Asked::read(query).api_version().ok();
        assert_eq!(version(""), Some(0));
        assert_eq!(version("client-name=vscode"), Some(0));
        for known in 1..=LATEST {
            assert_eq!(version(&format!("api-version={known}")), Some(known));
        }
        for unknown in [
            "0", "9", "99999", "-1", "+1", "01", "1.0", "", "two", "1%20",
        ] {
            assert_eq!(
                version(&format!("api-version={unknown}")),
                None,
                "{unknown}"
            );
        }
        assert_eq!(version("api-version=2&api-version=9"), Some(2));
    }
}
