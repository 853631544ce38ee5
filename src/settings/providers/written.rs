//! Under which keys of the settings a provider's rules were written.

use super::VerifiedProvider;
use crate::metadata::status_table::StatusLine;

impl VerifiedProvider {
    /// The key of a rule of [`header_policy`](Self::header_policy), by its number: such as
    /// `metadata.allow[3]` or `providers[0].metadata.allow[0]`, or `providers[0].preset`.
    #[must_use]
    pub fn rule_key(&self, rule: usize) -> String {
        match rule.checked_sub(self.shared_rules) {
            None => format!("metadata.allow[{rule}]"),
            Some(own) if own < self.own_rules => {
                format!("{}.metadata.allow[{own}]", self.settings_key)
            }
            Some(_) => format!("{}.preset", self.settings_key),
        }
    }

    /// The key of the line of [`status_table`](Self::status_table) that decides on a status, such as
    /// `metadata.status.5xx`; `None` where the line is built in.
    #[must_use]
    pub fn status_key(&self, line: StatusLine, upstream: u16) -> Option<String> {
        let own = &self.settings_key;
        let class = upstream / 100;
        match line {
            StatusLine::ProviderCode => Some(format!("{own}.metadata.status.{upstream}")),
            StatusLine::SharedQuota => Some(format!("{own}.shared_quota")),
            StatusLine::GlobalCode => Some(format!("metadata.status.{upstream}")),
            StatusLine::ProviderClass => Some(format!("{own}.metadata.status.{class}xx")),
            StatusLine::GlobalClass => Some(format!("metadata.status.{class}xx")),
            StatusLine::BuiltInCode | StatusLine::BuiltInClass | StatusLine::NotFinal => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use actix_web::http::header::HeaderName;

    use crate::{
        metadata::header_policy::{Fate, RuleOf},
        providers::ProviderId,
        settings::{Settings, VerifiedProvider},
    };

    const WRITTEN: &str = r#"
        [metadata]
        allow = ["x-shared", "x-both"]
        [metadata.status]
        "418" = 400
        "5xx" = 503
        [[providers]]
        id = "plain"
        kind = "replay"
        [[providers]]
        id = "own"
        kind = "replay"
        shared_quota = true
        metadata.allow = ["x-both", "x-own"]
        metadata.status = { "404" = 404, "4xx" = 400 }
        [[providers]]
        id = "known"
        kind = "openai"
        preset = "groq"
        metadata.allow = ["x-own"]
        [[models]]
        id = "m"
        targets = [{ provider = "own", model = "text" }]
    "#;

    #[test]
    fn rules_and_status_lines_are_found_where_they_were_written() {
        let settings = Settings::from_toml(WRITTEN).unwrap();
        let settings = settings.verify(&HashMap::new()).unwrap();
        let own = &settings.providers[&ProviderId::new("own")];
        let rule_key_of = |provider: &VerifiedProvider, name: &'static str| {
            let name = HeaderName::from_static(name);
            match provider.header_policy.for_key(None).judge(&name) {
                Fate::Passes {
                    rule: RuleOf::Provider(rule),
                    ..
                } => provider.rule_key(rule),
                fate => panic!("{name}: {fate:?}"),
            }
        };
        let rule_key = |name| rule_key_of(own, name);
        assert_eq!(rule_key("x-shared"), "metadata.allow[0]");
        assert_eq!(rule_key("x-both"), "metadata.allow[1]");
        assert_eq!(rule_key("x-own"), "providers[1].metadata.allow[1]");

        let known = &settings.providers[&ProviderId::new("known")];
        assert_eq!(rule_key_of(known, "x-groq-region"), "providers[2].preset");

        let status_key = |upstream| {
            let (_, line) = own.status_table.explain(upstream);
            own.status_key(line, upstream)
        };
        for (upstream, key) in [
            (404, Some("providers[1].metadata.status.404")),
            (405, Some("providers[1].metadata.status.4xx")),
            (418, Some("metadata.status.418")),
            (429, Some("providers[1].shared_quota")),
            (500, Some("metadata.status.5xx")),
            (503, None),
            (302, None),
            (600, None),
        ] {
            assert_eq!(status_key(upstream).as_deref(), key, "{upstream}");
        }
    }
}
