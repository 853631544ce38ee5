//! `[limits]`, `keys.limits` and `models.limits`: how much may be asked for.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustls::pki_types::ServerName;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    diagnostics::Problems,
    files,
    providers::{MAX_ROOTS_BYTES, is_on_this_machine},
    schema::between,
    secrets::{SecretReference, SecretSource},
    units::Time,
};
use crate::limits::{
    limit::{Limit, Measure, Scope},
    redis::{RedisSettings, RedisTls},
};

/// Most of anything that a limit may be: exact in every arithmetic that counts it, Lua's too.
const MOST: u64 = 1_000_000_000_000;

// Unknown keys are refused by the walk along the schema; serde cannot do it beside `flatten`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct LimitsSection {
    #[serde(flatten)]
    all: LimitSetSection,
    #[schemars(range(min = 1, max = 1_000_000))]
    answer_tokens: u64,
    backend: BackendWord,
    on_backend_error: OnBackendError,
    redis: RedisSection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum BackendWord {
    Local,
    Redis,
}

/// What becomes of a request that meets limits while the backend does not answer. Setting
/// `limits.on_backend_error`, default `"refuse"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnBackendError {
    /// It is refused: no limit is exceeded.
    Refuse,
    /// This process's own counts decide: each replica may give out every limit once.
    Local,
    /// It is let in, unlimited.
    Allow,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RedisSection {
    url: Option<String>,
    user: Option<String>,
    password: Option<SecretReference>,
    ca_file: Option<PathBuf>,
    prefix: String,
    #[schemars(transform = between("1ms", "1m"))]
    connect: Time,
    #[schemars(transform = between("1ms", "1m"))]
    command: Time,
    #[schemars(transform = between("1s", "1h"))]
    lease: Time,
    #[schemars(range(min = 1, max = 1_000_000))]
    queue: u64,
}

/// The limits of one scope.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitSetSection {
    requests: Option<RateSection>,
    tokens: Option<RateSection>,
    #[schemars(range(min = 1, max = MOST))]
    requests_per_day: Option<u64>,
    #[schemars(range(min = 1, max = MOST))]
    tokens_per_day: Option<u64>,
    #[schemars(range(min = 1, max = MOST))]
    concurrent: Option<u64>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RateSection {
    /// How many in one window, 1 to 1000000000000.
    #[schemars(range(min = 1, max = MOST))]
    most: u64,
    /// How long the window is, 1s to 24h.
    #[schemars(transform = between("1s", "24h"))]
    per: Time,
}

/// What is limited, and where it is counted. Settings `[limits]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// What holds for all requests together; those of keys and models stand there.
    pub all: Vec<Arc<Limit>>,
    /// Tokens that an answer is taken to have on entry where the client bounds none. Setting
    /// `limits.answer_tokens`, default 1024.
    pub answer_tokens: u64,
    /// Where it is counted. Setting `limits.backend`, default `"local"`.
    pub backend: LimitBackend,
    /// Setting `limits.on_backend_error`.
    pub on_backend_error: OnBackendError,
}

/// Where limits are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitBackend {
    /// In this process alone.
    Local,
    /// In a Redis that a fleet shares.
    Redis(Box<RedisSettings>),
}

impl LimitsSection {
    pub(super) fn verify(
        &self,
        secrets: &dyn SecretSource,
        problems: &mut Problems<'_>,
    ) -> LimitSettings {
        let backend = match self.backend {
            BackendWord::Local => Some(LimitBackend::Local),
            BackendWord::Redis => {
                let redis = self.redis.verify(secrets, problems);
                redis.map(|redis| LimitBackend::Redis(Box::new(redis)))
            }
        };
        LimitSettings {
            // What could not be read has been told, and so nothing is served with this.
            backend: backend.unwrap_or(LimitBackend::Local),
            on_backend_error: self.on_backend_error,
            all: self.all.verified(&Scope::All),
            answer_tokens: self.answer_tokens,
        }
    }
}

impl RedisSection {
    fn verify(
        &self,
        secrets: &dyn SecretSource,
        problems: &mut Problems<'_>,
    ) -> Option<RedisSettings> {
        const PASSWORD: &str = "limits.redis.password";
        let Some(url) = &self.url else {
            problems
                .error("limits.redis.url", "is missing")
                .hint("write where Redis is, such as \"redis://127.0.0.1:6379/0\"")
                .tell();
            return None;
        };
        let place = problems.take("limits.redis.url", place(url));
        let password = match &self.password {
            Some(reference) => Some(reference.verify(secrets, PASSWORD, problems)?),
            None => None,
        };
        let may_stand = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}');
        if self.prefix.is_empty() || !self.prefix.bytes().all(may_stand) {
            let problem = "must be visible ASCII characters but braces, at least one";
            problems.at("limits.redis.prefix", problem);
        }
        let place = place?;
        let tls = self.verify_tls(&place, problems)?;
        Some(RedisSettings {
            host: place.host,
            port: place.port,
            database: place.database,
            user: self.user.clone(),
            password,
            tls,
            prefix: self.prefix.clone(),
            connect: self.connect.0,
            command: self.command.0,
            lease: self.lease.0,
            queue: usize::try_from(self.queue).unwrap_or(usize::MAX),
        })
    }

    /// Whom to trust, if the URL asks for TLS.
    fn verify_tls(&self, place: &Place, problems: &mut Problems<'_>) -> Option<Option<RedisTls>> {
        const CA_FILE: &str = "limits.redis.ca_file";
        if !place.tls {
            if self.ca_file.is_some() {
                problems.at(
                    CA_FILE,
                    "limits.redis.url is redis, which has no certificates",
                );
            }
            if self.password.is_some() && !is_on_this_machine(&place.host) {
                problems
                    .warning("limits.redis.url", "the password travels unencrypted")
                    .hint("write rediss://, if Redis speaks TLS")
                    .tell();
            }
            return Some(None);
        }
        let (key, tls) = match &self.ca_file {
            Some(file) => (CA_FILE, roots(file)),
            None => ("limits.redis.url", RedisTls::new(None)),
        };
        problems.take(key, tls).map(Some)
    }
}

/// Mozilla's roots and those in the file.
fn roots(file: &Path) -> Result<RedisTls, String> {
    let name = file.display();
    let pem = files::read(file, MAX_ROOTS_BYTES)
        .map_err(|reason| format!("{name} cannot be read: {reason}"))?;
    RedisTls::new(Some(&pem)).map_err(|reason| format!("{name}: {reason}"))
}

/// What `limits.redis.url` says.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    tls: bool,
    host: String,
    port: u16,
    database: i64,
}

/// Reads a URL. Nothing of it is repeated, because it may hold a password.
fn place(written: &str) -> Result<Place, &'static str> {
    const SHAPE: &str =
        "must be a URL such as \"redis://127.0.0.1:6379/0\" or \"rediss://redis.example\"";
    if written.contains('@') {
        return Err("must hold no credentials: write limits.redis.user and limits.redis.password");
    }
    let url: http::Uri = written.parse().map_err(|_| SHAPE)?;
    let tls = match url.scheme_str() {
        Some("redis") => false,
        Some("rediss") => true,
        _ => return Err(SHAPE),
    };
    let host = url.host().filter(|host| !host.is_empty()).ok_or(SHAPE)?;
    let host = host.trim_matches(['[', ']']).to_owned();
    if tls && ServerName::try_from(host.as_str()).is_err() {
        return Err("its host can stand in no certificate");
    }
    let database = match (url.path().trim_start_matches('/'), url.query()) {
        ("", None) => 0,
        (number, None) => number.parse::<u16>().map_err(|_| SHAPE)?.into(),
        (_, Some(_)) => return Err(SHAPE),
    };
    Ok(Place {
        tls,
        host,
        port: url.port_u16().unwrap_or(6379),
        database,
    })
}

impl LimitSetSection {
    /// The limits that are written, for whom they are for.
    pub(super) fn verified(&self, scope: &Scope) -> Vec<Arc<Limit>> {
        let rate = |rate: &Option<RateSection>| {
            let rate = rate.as_ref()?;
            Some((rate.most, rate.per.0))
        };
        let fixed = |most: Option<u64>| Some((most?, Duration::ZERO));
        let written = [
            (Measure::Requests, rate(&self.requests)),
            (Measure::Tokens, rate(&self.tokens)),
            (Measure::RequestsPerDay, fixed(self.requests_per_day)),
            (Measure::TokensPerDay, fixed(self.tokens_per_day)),
            (Measure::Concurrent, fixed(self.concurrent)),
        ];
        written
            .into_iter()
            .filter_map(|(measure, written)| {
                let (most, per) = written?;
                Some(Arc::new(Limit::new(scope.clone(), measure, most, per)))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_redis_is_host_port_and_database_and_never_a_password() {
        let is = |text, tls, host: &str, port, database| {
            let host = host.to_owned();
            let expected = Place {
                tls,
                host,
                port,
                database,
            };
            assert_eq!(place(text), Ok(expected), "{text}");
        };
        is("redis://r.test", false, "r.test", 6379, 0);
        is("redis://[::1]:7000/3", false, "::1", 7000, 3);
        is("rediss://r.test:6380/1", true, "r.test", 6380, 1);
        is("rediss://10.0.0.7", true, "10.0.0.7", 6379, 0);
        for text in [
            "",
            "r.test",
            "http://r.test",
            "redis://",
            "redis://r.test/x",
            "redis://r?a=b",
        ] {
            assert!(
                place(text).unwrap_err().starts_with("must be a URL"),
                "{text:?}"
            );
        }
        let told = place("redis://user:secret@r.test").unwrap_err();
        assert!(told.starts_with("must hold no credentials") && !told.contains("secret"));
    }
}
