//! What both allow lists share: how a rule is read, which rule a name meets first, and the bounds.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::{header_policy::HeaderCaps, never_forward::nominated_by_connection};

/// A rule's left side, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Exact(HeaderName),
    /// What stands before the `*`; at least two characters, or none.
    Prefix(Box<str>),
}

impl Pattern {
    /// Reads `"x-request-id"` or `"x-ratelimit-*"`; the error says what to write instead.
    pub(super) fn parse(written: &str) -> Result<Self, String> {
        let Some(prefix) = written.strip_suffix('*') else {
            if written.contains('*') {
                return Err("a `*` may only stand at the end, as in \"x-ratelimit-*\"".to_owned());
            }
            return header_name(written).map(Self::Exact);
        };
        if prefix.contains('*') {
            return Err("write one `*`, at the end, as in \"x-ratelimit-*\"".to_owned());
        }
        if prefix.len() < 2 {
            return Err(
                "it matches too much: list the names, or a prefix of at least two \
                        characters such as \"x-ratelimit-*\""
                    .to_owned(),
            );
        }
        header_name(prefix).map(|name| Self::Prefix(name.as_str().into()))
    }

    /// As [`parse`](Self::parse), with `*` alone for every name: nothing is let out by it.
    pub(super) fn parse_or_all(written: &str) -> Result<Self, String> {
        match written {
            "*" => Ok(Self::Prefix("".into())),
            _ => Self::parse(written),
        }
    }
}

/// Reads a header name in any case; the error says what one is made of.
pub(super) fn header_name(written: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(written.as_bytes()).map_err(|_| {
        "it is no header name: write letters, digits and hyphens, as in \"x-request-id\"".to_owned()
    })
}

/// Patterns in the order of their rules; the first that matches a name wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RuleSet {
    /// In the order of [`in_order`]: there are few, and a binary search costs less than a hash.
    exact: Vec<(HeaderName, usize)>,
    prefixes: Vec<(usize, Box<str>)>,
}

/// What the rules make of one value of a head.
pub(super) enum Met<R> {
    /// This rule lets it through.
    Rule(R),
    /// None does.
    NoRule,
    /// One would, but the head's own `Connection` field ties it to its connection.
    Nominated,
}

/// A header that a rule lets through.
pub(super) struct Match<'a, R> {
    pub(super) rule: R,
    pub(super) name: &'a HeaderName,
    pub(super) value: &'a HeaderValue,
}

impl RuleSet {
    /// Adds the pattern of rule number `rule`; rules are added in rising order.
    pub(super) fn add(&mut self, rule: usize, pattern: Pattern) {
        match pattern {
            Pattern::Exact(name) => {
                if let Err(place) = self.place_of(&name) {
                    self.exact.insert(place, (name, rule));
                }
            }
            Pattern::Prefix(prefix) => self.prefixes.push((rule, prefix)),
        }
    }

    /// The number of the rule that lets a name through.
    ///
    /// `is_forbidden` is asked only about what a prefix let in: an exact rule for a forbidden name was
    /// refused when it was compiled.
    pub(super) fn first_match(
        &self,
        name: &HeaderName,
        is_forbidden: impl Fn(&HeaderName) -> bool,
    ) -> Option<usize> {
        let exact = self.place_of(name).ok().map(|place| self.exact[place].1);
        let prefix = self
            .prefixes
            .iter()
            .take_while(|(rule, _)| exact.is_none_or(|exact| *rule < exact))
            .find(|(_, prefix)| name.as_str().starts_with(&**prefix))
            .map(|(rule, _)| *rule);
        match prefix {
            Some(rule) => (!is_forbidden(name)).then_some(rule),
            None => exact,
        }
    }

    /// Where the exact rule for a name stands, or would stand.
    fn place_of(&self, name: &HeaderName) -> Result<usize, usize> {
        let wanted = in_order(name);
        self.exact
            .binary_search_by(|(name, _)| in_order(name).cmp(&wanted))
    }
}

/// By what names are sorted: most are told apart by their length alone.
fn in_order(name: &HeaderName) -> (usize, &str) {
    let name = name.as_str();
    (name.len(), name)
}

/// What the rules let through, by rule, then by name; the values of one name keep their order.
///
/// `rule_for` says which rule lets a name through. Sorted because the header map iterates in hash order.
pub(super) fn select<R: Copy + Ord>(
    headers: &HeaderMap,
    rule_for: impl Fn(&HeaderName) -> Option<R>,
) -> Vec<Match<'_, R>> {
    let mut matches: Vec<_> = meet(headers, rule_for)
        .filter_map(|(name, value, met)| match met {
            Met::Rule(rule) => Some(Match { rule, name, value }),
            Met::NoRule | Met::Nominated => None,
        })
        .collect();
    matches.sort_by(|a, b| (a.rule, a.name.as_str()).cmp(&(b.rule, b.name.as_str())));
    matches
}

/// What the rules make of each value, in no order but that of the values of one name.
pub(super) fn meet<R>(
    headers: &HeaderMap,
    rule_for: impl Fn(&HeaderName) -> Option<R>,
) -> impl Iterator<Item = (&HeaderName, &HeaderValue, Met<R>)> {
    let nominated = nominated_by_connection(headers);
    headers.iter().map(move |(name, value)| {
        let met = match rule_for(name) {
            None => Met::NoRule,
            Some(_) if nominated.contains(name) => Met::Nominated,
            Some(rule) => Met::Rule(rule),
        };
        (name, value, met)
    })
}

/// What is left of the bounds on one message.
pub(super) struct Allowance(HeaderCaps);

impl Allowance {
    pub(super) fn new(caps: HeaderCaps) -> Self {
        Self(caps)
    }

    /// Takes room for one header; `false` leaves the allowance as it was, so that one huge value
    /// does not starve the small ones after it.
    pub(super) fn take(&mut self, name: &HeaderName, value: &HeaderValue) -> bool {
        let bytes = name.as_str().len() + value.len();
        if self.0.headers == 0 || self.0.bytes < bytes {
            return false;
        }
        self.0.headers -= 1;
        self.0.bytes -= bytes;
        true
    }
}

/// Whether a value is visible ASCII, spaces and tabs: RFC 9110 section 5.5 without `obs-text`, which
/// clients decode as UTF-8, as Latin-1 or not at all.
pub(super) fn is_plain(value: &HeaderValue) -> bool {
    value
        .as_bytes()
        .iter()
        .all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}
