//! Rules that let headers out, compiled.

use actix_web::http::header::HeaderName;

use super::{HeaderRule, RuleError};
use crate::metadata::{
    header_rules::{Pattern, RuleSet, header_name},
    never_forward::{
        is_never_forwarded, why_never_a_target, why_never_forwarded, why_prefix_never_forwarded,
    },
};

/// Names that many providers send and prefixes let out. They are judged here, when the rules are compiled:
/// to find out of a name that nothing forbids it takes as long as to do all else to its header.
const USUAL: [&str; 18] = [
    "anthropic-ratelimit-input-tokens-limit",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-input-tokens-reset",
    "anthropic-ratelimit-output-tokens-limit",
    "anthropic-ratelimit-output-tokens-remaining",
    "anthropic-ratelimit-output-tokens-reset",
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-tokens-limit",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
];

/// Rules in their order, numbered from zero; the first that matches a name wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AllowList {
    rules: RuleSet,
    /// By rule: the name it goes out under, where that is another.
    renames: Vec<Option<HeaderName>>,
    /// By rule: as it was written.
    written: Vec<HeaderRule>,
}

impl AllowList {
    /// # Errors
    /// Every rule that names what may never be forwarded, or that is no header name or prefix.
    pub(super) fn compile(rules: &[HeaderRule]) -> Result<Self, Vec<RuleError>> {
        let mut list = Self {
            written: rules.to_vec(),
            ..Self::default()
        };
        let mut errors = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            match read(rule) {
                Ok((pattern, rename)) => {
                    for name in usual(&pattern) {
                        list.rules.add(index, Pattern::Exact(name));
                    }
                    list.rules.add(index, pattern);
                    list.renames.push(rename);
                }
                Err(reason) => errors.push(RuleError {
                    rule: rule.to_string(),
                    reason,
                }),
            }
        }
        if errors.is_empty() {
            Ok(list)
        } else {
            Err(errors)
        }
    }

    /// The number of the rule that lets a name out; what is never forwarded, none does.
    pub(super) fn first_match(&self, name: &HeaderName) -> Option<usize> {
        self.rules.first_match(name, is_never_forwarded)
    }

    /// The name that a header goes out under, by the rule that lets it out.
    pub(super) fn outgoing_name<'a>(&'a self, rule: usize, name: &'a HeaderName) -> &'a HeaderName {
        self.renames[rule].as_ref().unwrap_or(name)
    }

    /// A rule as it was written.
    pub(super) fn written(&self, rule: usize) -> Option<&HeaderRule> {
        self.written.get(rule)
    }
}

/// The usual names that a prefix lets out.
fn usual(pattern: &Pattern) -> impl Iterator<Item = HeaderName> {
    let names = USUAL.map(HeaderName::from_static).into_iter();
    names.filter(move |name| match pattern {
        Pattern::Exact(_) => false,
        Pattern::Prefix(prefix) => {
            name.as_str().starts_with(&**prefix) && !is_never_forwarded(name)
        }
    })
}

fn read(rule: &HeaderRule) -> Result<(Pattern, Option<HeaderName>), String> {
    let pattern = Pattern::parse(&rule.name)?;
    let forbidden = match &pattern {
        Pattern::Exact(name) => why_never_forwarded(name),
        Pattern::Prefix(prefix) => why_prefix_never_forwarded(prefix),
    };
    if let Some(why) = forbidden {
        return Err(format!("it is never forwarded: {why}; remove the rule"));
    }
    let Some(rename) = &rule.rename else {
        return Ok((pattern, None));
    };
    if matches!(pattern, Pattern::Prefix(_)) {
        return Err("a prefix cannot be renamed: write one rule for each name".to_owned());
    }
    if rename.contains('*') {
        return Err(format!("as {rename:?}: a new name has no `*`"));
    }
    let target = header_name(rename).map_err(|reason| format!("as {rename:?}: {reason}"))?;
    if let Some(why) = why_never_a_target(&target) {
        return Err(format!(
            "nothing may be renamed to {rename:?}: {why}; choose a free name such as \
             \"x-upstream-processing-ms\""
        ));
    }
    Ok((pattern, Some(target)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_name_goes_by_the_first_rule_that_matches_it_as_any_other_does() {
        let rule = |name: &str, rename: Option<&str>| HeaderRule {
            name: name.to_owned(),
            rename: rename.map(str::to_owned),
        };
        let usual = HeaderName::from_static(USUAL[12]);
        let other = HeaderName::from_static("x-ratelimit-limit-images");
        for name in [usual, other] {
            let exact = || rule(name.as_str(), Some("x-renamed"));
            for (rules, first, outgoing) in [
                (vec![rule("x-ratelimit-*", None), exact()], 0, name.as_str()),
                (vec![exact(), rule("x-ratelimit-*", None)], 0, "x-renamed"),
                (
                    vec![rule("x-rate*", None), rule("x-ratelimit-*", None)],
                    0,
                    name.as_str(),
                ),
                (vec![rule("y-*", None), rule("x-*", None)], 1, name.as_str()),
            ] {
                let list = AllowList::compile(&rules).unwrap();
                assert_eq!(list.first_match(&name), Some(first), "{name}: {rules:?}");
                assert_eq!(
                    list.outgoing_name(first, &name),
                    outgoing,
                    "{name}: {rules:?}"
                );
            }
        }
    }
}
