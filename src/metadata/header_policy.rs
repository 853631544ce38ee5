//! Which of the provider's headers reach the client.

mod allow_list;
mod fate;
mod for_key;
mod key_rules;

use std::fmt;

use actix_web::http::header::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

pub use fate::{Dropped, Fate, RuleOf, Traced};
pub use for_key::PolicyForKey;
pub use key_rules::KeyHeaderRules;

use self::allow_list::AllowList;

/// One rule of the allow list, as the settings write it: `"x-request-id"`, `"x-ratelimit-*"` or
/// `{ name = "openai-processing-ms", as = "x-upstream-processing-ms" }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "RuleSource")]
pub struct HeaderRule {
    /// A header name, or a prefix followed by `*`.
    pub name: String,
    /// The name it goes out under; only for an exact name.
    pub rename: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(extend("x-expected" = "a header name, a prefix with `*`, or { name, as }"))]
enum RuleSource {
    Pattern(String),
    Renamed(Renamed),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Renamed {
    /// The name that the provider gives it.
    name: String,
    /// The name that the client sees.
    #[serde(rename = "as")]
    rename: Option<String>,
}

impl From<RuleSource> for HeaderRule {
    fn from(source: RuleSource) -> Self {
        match source {
            RuleSource::Pattern(name) => Self { name, rename: None },
            RuleSource::Renamed(Renamed { name, rename }) => Self { name, rename },
        }
    }
}

/// As the settings write it, without the quotes of a plain rule.
impl fmt::Display for HeaderRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rename {
            None => f.write_str(&self.name),
            Some(rename) => write!(f, "{{ name = {:?}, as = {rename:?} }}", self.name),
        }
    }
}

/// Bounds on what is forwarded of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderCaps {
    /// Setting `metadata.max_headers`, default 64.
    pub headers: usize,
    /// Setting `metadata.max_bytes`, names and values together, default 16 KiB.
    pub bytes: usize,
}

/// Why a rule was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule:?}: {reason}")]
pub struct RuleError {
    /// The rule as written.
    pub rule: String,
    /// What is wrong with it, and what to write instead.
    pub reason: String,
}

/// The allow list of one provider, compiled.
#[derive(Clone, Debug)]
pub struct HeaderPolicy {
    allow: AllowList,
    caps: HeaderCaps,
}

/// What one answer's headers came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// What goes out: by rule, then by name; the values of one name in the order received.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Values dropped because [`HeaderCaps`] had no room for them.
    pub over_cap: usize,
    /// Values dropped because they hold more than visible ASCII, spaces and tabs.
    pub invalid: usize,
}

impl HeaderPolicy {
    /// Compiles the global rules followed by the provider's own. Where several match one name, the
    /// first wins; a rule that only repeats an earlier one is harmless.
    ///
    /// # Errors
    /// Every rule that names what may never be forwarded, or that is no header name or prefix.
    pub fn compile(rules: &[HeaderRule], caps: HeaderCaps) -> Result<Self, Vec<RuleError>> {
        let allow = AllowList::compile(rules)?;
        Ok(Self { allow, caps })
    }

    /// The policy as a key with these rules sees it; `None` for a key without any, and for no key.
    #[must_use]
    pub fn for_key<'a>(&'a self, key: Option<&'a KeyHeaderRules>) -> PolicyForKey<'a> {
        PolicyForKey::new(self, key)
    }

    /// A rule as it was written, by its number.
    #[must_use]
    pub fn rule(&self, rule: usize) -> Option<&HeaderRule> {
        self.allow.written(rule)
    }

    /// The bounds that it was compiled with.
    #[must_use]
    pub fn caps(&self) -> HeaderCaps {
        self.caps
    }
}

#[cfg(test)]
mod tests;
