//! `[metadata]` and each provider's additions to it: what passes of a head.

use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    diagnostics::Problems,
    header_lists::Rules,
    origin::join,
    schema::{between, statuses},
    units::{Size, Time},
};
use crate::metadata::{
    header_policy::{HeaderCaps, HeaderPolicy, HeaderRule},
    request_headers::RequestHeaderPolicy,
    status_table::{StatusRuleError, StatusRules, StatusTable},
};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MetadataSection {
    #[schemars(regex(pattern = r"^[a-z][a-z0-9._-]{0,63}$"))]
    proxy_name: String,
    allow: Vec<HeaderRule>,
    request_allow: Vec<String>,
    #[schemars(range(min = 1, max = 96))]
    max_headers: u64,
    #[schemars(transform = between("1KiB", "64KiB"))]
    max_bytes: Size,
    #[schemars(transform = between("1s", "1h"))]
    retry_after: Time,
    #[schemars(transform = statuses)]
    status: StatusRules,
}

/// What a provider adds to the lists above.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ProviderMetadata {
    allow: Vec<HeaderRule>,
    request_allow: Vec<String>,
    #[schemars(transform = statuses)]
    status: StatusRules,
}

/// The three policies of one provider.
pub(super) struct Policies {
    pub(super) headers: HeaderPolicy,
    /// How many of its rules come from the shared list.
    pub(super) shared_rules: usize,
    pub(super) own_rules: usize,
    pub(super) request_headers: RequestHeaderPolicy,
    pub(super) status: StatusTable,
}

/// The lists that all providers share.
pub(super) struct SharedPolicies<'a> {
    section: &'a MetadataSection,
    caps: HeaderCaps,
    /// `metadata.allow`, as diagnostics name it.
    allow: Rules,
    /// `metadata.request_allow`, likewise.
    request_allow: Rules,
}

impl MetadataSection {
    /// What Herald calls itself: a token of RFC 9651, which the schema holds it to.
    pub(super) fn proxy_name(&self) -> Arc<str> {
        self.proxy_name.as_str().into()
    }

    pub(super) fn verify(&self, problems: &mut Problems<'_>) -> (SharedPolicies<'_>, Duration) {
        let (bytes, retry_after) = (self.max_bytes, self.retry_after);
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
        let allow = Rules::new("metadata.allow", &self.allow);
        allow.tell(HeaderPolicy::compile(&self.allow, caps).err(), problems);
        allow.warn_of_unreachable(&[], problems);
        let request_allow = Rules::new("metadata.request_allow", &self.request_allow);
        let compiled = RequestHeaderPolicy::compile(&self.request_allow);
        request_allow.tell(compiled.err(), problems);
        request_allow.warn_of_unreachable(&[], problems);
        let status = StatusTable::compile(&self.status, &StatusRules::new(), false);
        tell_status(status.err(), &self.status, "metadata.status", problems);
        let shared = SharedPolicies {
            section: self,
            caps,
            allow,
            request_allow,
        };
        (shared, retry_after.0)
    }
}

impl ProviderMetadata {
    /// The rules that the provider adds to `metadata.allow`.
    pub(super) fn allow(&self) -> &[HeaderRule] {
        &self.allow
    }
}

impl<'a> SharedPolicies<'a> {
    /// The rules of `metadata.allow`.
    pub(super) fn allow(&self) -> &'a [HeaderRule] {
        &self.section.allow
    }

    /// The same, as diagnostics name them.
    pub(super) fn allow_rules(&self) -> &Rules {
        &self.allow
    }

    /// The shared lists with the provider's own behind them, and last what its preset knows. `key` is
    /// the provider's `metadata`.
    pub(super) fn with(
        &self,
        own: &ProviderMetadata,
        preset: &[&str],
        shared_quota: bool,
        key: &str,
        problems: &mut Problems<'_>,
    ) -> Option<Policies> {
        let preset = preset.iter().map(|name| HeaderRule {
            name: (*name).to_owned(),
            rename: None,
        });
        let preset: Vec<_> = preset.collect();
        let allow = [&self.section.allow[..], &own.allow, &preset].concat();
        let headers = HeaderPolicy::compile(&allow, self.caps);
        let rules = Rules::new(&join(key, "allow"), &own.allow);
        rules.warn_of_unreachable(&[&self.allow], problems);
        let headers = rules.take(headers, problems);

        let request_allow = [&self.section.request_allow[..], &own.request_allow].concat();
        let request_headers = RequestHeaderPolicy::compile(&request_allow);
        let rules = Rules::new(&join(key, "request_allow"), &own.request_allow);
        rules.warn_of_unreachable(&[&self.request_allow], problems);
        let request_headers = rules.take(request_headers, problems);

        let status = StatusTable::compile(&self.section.status, &own.status, shared_quota);
        let status = match status {
            Ok(status) => Some(status),
            Err(errors) => {
                tell_status(Some(errors), &own.status, &join(key, "status"), problems);
                None
            }
        };
        Some(Policies {
            headers: headers?,
            shared_rules: self.section.allow.len(),
            own_rules: own.allow.len(),
            request_headers: request_headers?,
            status: status?,
        })
    }
}

/// Tells of the mistakes that stand in this table, and not of those of another that was compiled
/// with it.
fn tell_status(
    errors: Option<Vec<StatusRuleError>>,
    own: &StatusRules,
    key: &str,
    problems: &mut Problems<'_>,
) {
    for error in errors.into_iter().flatten() {
        if own.get(&error.key) != Some(&error.status) {
            continue;
        }
        // Where no other status would do either, the left side is what is wrong.
        let other = StatusRules::from([(error.key.clone(), 502)]);
        let is_left_wrong = StatusTable::compile(&other, &StatusRules::new(), false).is_err();
        let finding = problems.error(&join(key, &error.key), error.reason);
        if is_left_wrong {
            finding.at_the_name().tell();
        } else {
            finding.tell();
        }
    }
}
