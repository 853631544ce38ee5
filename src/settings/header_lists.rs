//! What is wrong with one written list of header rules: mistakes, and rules that never decide.

use super::diagnostics::Problems;
use crate::metadata::header_policy::RuleError;

/// One list as it is written.
pub(super) struct Rules {
    key: String,
    /// Each rule as an error names it.
    written: Vec<String>,
}

impl Rules {
    pub(super) fn new(key: &str, rules: &[impl ToString]) -> Self {
        Self {
            key: key.to_owned(),
            written: rules.iter().map(ToString::to_string).collect(),
        }
    }

    /// What was compiled, or nothing and what is wrong.
    pub(super) fn take<T>(
        &self,
        compiled: Result<T, Vec<RuleError>>,
        problems: &mut Problems<'_>,
    ) -> Option<T> {
        match compiled {
            Ok(compiled) => Some(compiled),
            Err(errors) => {
                self.tell(Some(errors), problems);
                None
            }
        }
    }

    /// Tells of the mistakes that stand in this list, and not of those of another that was compiled
    /// with it.
    pub(super) fn tell(&self, errors: Option<Vec<RuleError>>, problems: &mut Problems<'_>) {
        let errors = errors.unwrap_or_default();
        for (index, rule) in self.written.iter().enumerate() {
            let at = self.at(index);
            // A rule that is no rule at all has been told.
            if problems.has_error_within(&at) {
                continue;
            }
            if let Some(error) = errors.iter().find(|error| error.rule == *rule) {
                problems.at(&at, &error.reason);
            }
        }
    }

    /// Warns of rules that an earlier one takes every name from, of this list or of those before it.
    pub(super) fn warn_of_unreachable(&self, before: &[&Self], problems: &mut Problems<'_>) {
        if self.written.is_empty() {
            return;
        }
        let rules = before.iter().copied().chain([self]).flat_map(|list| {
            let numbered = list.written.iter().enumerate();
            numbered.map(move |(index, rule)| (list, index, rule, pattern(rule)))
        });
        let rules: Vec<_> = rules.collect();
        let own = rules.len() - self.written.len();
        for (number, (_, index, rule, matching)) in rules.iter().enumerate().skip(own) {
            // A place is written out only where it may be told: keys may have many lists.
            let mut earlier = rules[..number].iter();
            let swallower = earlier.find_map(|(list, index, by, earlier)| {
                let is_wider = takes_all_of(earlier, matching);
                let at = is_wider.then(|| list.at(*index))?;
                (!problems.has_error_within(&at)).then_some((at, by))
            });
            let Some((first, by)) = swallower else {
                continue;
            };
            let key = self.at(*index);
            let problem = if by == rule {
                format!("is never reached: {first} is the same rule")
            } else {
                format!("is never reached: {first} ({by:?}) takes it first")
            };
            let is_of_this_list = first.starts_with(&self.key);
            let hint = if by == rule || !is_of_this_list {
                "remove it"
            } else {
                "remove it, or put it before that one"
            };
            problems
                .warning(&key, problem)
                .hint(hint)
                .beside(&first, "this one decides")
                .tell();
        }
    }

    /// Where a rule stands.
    pub(super) fn at(&self, index: usize) -> String {
        format!("{}[{index}]", self.key)
    }
}

/// Whether the earlier pattern matches every name that the later one does.
pub(super) fn takes_all_of(earlier: &str, later: &str) -> bool {
    match earlier.strip_suffix('*') {
        Some(prefix) => later.starts_with(prefix),
        None => earlier == later,
    }
}

/// Whether there is a name that both patterns match.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    // A common beginning of two prefixes is not enough: the longer must begin with the shorter.
    let is_within = |rule: &str, outer: &str| {
        let prefix = outer.strip_suffix('*');
        prefix.is_some_and(|prefix| rule.trim_end_matches('*').starts_with(prefix))
    };
    one == other || is_within(one, other) || is_within(other, one)
}

/// The left side of a rule, in lower case, also of one that renames.
pub(super) fn pattern(rule: &str) -> String {
    let name = rule
        .strip_prefix("{ name = \"")
        .and_then(|rest| rest.split('"').next());
    name.unwrap_or(rule).to_ascii_lowercase()
}
