//! `[metadata]` and each provider's additions to it: what passes of a head.

use std::{fmt::Display, time::Duration};

use serde::Deserialize;

use super::{
    error::{Problems, join},
    units::{Size, Time, hold_to},
};
use crate::metadata::{
    header_policy::{HeaderCaps, HeaderPolicy, HeaderRule, RuleError},
    request_headers::RequestHeaderPolicy,
    status_table::{StatusRuleError, StatusRules, StatusTable},
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetadataSection {
    allow: Vec<HeaderRule>,
    request_allow: Vec<String>,
    max_headers: u64,
    max_bytes: Size,
    retry_after: Time,
    status: StatusRules,
}

/// What a provider adds to the lists above.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ProviderMetadata {
    allow: Vec<HeaderRule>,
    request_allow: Vec<String>,
    status: StatusRules,
}

/// The three policies of one provider.
pub(super) struct Policies {
    pub(super) headers: HeaderPolicy,
    /// How many of its rules come from the shared list.
    pub(super) shared_rules: usize,
    pub(super) request_headers: RequestHeaderPolicy,
    pub(super) status: StatusTable,
}

/// The lists that all providers share, with the mistakes that were already told of them.
pub(super) struct SharedPolicies<'a> {
    section: &'a MetadataSection,
    caps: HeaderCaps,
    told_headers: Vec<RuleError>,
    told_request_headers: Vec<RuleError>,
    told_status: Vec<StatusRuleError>,
}

impl MetadataSection {
    pub(super) fn verify(&self, problems: &mut Problems<'_>) -> (SharedPolicies<'_>, Duration) {
        let (bytes, retry_after) = (self.max_bytes, self.retry_after);
        hold_to(1..=96, self.max_headers, "metadata.max_headers", problems);
        hold_to(
            Size::KIB..=Size::KIB.times(64),
            bytes,
            "metadata.max_bytes",
            problems,
        );
        hold_to(
            Time::SECOND..=Time::HOUR,
            retry_after,
            "metadata.retry_after",
            problems,
        );
        if retry_after.0.subsec_nanos() != 0 {
            problems.at(
                "metadata.retry_after",
                format!("must be whole seconds, as retry-after is, not {retry_after}"),
            );
        }
        let caps = HeaderCaps {
            headers: usize::try_from(self.max_headers).unwrap_or(usize::MAX),
            bytes: bytes.bytes(),
        };
        let shared = SharedPolicies {
            section: self,
            caps,
            told_headers: tell(
                HeaderPolicy::compile(&self.allow, caps),
                &[],
                "metadata.allow",
                problems,
            ),
            told_request_headers: tell(
                RequestHeaderPolicy::compile(&self.request_allow),
                &[],
                "metadata.request_allow",
                problems,
            ),
            told_status: tell(
                StatusTable::compile(&self.status, &StatusRules::new(), false),
                &[],
                "metadata.status",
                problems,
            ),
        };
        (shared, retry_after.0)
    }
}

impl SharedPolicies<'_> {
    /// The shared lists with the provider's own behind them. `key` is the provider's `metadata`.
    pub(super) fn with(
        &self,
        own: &ProviderMetadata,
        shared_quota: bool,
        key: &str,
        problems: &mut Problems<'_>,
    ) -> Option<Policies> {
        let allow = [&self.section.allow[..], &own.allow].concat();
        let headers = HeaderPolicy::compile(&allow, self.caps);
        let request_allow = [&self.section.request_allow[..], &own.request_allow].concat();
        let request_headers = RequestHeaderPolicy::compile(&request_allow);
        let status = StatusTable::compile(&self.section.status, &own.status, shared_quota);
        match (headers, request_headers, status) {
            (Ok(headers), Ok(request_headers), Ok(status)) => Some(Policies {
                headers,
                shared_rules: self.section.allow.len(),
                request_headers,
                status,
            }),
            (headers, request_headers, status) => {
                let at = |name| join(key, name);
                tell(headers, &self.told_headers, &at("allow"), problems);
                let told = &self.told_request_headers;
                tell(request_headers, told, &at("request_allow"), problems);
                tell(status, &self.told_status, &at("status"), problems);
                None
            }
        }
    }
}

/// Notes the mistakes of one list that were not told before, and returns all of them.
fn tell<T, E: Display + PartialEq>(
    compiled: Result<T, Vec<E>>,
    before: &[E],
    key: &str,
    problems: &mut Problems<'_>,
) -> Vec<E> {
    let mistakes = compiled.err().unwrap_or_default();
    for mistake in mistakes.iter().filter(|mistake| !before.contains(mistake)) {
        problems.at(key, mistake.to_string());
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::error::Origins;

    #[test]
    fn a_mistake_of_the_shared_list_is_told_once_and_not_again_for_each_provider() {
        let origins = Origins::default();
        let mut problems = Problems::new(&origins);
        let shared = tell(
            Err::<(), _>(vec!["a"]),
            &[],
            "metadata.allow",
            &mut problems,
        );
        let own = "providers[0].metadata.allow";
        tell(Err::<(), _>(vec!["a", "b"]), &shared, own, &mut problems);
        let told: Vec<_> = problems
            .into_list()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told,
            ["metadata.allow: a", "providers[0].metadata.allow: b"]
        );
    }
}
