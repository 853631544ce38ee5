//! A provider's policy with the rules of a key behind it: what decides about an answer.

use actix_web::http::header::{HeaderMap, HeaderName};

use super::{Dropped, Fate, Forwarded, HeaderPolicy, KeyHeaderRules, RuleOf, Traced};
use crate::metadata::{
    header_rules::{Allowance, Match, Met, is_plain, meet, select},
    never_forward::why_never_forwarded,
};

/// The policy as one key sees it: the provider's rules, then those that the key adds, without what
/// the key hides. It borrows both, so that it costs nothing to make.
#[derive(Clone, Copy, Debug)]
pub struct PolicyForKey<'a> {
    policy: &'a HeaderPolicy,
    key: Option<&'a KeyHeaderRules>,
}

impl<'a> PolicyForKey<'a> {
    pub(super) fn new(policy: &'a HeaderPolicy, key: Option<&'a KeyHeaderRules>) -> Self {
        Self { policy, key }
    }

    /// Picks what of an answer's headers reaches the client.
    ///
    /// `status_unchanged` says that the client sees the provider's own status. Only then does
    /// `x-should-retry` pass: it speaks of that status, and SDKs obey it before anything else.
    #[must_use]
    pub fn forward(self, upstream: &'a HeaderMap, status_unchanged: bool) -> Forwarded {
        let decided = self.decide(upstream, status_unchanged);
        let mut forwarded = Forwarded::default();
        forwarded.headers.reserve(decided.size_hint().0);
        for Traced { value, fate, .. } in decided {
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
    #[must_use]
    pub fn trace(self, upstream: &'a HeaderMap, status_unchanged: bool) -> Vec<Traced<'a>> {
        let others = meet(upstream, move |name| self.rule_for(name));
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
    pub fn judge(self, name: &'a HeaderName) -> Fate<'a> {
        match self.rule_for(name) {
            Some(rule) => self.unless_hidden(rule, name),
            None => Fate::Dropped(match why_never_forwarded(name) {
                Some(why) => Dropped::Never(why),
                None => Dropped::Unlisted,
            }),
        }
    }

    /// What becomes of each value that a rule allows.
    fn decide(
        self,
        upstream: &'a HeaderMap,
        status_unchanged: bool,
    ) -> impl Iterator<Item = Traced<'a>> {
        let mut allowance = Allowance::new(self.policy.caps);
        let matches = select(upstream, move |name| self.rule_for(name)).into_iter();
        matches.map(move |Match { rule, name, value }| {
            let header = name;
            let fate = match self.unless_hidden(rule, header) {
                Fate::Passes { name, .. } if name == "x-should-retry" && !status_unchanged => {
                    Fate::Dropped(Dropped::OtherStatus)
                }
                Fate::Passes { .. } if !is_plain(value) => Fate::Dropped(Dropped::NotPlain),
                Fate::Passes { name, .. } if !allowance.take(name, value) => {
                    Fate::Dropped(Dropped::OverCap)
                }
                fate => fate,
            };
            Traced {
                header,
                value,
                fate,
            }
        })
    }

    /// The rule that lets a name out, whether or not the key hides it.
    fn rule_for(self, name: &HeaderName) -> Option<RuleOf> {
        let of_key = || self.key?.allow.first_match(name).map(RuleOf::Key);
        let of_provider = self.policy.allow.first_match(name);
        of_provider.map(RuleOf::Provider).or_else(of_key)
    }

    fn unless_hidden(self, rule: RuleOf, header: &'a HeaderName) -> Fate<'a> {
        let name = match (rule, self.key) {
            (RuleOf::Provider(rule), _) => self.policy.allow.outgoing_name(rule, header),
            (RuleOf::Key(rule), Some(key)) => key.allow.outgoing_name(rule, header),
            (RuleOf::Key(_), None) => header,
        };
        match self.key.and_then(|key| key.hides(header, name)) {
            Some(by) => Fate::Dropped(Dropped::Hidden(by)),
            None => Fate::Passes { rule, name },
        }
    }
}
