//! Which status the client sees for the provider's.

use std::collections::BTreeMap;

/// Overrides as the settings write them: `"429"` or `"5xx"` → our status.
pub type StatusRules = BTreeMap<String, u16>;

/// Why a line of the table was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key:?} = {status}: {reason}")]
pub struct StatusRuleError {
    /// The upstream status or class as written.
    pub key: String,
    /// Ours as written.
    pub status: u16,
    /// What is wrong, and what to write instead.
    pub reason: String,
}

/// The status table of one provider, compiled.
#[derive(Clone, Debug)]
pub struct StatusTable {}

impl StatusTable {
    /// Compiles the built-in table, the global overrides and the provider's, the later winning.
    ///
    /// # Errors
    /// Every override that makes no sense.
    pub fn compile(
        _global: &StatusRules,
        _provider: &StatusRules,
        _shared_quota: bool,
    ) -> Result<Self, Vec<StatusRuleError>> {
        Ok(Self {})
    }
}
