//! `keys.metadata`: which of a provider's headers one key adds, and which it hides.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    metadata::header_policy::{HeaderRule, KeyHeaderRules},
    settings::{
        diagnostics::Problems,
        header_lists::{Rules, overlap, pattern, takes_all_of},
        metadata::SharedPolicies,
    },
};

/// What a key adds to the providers' lists, and takes away from them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct KeyMetadata {
    allow: Vec<HeaderRule>,
    hide: Vec<String>,
}

impl KeyMetadata {
    /// The rules, compiled; `None` where there are none. `at` is the key's `metadata`, and
    /// `of_providers` are the rules that providers have of their own.
    pub(in crate::settings) fn verify(
        &self,
        at: &str,
        shared: &SharedPolicies<'_>,
        of_providers: &[&HeaderRule],
        problems: &mut Problems<'_>,
    ) -> Option<Arc<KeyHeaderRules>> {
        if self.allow.is_empty() && self.hide.is_empty() {
            return None;
        }
        let allow = Rules::new(&format!("{at}.allow"), &self.allow);
        let hide = Rules::new(&format!("{at}.hide"), &self.hide);
        allow.warn_of_unreachable(&[shared.allow_rules()], problems);
        let rules = allow.take(KeyHeaderRules::compile(&self.allow), problems);
        let rules = hide.take(rules.unwrap_or_default().hiding(&self.hide), problems);
        self.warn_of_contradictions(&allow, &hide, problems);
        let others = shared.allow().iter().chain(of_providers.iter().copied());
        self.warn_of_vain_hiding(others, &hide, problems);
        rules.map(Arc::new)
    }

    /// Warns of rules that let out what the same key hides.
    fn warn_of_contradictions(&self, allow: &Rules, hide: &Rules, problems: &mut Problems<'_>) {
        for (index, rule) in self.allow.iter().enumerate() {
            let names = names_of(rule);
            let takes = |hidden: &String| {
                let hidden = pattern(hidden);
                names.iter().any(|name| takes_all_of(&hidden, name))
            };
            if let Some(by) = self.hide.iter().position(takes) {
                let (by_at, by) = (hide.at(by), &self.hide[by]);
                problems
                    .warning(
                        &allow.at(index),
                        format!("lets nothing out: {by_at} ({by:?}) hides it again"),
                    )
                    .hint("remove one of the two")
                    .beside(&by_at, "this one decides")
                    .tell();
            }
        }
    }

    /// Warns of hidden names that nothing would let out, such as those of Herald's own headers.
    fn warn_of_vain_hiding<'r>(
        &self,
        others: impl Iterator<Item = &'r HeaderRule> + Clone,
        hide: &Rules,
        problems: &mut Problems<'_>,
    ) {
        for (index, hidden) in self.hide.iter().enumerate() {
            let hidden = pattern(hidden);
            let meets =
                |rule: &HeaderRule| names_of(rule).iter().any(|name| overlap(&hidden, name));
            let at = hide.at(index);
            let is_met = others.clone().any(meets) || self.allow.iter().any(meets);
            if !is_met && !problems.has_error_within(&at) {
                problems
                    .warning(&at, "hides nothing: no rule lets out a header of this name")
                    .hint("remove it; Herald's own headers cannot be hidden")
                    .tell();
            }
        }
    }
}

/// What a rule matches, and the name that it gives, in lower case.
fn names_of(rule: &HeaderRule) -> Vec<String> {
    let names = [Some(&rule.name), rule.rename.as_ref()];
    names
        .into_iter()
        .flatten()
        .map(|name| pattern(name))
        .collect()
}
