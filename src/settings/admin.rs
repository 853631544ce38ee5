//! `[admin]`: the listener for whoever runs Herald.

use std::{fmt, net::SocketAddr, num::NonZeroU32};

use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    diagnostics::Problems,
    secrets::{SecretReference, SecretSource},
};

/// What stands for no listener at all.
const OFF: &str = "off";

/// Shortest token that is taken, in bytes: fewer could be guessed.
const MIN_TOKEN_BYTES: usize = 16;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdminSection {
    listen: String,
    token: Option<SecretReference>,
    #[schemars(range(min = 1, max = 100_000))]
    requests_per_second: u32,
    #[schemars(range(min = 1, max = 10_000))]
    failures_per_minute: u32,
}

/// Where Herald's operators ask it, and how they show that they are. Settings `[admin]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// Address and port; `None` for no admin listener. Setting `admin.listen`, default
    /// 127.0.0.1:8081.
    pub listen: Option<SocketAddr>,
    /// What every request but a health probe must show; `None`, which only a loopback address may
    /// have, asks for nothing. Setting `admin.token`.
    pub token: Option<AdminToken>,
    /// Requests that one peer may send in a second, and at once. Setting
    /// `admin.requests_per_second`, default 50.
    pub requests_per_second: NonZeroU32,
    /// Wrong or missing tokens that one peer may send in a minute, and at once; above them its
    /// token is not looked at. Setting `admin.failures_per_minute`, default 10.
    pub failures_per_minute: NonZeroU32,
}

/// The operators' bearer token, known by its hash alone.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminToken {
    sha256: [u8; 32],
}

impl AdminToken {
    fn new(token: &str) -> Self {
        let sha256 = Sha256::digest(token).into();
        Self { sha256 }
    }

    /// Whether this is the token, in a time that tells nothing of how near it came.
    #[must_use]
    pub fn is(&self, shown: &[u8]) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        self.sha256.ct_eq(&shown).into()
    }
}

/// Leaves the hash out: it is of no use to anybody who reads a log.
impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

impl AdminSection {
    pub(super) fn verify(
        &self,
        secrets: &dyn SecretSource,
        problems: &mut Problems<'_>,
    ) -> Option<AdminSettings> {
        let listen = problems.take("admin.listen", parse_listen(&self.listen));
        let token = self.verify_token(secrets, problems);
        if let Some(Some(listen)) = listen
            && !listen.ip().to_canonical().is_loopback()
            && self.token.is_none()
        {
            problems
                .error(
                    "admin.listen",
                    format!("other machines reach {listen}, and no token is asked for"),
                )
                .hint("set admin.token, or write a loopback address or \"off\"")
                .tell();
        }
        Some(AdminSettings {
            listen: listen?,
            token: token?,
            requests_per_second: NonZeroU32::new(self.requests_per_second)?,
            failures_per_minute: NonZeroU32::new(self.failures_per_minute)?,
        })
    }

    /// `None` where it is refused.
    fn verify_token(
        &self,
        secrets: &dyn SecretSource,
        problems: &mut Problems<'_>,
    ) -> Option<Option<AdminToken>> {
        let Some(reference) = &self.token else {
            return Some(None);
        };
        let token = reference.verify(secrets, "admin.token", problems)?;
        let token = token.expose_secret();
        if secrets.is_read() && token.len() < MIN_TOKEN_BYTES {
            problems
                .error(
                    "admin.token",
                    format!("the token is shorter than {MIN_TOKEN_BYTES} characters"),
                )
                .hint("openssl rand -hex 32")
                .tell();
            return None;
        }
        Some(Some(AdminToken::new(token)))
    }
}

fn parse_listen(written: &str) -> Result<Option<SocketAddr>, &'static str> {
    if written == OFF {
        return Ok(None);
    }
    written.parse().map(Some).map_err(
        |_| "must be an IP address and a port, such as \"127.0.0.1:8081\" or \"[::1]:8081\", or \"off\"",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::settings::Settings;

    const TOKEN: &str = "0123456789abcdef";

    fn verify(section: &str) -> Result<AdminSettings, String> {
        let secrets = [("ADMIN", TOKEN), ("SHORT", "123456789abcdef")];
        let secrets: HashMap<_, _> = secrets.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let settings = Settings::from_toml(&format!("[admin]\n{section}"));
        let verified = settings.unwrap().verify(&secrets);
        verified
            .map(|settings| settings.admin)
            .map_err(|found| found.to_string())
    }

    #[test]
    fn the_admin_listener_is_on_loopback_by_default_and_asks_for_nothing_there() {
        let admin = verify("").unwrap();
        assert_eq!(admin.listen, Some(SocketAddr::from(([127, 0, 0, 1], 8081))));
        assert_eq!(admin.token, None);
        assert_eq!(verify("listen = \"off\"").unwrap().listen, None);
    }

    #[test]
    fn an_address_that_other_machines_reach_needs_a_token() {
        for address in ["0.0.0.0:8081", "[::]:8081", "192.0.2.1:8081"] {
            let listen = format!("listen = \"{address}\"");
            let refused = verify(&listen).unwrap_err();
            let told = format!("other machines reach {address}, and no token is asked for");
            assert!(refused.contains(&told), "{refused}");
            let with_token = format!("{listen}\ntoken = {{ env = \"ADMIN\" }}");
            assert!(verify(&with_token).unwrap().token.is_some());
        }
        assert!(verify("listen = \"[::ffff:127.0.0.1]:8081\"").is_ok());
    }

    #[test]
    fn a_token_that_could_be_guessed_is_refused_and_not_repeated() {
        let refused = verify("token = { env = \"SHORT\" }").unwrap_err();
        assert!(refused.contains("shorter than 16 characters"), "{refused}");
        assert!(!refused.contains("123456789"), "{refused}");
    }

    #[test]
    fn just_the_token_is_the_token_and_its_debug_form_tells_nothing() {
        let token = AdminToken::new(TOKEN);
        assert!(token.is(TOKEN.as_bytes()));
        for wrong in [
            "",
            "0123456789abcde",
            "0123456789abcdef0",
            "0123456789abcdeF",
        ] {
            assert!(!token.is(wrong.as_bytes()), "{wrong:?}");
        }
        assert_eq!(format!("{token:?}"), "AdminToken");
    }

    #[test]
    fn what_is_no_address_is_told_what_to_write() {
        for written in ["localhost:8081", "8081", "on", ""] {
            let refused = verify(&format!("listen = \"{written}\"")).unwrap_err();
            assert!(refused.contains("or \"off\""), "{refused}");
        }
    }
}
