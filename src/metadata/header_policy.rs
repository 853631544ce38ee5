//! Which of the provider's headers reach the client.

use serde::Deserialize;

/// One rule of the allow list, as the settings write it: `"x-request-id"`, `"x-ratelimit-*"` or
/// `{ name = "openai-processing-ms", as = "x-upstream-processing-ms" }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RuleSource")]
pub struct HeaderRule {
    /// A header name, or a prefix followed by `*`.
    pub name: String,
    /// The name it goes out under; only for an exact name.
    pub rename: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RuleSource {
    Pattern(String),
    Renamed(Renamed),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Renamed {
    name: String,
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
pub struct HeaderPolicy {}

impl HeaderPolicy {
    /// Compiles the global rules followed by the provider's own.
    ///
    /// # Errors
    /// Every rule that names what may never be forwarded, or that is no header name or prefix.
    pub fn compile(_rules: &[HeaderRule], _caps: HeaderCaps) -> Result<Self, Vec<RuleError>> {
        Ok(Self {})
    }
}
