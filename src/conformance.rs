//! Checks of any gateway, Herald or not, as a black box: `herald conformance`.
//!
//! A [`Provider`] listens on loopback, and the operator has made it the gateway's upstream. Each
//! [`Check`] holds both ends: it asks the gateway as a client, takes the call that the gateway makes,
//! and writes the answer byte by byte. Both sides are plain TCP, so that no library hides what is on
//! the wire, and so that there can be bytes that no library would write.
//!
//! **Invariant:** nothing here knows how Herald works inside, and no check asks which gateway it is.
//! Order is by what was seen, not by clocks: the next event is sent once the last one arrived.

pub mod chat;
pub mod messages;

mod answer;
mod checks;
mod client;
mod dialect;
pub(crate) mod framing;
mod headers;
mod kit;
mod provider;
mod report;
mod verdict;

use std::{io, time::Duration};

use secrecy::{ExposeSecret, SecretString};

pub use checks::{Check, checks};
pub use dialect::Dialect;
pub use provider::Provider;
pub use report::{Finding, Report};
pub use verdict::Verdict;

use self::{
    client::Client,
    kit::Kit,
    provider::Reply,
    verdict::{Unmet, bounded},
};

/// The gateway, and how it is asked.
#[derive(Debug)]
pub struct Target {
    /// Host and port.
    authority: String,
    /// The path before `/chat/completions`, without a slash at its end.
    base_path: String,
    /// The model that is asked for.
    pub model: String,
    /// The client's key at the gateway; without one a made-up key is sent.
    pub api_key: Option<SecretString>,
    /// What the client speaks, and the provider too.
    pub dialect: Dialect,
    /// How long a step is waited for, such as an event that was sent.
    pub patience: Duration,
    /// How long the end of a stalled stream is waited for; `None`: that check is skipped.
    pub stall_wait: Option<Duration>,
}

impl Target {
    /// A gateway of chat completions at a base URL such as `http://127.0.0.1:4000/v1`, with a patience
    /// of 10 s.
    ///
    /// # Errors
    /// If it is no URL of plain HTTP.
    pub fn new(base_url: &str, model: &str) -> Result<Self, CannotRun> {
        let refused = |reason: &str| CannotRun::BaseUrl(format!("{base_url}: {reason}"));
        let url: http::Uri = base_url.parse().map_err(|_| refused("it is no URL"))?;
        if url.scheme_str() != Some("http") {
            return Err(refused(
                "the kit speaks plain http alone, so that it sees and writes every byte; for https \
                 put something before the gateway that ends TLS, or give it a plain listener on loopback",
            ));
        }
        let host = url.host().ok_or_else(|| refused("it has no host"))?;
        let port = url.port_u16().unwrap_or(80);
        Ok(Self {
            authority: format!("{host}:{port}"),
            base_path: url.path().trim_end_matches('/').to_owned(),
            model: model.to_owned(),
            api_key: None,
            dialect: Dialect::Chat,
            patience: Duration::from_secs(10),
            stall_wait: None,
        })
    }
}

/// Why no check was run.
#[derive(Debug, thiserror::Error)]
pub enum CannotRun {
    /// The base URL is none that can be asked.
    #[error("--base-url {0}")]
    BaseUrl(String),
    /// Nobody listens there.
    #[error("the gateway cannot be reached at {address}: {reason}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// The system's.
        reason: io::Error,
    },
    /// The gateway is there, and did not ask the provider for a good stream.
    #[error("the gateway never called the provider at {provider}: {seen}")]
    NeverCalled {
        /// Where the provider listens.
        provider: String,
        /// What the gateway did instead.
        seen: String,
    },
    /// The gateway asks the provider for something else.
    #[error("nothing can be checked with --dialect {dialect}: {seen}")]
    OtherDialect {
        /// `chat` or `messages`.
        dialect: &'static str,
        /// What the gateway did.
        seen: String,
    },
}

/// Runs the checks with these names, all of them if there are none, one after the other.
///
/// `on_finding` is called with each as soon as it is known.
///
/// # Errors
/// If the gateway is not there, or does not call the provider for a good stream.
pub async fn run(
    target: &Target,
    provider: &mut Provider,
    only: &[String],
    mut on_finding: impl FnMut(&Finding),
) -> Result<Report, CannotRun> {
    let mut kit = Kit::new(target, provider);
    look(&mut kit).await?;
    let mut findings = Vec::new();
    let is_wanted = |check: &&Check| only.is_empty() || only.iter().any(|name| name == check.name);
    for check in checks().filter(is_wanted) {
        let (verdict, seen) = match (check.run)(&mut kit).await {
            Ok(seen) => (Verdict::Pass, seen),
            Err(Unmet::Failed(seen)) => (Verdict::Fail, seen),
            Err(Unmet::Skipped(seen)) => (Verdict::Skipped, seen),
        };
        let finding = Finding::new(check, verdict, &without_key(target, &seen));
        on_finding(&finding);
        findings.push(finding);
    }
    Ok(Report::new(target.dialect.word(), findings))
}

/// Whether the gateway is there and calls the provider.
async fn look(kit: &mut Kit<'_>) -> Result<(), CannotRun> {
    let target = kit.target;
    if let Err(reason) = Client::connect(&target.authority, target.patience, false).await {
        return Err(CannotRun::Unreachable {
            address: target.authority.clone(),
            reason,
        });
    }
    let ask = kit.ask();
    match kit.exchange(&ask).await {
        Ok((_client, mut call)) => {
            let good = Reply::stream().body(kit.dialect.whole("a good stream"));
            call.play(&good).await;
            Ok(())
        }
        Err(Unmet::Skipped(seen)) => Err(CannotRun::OtherDialect {
            dialect: target.dialect.word(),
            seen,
        }),
        Err(Unmet::Failed(seen)) => Err(CannotRun::NeverCalled {
            provider: kit.provider_address().to_owned(),
            seen: bounded(&without_key(target, &seen), 400),
        }),
    }
}

/// A gateway may repeat the key that it was shown.
fn without_key(target: &Target, seen: &str) -> String {
    match &target.api_key {
        Some(key) if !key.expose_secret().is_empty() => seen.replace(key.expose_secret(), "***"),
        _ => seen.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_plain_http_with_a_path_of_its_own() {
        let target = Target::new("http://localhost:4000/api/v1/", "m").unwrap();
        assert_eq!(target.authority, "localhost:4000");
        assert_eq!(target.base_path, "/api/v1");
        assert_eq!(
            Target::new("http://[::1]", "m").unwrap().authority,
            "[::1]:80"
        );
        for (url, reason) in [
            ("https://127.0.0.1/v1", "plain http alone"),
            ("127.0.0.1:4000", "plain http alone"),
            ("http:// x", "no URL"),
        ] {
            let refused = Target::new(url, "m").unwrap_err().to_string();
            assert!(refused.contains(reason), "{refused}");
        }
    }

    #[test]
    fn the_clients_key_is_covered_in_what_was_seen() {
        let mut target = Target::new("http://localhost", "m").unwrap();
        target.api_key = Some("hidden".to_owned().into());
        assert_eq!(without_key(&target, "no hidden here"), "no *** here");
    }
}
