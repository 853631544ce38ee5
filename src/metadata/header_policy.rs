//! Which of the provider's headers reach the client.

mod fate;

use std::fmt;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

pub use fate::{Dropped, Fate, Traced};

use super::{
    header_rules::{Allowance, Match, Met, Pattern, RuleSet, header_name, is_plain},
    never_forward::{
        is_never_forwarded, why_never_a_target, why_never_forwarded, why_prefix_never_forwarded,
    },
};

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
    rules: RuleSet,
    /// By rule: the name it goes out under, where that is another.
    renames: Vec<Option<HeaderName>>,
    /// By rule: as it was written.
    written: Vec<HeaderRule>,
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
        let mut policy = Self {
            rules: RuleSet::default(),
            renames: Vec::new(),
            written: rules.to_vec(),
            caps,
        };
        let mut errors = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            match read(rule) {
                Ok((pattern, rename)) => {
                    policy.rules.add(index, pattern);
                    policy.renames.push(rename);
                }
                Err(reason) => errors.push(RuleError {
                    rule: rule.to_string(),
                    reason,
                }),
            }
        }
        if errors.is_empty() {
            Ok(policy)
        } else {
            Err(errors)
        }
    }

    /// Picks what of an answer's headers reaches the client.
    ///
    /// `status_unchanged` says that the client sees the provider's own status. Only then does
    /// `x-should-retry` pass: it speaks of that status, and SDKs obey it before anything else.
    pub fn forward(&self, upstream: &HeaderMap, status_unchanged: bool) -> Forwarded {
        let mut forwarded = Forwarded::default();
        for Traced { value, fate, .. } in self.decide(upstream, status_unchanged) {
            match fate {
                Fate::Passes { name, .. } => forwarded.headers.push((name.clone(), value.clone())),
                Fate::Dropped(Dropped::OverCap) => forwarded.over_cap += 1,
                Fate::Dropped(Dropped::NotPlain) => forwarded.invalid += 1,
                Fate::Dropped(_) => {}
            }
        }
        forwarded
    }

    /// What [`forward`](Self::forward) makes of each value: first those that a rule allows, in the
    /// order in which they go out, then the others. The values of one name keep their order.
    pub fn trace<'a>(&'a self, upstream: &'a HeaderMap, status_unchanged: bool) -> Vec<Traced<'a>> {
        let others = self.rules.meet(upstream, is_never_forwarded);
        let others = others.filter_map(|(header, value, met)| {
            let fate = match met {
                Met::Rule(_) => return None,
                Met::Nominated => Fate::Dropped(Dropped::Nominated),
                Met::NoRule => self.judge(header),
            };
            Some(Traced {
                header,
                value,
                fate,
            })
        });
        self.decide(upstream, status_unchanged)
            .chain(others)
            .collect()
    }

    /// What the rules make of a name, whatever value and head it would come with.
    #[must_use]
    pub fn judge<'a>(&'a self, name: &'a HeaderName) -> Fate<'a> {
        match self.rules.first_match(name, is_never_forwarded) {
            Some(rule) => Fate::Passes {
                rule,
                name: self.outgoing_name(rule, name),
            },
            None => Fate::Dropped(match why_never_forwarded(name) {
                Some(why) => Dropped::Never(why),
                None => Dropped::Unlisted,
            }),
        }
    }

    /// A rule as it was written, by the number that a [`Fate`] gives.
    #[must_use]
    pub fn rule(&self, rule: usize) -> Option<&HeaderRule> {
        self.written.get(rule)
    }

    /// The bounds that it was compiled with.
    #[must_use]
    pub fn caps(&self) -> HeaderCaps {
        self.caps
    }

    /// What becomes of each value that a rule allows.
    fn decide<'a>(
        &'a self,
        upstream: &'a HeaderMap,
        status_unchanged: bool,
    ) -> impl Iterator<Item = Traced<'a>> {
        let mut allowance = Allowance::new(self.caps);
        let matches = self.rules.select(upstream, is_never_forwarded).into_iter();
        matches.map(move |Match { rule, name, value }| {
            let header = name;
            let name = self.outgoing_name(rule, header);
            let fate = if name == "x-should-retry" && !status_unchanged {
                Fate::Dropped(Dropped::OtherStatus)
            } else if !is_plain(value) {
                Fate::Dropped(Dropped::NotPlain)
            } else if !allowance.take(name, value) {
                Fate::Dropped(Dropped::OverCap)
            } else {
                Fate::Passes { rule, name }
            };
            Traced {
                header,
                value,
                fate,
            }
        })
    }

    fn outgoing_name<'a>(&'a self, rule: usize, name: &'a HeaderName) -> &'a HeaderName {
        self.renames[rule].as_ref().unwrap_or(name)
    }
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
mod tests;
