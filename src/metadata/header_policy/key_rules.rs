//! What one key adds to the rules of every provider, and what it takes away.

use actix_web::http::header::HeaderName;

use super::{AllowList, HeaderRule, RuleError};
use crate::metadata::header_rules::{Pattern, RuleSet};

/// The header rules of one key, compiled: once, whatever the number of providers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyHeaderRules {
    pub(super) allow: AllowList,
    hide: RuleSet,
    /// By rule: as it was written.
    hidden: Vec<String>,
}

impl KeyHeaderRules {
    /// Compiles the rules that come behind those of a provider.
    ///
    /// # Errors
    /// As of [`HeaderPolicy::compile`](super::HeaderPolicy::compile).
    pub fn compile(allow: &[HeaderRule]) -> Result<Self, Vec<RuleError>> {
        Ok(Self {
            allow: AllowList::compile(allow)?,
            hide: RuleSet::default(),
            hidden: Vec::new(),
        })
    }

    /// The same rules, and what they let out is taken away again where one of these names it: a
    /// name, a prefix followed by `*`, or `*` for every header.
    ///
    /// # Errors
    /// Every one that is no header name or prefix.
    pub fn hiding(mut self, hide: &[String]) -> Result<Self, Vec<RuleError>> {
        let mut errors = Vec::new();
        for (index, written) in hide.iter().enumerate() {
            match Pattern::parse_or_all(written) {
                Ok(pattern) => self.hide.add(index, pattern),
                Err(reason) => errors.push(RuleError {
                    rule: written.clone(),
                    reason,
                }),
            }
        }
        self.hidden = hide.to_vec();
        if errors.is_empty() {
            Ok(self)
        } else {
            Err(errors)
        }
    }

    /// A rule of `allow` as it was written, by its number.
    #[must_use]
    pub fn rule(&self, rule: usize) -> Option<&HeaderRule> {
        self.allow.written(rule)
    }

    /// A rule of `hide` as it was written, by its number.
    #[must_use]
    pub fn hidden(&self, rule: usize) -> Option<&str> {
        self.hidden.get(rule).map(String::as_str)
    }

    /// The number of the rule that hides a header, by the name that the provider gives it or by the
    /// one it would go out under: whichever of the two the admin has in mind, it stays here.
    pub(super) fn hides(&self, header: &HeaderName, outgoing: &HeaderName) -> Option<usize> {
        let by = |name| self.hide.first_match(name, |_| false);
        by(header).or_else(|| by(outgoing))
    }
}
