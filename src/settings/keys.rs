//! `[[keys]]`: the keys of clients, by their hash, and what each may.

mod headers;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    ops::Deref,
    sync::Arc,
    time::{Duration, SystemTime},
};

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use self::headers::KeyMetadata;
use super::{
    diagnostics::Problems,
    limits::LimitSetSection,
    metadata::SharedPolicies,
    models::{FilterRules, FilterSection, ModelSection, is_name},
    providers::{ProviderSection, is_id},
    schema::{between, secret},
    units::Time,
};
use crate::{
    limits::limit::{Limit, Scope},
    metadata::header_policy::KeyHeaderRules,
    suggest::did_you_mean,
};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeySection {
    pub(super) id: String,
    #[schemars(transform = secret)]
    sha256: String,
    expires: Option<String>,
    models: Option<Vec<String>>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    limits: LimitSetSection,
    /// What is dropped of its answers.
    #[serde(default)]
    filter: FilterSection,
    #[schemars(transform = between("1ms", "24h"))]
    total: Option<Time>,
    #[serde(default)]
    metadata: KeyMetadata,
}

/// A key that clients send, known by its hash alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientKey {
    /// Its name in logs. Setting `keys.id`, unique.
    pub id: String,
    /// SHA-256 of the key. Setting `keys.sha256`, unique.
    pub sha256: [u8; 32],
    /// From when on it opens nothing. Setting `keys.expires`, default never.
    pub expires: Option<SystemTime>,
    /// Which models it may use. Setting `keys.models`, default all.
    pub models: AllowedModels,
    /// What the log says of it beside its id. Setting `keys.labels`, default nothing.
    pub labels: BTreeMap<String, String>,
    /// How much may be asked for with it. Settings `keys.limits`, default any amount.
    pub limits: Vec<Arc<Limit>>,
    /// What is dropped of its streams beside what the model's settings drop. Setting `keys.filter`.
    pub filter: FilterRules,
    /// Its ceiling on `clocks.total`. Setting `keys.total`, 1 ms to 24 h, default none.
    pub total: Option<Duration>,
    /// Which of a provider's headers it is told of beside those of all keys, and which it is not.
    /// Settings `keys.metadata`, default no rules.
    pub headers: Option<Arc<KeyHeaderRules>>,
}

/// Leaves the hash out: a weak key could be guessed from it.
impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl ClientKey {
    /// Whether it opens nothing any more.
    #[must_use]
    pub fn has_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Which models a key may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedModels {
    /// All of them.
    All,
    /// Those that one of these patterns matches; at least one pattern.
    Matching(Vec<ModelPattern>),
}

impl AllowedModels {
    /// Whether a model of this id is among them.
    #[must_use]
    pub fn contains(&self, model: &str) -> bool {
        match self {
            Self::All => true,
            Self::Matching(patterns) => patterns.iter().any(|pattern| pattern.matches(model)),
        }
    }

    /// The number of the first pattern that matches; `None` where no pattern is needed, or none does.
    #[must_use]
    pub fn matching(&self, model: &str) -> Option<usize> {
        match self {
            Self::All => None,
            Self::Matching(patterns) => patterns.iter().position(|pattern| pattern.matches(model)),
        }
    }
}

/// A model's id, or the beginning of some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelPattern {
    /// This one: `"gpt-4.1"`.
    Exact(String),
    /// All that begin so: `"gpt-*"`.
    Prefix(String),
}

impl ModelPattern {
    fn parse(written: &str) -> Result<Self, &'static str> {
        is_name(written)?;
        let (name, is_prefix) = match written.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (written, false),
        };
        if name.contains('*') {
            return Err("`*` may only stand at the end");
        }
        let name = name.to_owned();
        Ok(if is_prefix {
            Self::Prefix(name)
        } else {
            Self::Exact(name)
        })
    }

    fn matches(&self, model: &str) -> bool {
        match self {
            Self::Exact(id) => id == model,
            Self::Prefix(prefix) => model.starts_with(prefix.as_str()),
        }
    }
}

/// The keys, in the order of the settings; found by hash in the same time however many there are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientKeys {
    list: Vec<Arc<ClientKey>>,
    by_hash: HashMap<[u8; 32], usize>,
}

/// Tells the keys by their names, and no hash.
impl fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.list).finish()
    }
}

impl ClientKeys {
    /// The key with this SHA-256.
    ///
    /// What a map's time could tell is how near a *hash* came to another, and nobody can make keys
    /// whose hashes come nearer and nearer. The map's own hasher is seeded, and the comparison that
    /// decides takes the same time whatever differs.
    #[must_use]
    pub fn find(&self, sha256: &[u8; 32]) -> Option<&Arc<ClientKey>> {
        let key = &self.list[*self.by_hash.get(sha256)?];
        bool::from(key.sha256.ct_eq(sha256)).then_some(key)
    }

    fn add(&mut self, key: ClientKey) {
        self.by_hash.insert(key.sha256, self.list.len());
        self.list.push(Arc::new(key));
    }
}

impl Deref for ClientKeys {
    type Target = [Arc<ClientKey>];

    fn deref(&self) -> &Self::Target {
        &self.list
    }
}

/// Verifies the keys. `models` tells a pattern that matches nothing, `shared` and `providers` a header
/// rule that comes to nothing.
pub(super) fn verify(
    keys: &[KeySection],
    models: &[ModelSection],
    shared: &SharedPolicies<'_>,
    providers: &[ProviderSection],
    problems: &mut Problems<'_>,
) -> ClientKeys {
    let of_providers = providers.iter().flat_map(|one| one.metadata.allow());
    let of_providers: Vec<_> = of_providers.collect();
    let (mut ids, mut hashes) = (HashMap::new(), HashMap::new());
    let mut verified = ClientKeys::default();
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
        let sha256 = problems.take(&at("sha256"), parse_hash(&key.sha256));
        if let Some(first) = sha256.and_then(|sha256| hashes.insert(sha256, index)) {
            problems.at(&at("sha256"), format!("is the same key as keys[{first}]"));
        }
        let key = ClientKey {
            id: key.id.clone(),
            sha256: sha256.unwrap_or_default(),
            expires: key.verify_expiry(&at("expires"), problems),
            models: key.verify_models(&at("models"), models, problems),
            labels: key.verify_labels(&at("labels"), problems),
            limits: key.limits.verified(&Scope::Key(key.id.clone())),
            filter: key.filter.verify(&at("filter.drop_events"), problems),
            total: key.total.map(|total| total.0),
            headers: key
                .metadata
                .verify(&at("metadata"), shared, &of_providers, problems),
        };
        if sha256.is_some() {
            verified.add(key);
        }
    }
    verified
}

impl KeySection {
    fn verify_expiry(&self, at: &str, problems: &mut Problems<'_>) -> Option<SystemTime> {
        let written = self.expires.as_deref()?;
        let expires = problems.take(at, parse_time(written).ok_or(TIME))?;
        if expires <= SystemTime::now() {
            problems
                .warning(at, "the key has expired: it opens nothing")
                .hint("remove the key, or give it more time")
                .tell();
        }
        Some(expires)
    }

    fn verify_models(
        &self,
        at: &str,
        models: &[ModelSection],
        problems: &mut Problems<'_>,
    ) -> AllowedModels {
        let Some(written) = &self.models else {
            return AllowedModels::All;
        };
        if written.is_empty() {
            problems.at(
                at,
                "names no model, so the key could ask for nothing: name some, or remove the line",
            );
        }
        let mut patterns = Vec::new();
        for (index, pattern) in written.iter().enumerate() {
            let at = format!("{at}[{index}]");
            let Some(read) = problems.take(&at, ModelPattern::parse(pattern)) else {
                continue;
            };
            if !models.is_empty() && !models.iter().any(|model| read.matches(&model.id)) {
                let known = models.iter().map(|model| model.id.as_str());
                problems
                    .warning(&at, format!("{pattern:?} matches no model"))
                    .hint_if(did_you_mean(pattern, known))
                    .tell();
            }
            patterns.push(read);
        }
        AllowedModels::Matching(patterns)
    }

    fn verify_labels(&self, at: &str, problems: &mut Problems<'_>) -> BTreeMap<String, String> {
        if self.labels.len() > MAX_LABELS {
            problems.at(
                at,
                format!("must be {MAX_LABELS} at most, each log line repeats them"),
            );
        }
        for (name, value) in &self.labels {
            if is_id(name).is_err() || value.chars().count() > 64 || is_name(value).is_err() {
                problems.at(
                    &format!("{at}.{name}"),
                    "must have a name of 1 to 64 of the characters a-z, 0-9, `-`, `_` and `.`, and \
                     a value of 1 to 64 printable characters",
                );
            }
        }
        self.labels.clone()
    }
}

/// Most labels of one key: they stand in every line of its requests.
const MAX_LABELS: usize = 16;

const TIME: &str = "must be a time as RFC 3339 has it, such as \"2027-06-30T00:00:00Z\" or \"2027-06-30T02:00:00+02:00\"";

/// RFC 3339 section 5.6, with an offset from UTC as well.
fn parse_time(written: &str) -> Option<SystemTime> {
    if let Ok(time) = humantime::parse_rfc3339(written) {
        return Some(time);
    }
    let (local, offset) = written.split_at_checked(written.len().checked_sub(6)?)?;
    let local = humantime::parse_rfc3339(&format!("{local}Z")).ok()?;
    let (sign, offset) = offset.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':')?;
    let number = |digits: &str, below: u64| {
        let is_number = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        let number: u64 = digits.parse().ok().filter(|_| is_number)?;
        (number < below).then_some(number)
    };
    let ahead = Duration::from_secs(number(hours, 24)? * 3600 + number(minutes, 60)? * 60);
    match sign {
        "+" => local.checked_sub(ahead),
        "-" => local.checked_add(ahead),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_any_offset_and_nothing_else_is_one() {
        let utc = parse_time("2027-06-30T00:00:00Z").unwrap();
        assert_eq!(parse_time("2027-06-30T02:00:00+02:00"), Some(utc));
        assert_eq!(parse_time("2027-06-29T18:30:00-05:30"), Some(utc));
        for text in [
            "",
            "2027-06-30",
            "2027-06-30T00:00:00",
            "2027-06-30 00:00",
            "2027-06-30T00:00:00+24:00",
            "2027-06-30T00:00:00+2:000",
            "2027-06-30T00:00:00é02:00",
            "tomorrow",
        ] {
            assert_eq!(parse_time(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_pattern_is_one_id_or_a_beginning() {
        let matches = |pattern: &str, model| ModelPattern::parse(pattern).unwrap().matches(model);
        assert!(matches("gpt-4.1", "gpt-4.1") && !matches("gpt-4.1", "gpt-4.1-mini"));
        assert!(matches("gpt-*", "gpt-4.1") && !matches("gpt-*", "claude"));
        assert!(matches("*", "anything"));
        for refused in ["", "g*t", "**", "a\nb"] {
            assert!(ModelPattern::parse(refused).is_err(), "{refused:?}");
        }
    }
}
