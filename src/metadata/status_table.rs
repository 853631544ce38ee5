//! Which status the client sees for the provider's.
//!
//! The most specific line decides: a code beats a class whoever wrote it, then the provider's line
//! beats the global one, and that the built-in one. So `"5xx" = 502` leaves 503, 504 and 529 what
//! they are; to move one of them, name it. `shared_quota` counts as the provider's `"429" = 503`.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;

/// Overrides as the settings write them: `"429"` or `"5xx"` → our status.
pub type StatusRules = BTreeMap<String, u16>;

/// Why a line of the table was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key:?} = {status}: {reason}")]
pub struct StatusRuleError {
    /// The upstream status or class as written.
    pub key: String,
    /// Ours as written.
    pub status: u16,
    /// What is wrong, and what to write instead.
    pub reason: String,
}

/// The status table of one provider, compiled.
#[derive(Clone, Debug)]
pub struct StatusTable {
    /// Our status for each upstream status from [`LOWEST`] to [`HIGHEST`], and the line that says so.
    ours: Box<[(StatusCode, StatusLine)]>,
}

/// The line of the table that decides on a status, the most specific first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusLine {
    /// The provider's override of the code.
    ProviderCode,
    /// The provider's `shared_quota`.
    SharedQuota,
    /// The global override of the code.
    GlobalCode,
    /// The built-in line of the code.
    BuiltInCode,
    /// The provider's override of the class.
    ProviderClass,
    /// The global override of the class.
    GlobalClass,
    /// The built-in line of the class.
    BuiltInClass,
    /// None: it is no final HTTP status.
    NotFinal,
}

/// What the client sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedStatus {
    /// Our status: 200, or an error from 400 to 599 that is none of 401, 403 and 407.
    pub status: StatusCode,
    /// Whether that is the provider's own.
    pub unchanged: bool,
}

const LOWEST: u16 = 200;
const HIGHEST: u16 = 599;

impl StatusTable {
    /// Compiles the built-in table, the global overrides and the provider's, the later winning among
    /// lines equally specific. `shared_quota` says that the provider's quota is the operator's, so
    /// that its 429 becomes a 503 unless the provider's own overrides name 429.
    ///
    /// # Errors
    /// Every override that makes no sense.
    pub fn compile(
        global: &StatusRules,
        provider: &StatusRules,
        shared_quota: bool,
    ) -> Result<Self, Vec<StatusRuleError>> {
        let errors: Vec<_> = global
            .iter()
            .chain(provider)
            .filter_map(|(key, status)| {
                let reason = why_refused(key, *status)?;
                Some(StatusRuleError {
                    key: key.clone(),
                    status: *status,
                    reason,
                })
            })
            .collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let ours = |upstream: u16| {
            let code = upstream.to_string();
            let class = format!("{}xx", upstream / 100);
            let line = |rules: &StatusRules, key: &str, line| {
                let status = rules.get(key)?;
                Some((*status, line))
            };
            let is_shared = shared_quota && upstream == 429;
            line(provider, &code, StatusLine::ProviderCode)
                .or(is_shared.then_some((503, StatusLine::SharedQuota)))
                .or_else(|| line(global, &code, StatusLine::GlobalCode))
                .or_else(|| Some((built_in_code(upstream)?, StatusLine::BuiltInCode)))
                .or_else(|| line(provider, &class, StatusLine::ProviderClass))
                .or_else(|| line(global, &class, StatusLine::GlobalClass))
                .unwrap_or((
                    if upstream < 300 { 200 } else { 502 },
                    StatusLine::BuiltInClass,
                ))
        };
        let known = |(status, line)| {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, line)
        };
        Ok(Self {
            ours: (LOWEST..=HIGHEST)
                .map(|upstream| known(ours(upstream)))
                .collect(),
        })
    }

    /// Our status for the provider's; whatever is no final status (a 1xx, a 600, a 0) is a 502.
    pub fn map(&self, upstream: u16) -> MappedStatus {
        self.explain(upstream).0
    }

    /// The same, with the line that decides.
    pub fn explain(&self, upstream: u16) -> (MappedStatus, StatusLine) {
        let index = upstream.checked_sub(LOWEST).map(usize::from);
        let (status, line) = index
            .and_then(|index| self.ours.get(index).copied())
            .unwrap_or((StatusCode::BAD_GATEWAY, StatusLine::NotFinal));
        let mapped = MappedStatus {
            status,
            unchanged: status.as_u16() == upstream,
        };
        (mapped, line)
    }
}

/// Whether repeating the same request cannot mend this upstream status.
///
/// True for every 3xx, which is never followed, and for every 4xx that blames the request or the
/// credentials; false for 408, 409, 425 and 429, which time can mend, and for 5xx. It speaks of the
/// upstream's status, so it holds for 400, 413 and 422 too: SDKs do not repeat those by themselves,
/// but would where an override shows them as a 502.
pub fn is_repeat_useless(upstream: u16) -> bool {
    match upstream {
        408 | 409 | 425 | 429 => false,
        300..=499 => true,
        _ => false,
    }
}

fn built_in_code(upstream: u16) -> Option<u16> {
    match upstream {
        400 | 409 | 413 | 422 | 429 => Some(upstream),
        408 | 504 => Some(504),
        503 | 529 => Some(503),
        _ => None,
    }
}

fn why_refused(key: &str, status: u16) -> Option<String> {
    let Some(class) = class_of(key) else {
        return Some(
            "the left side is no upstream status: write a code from 200 to 599 such as \"429\", \
             or a class such as \"5xx\""
                .to_owned(),
        );
    };
    let reason = match (class, status) {
        (1, _) => "an interim answer never reaches a client: remove the line",
        (2, 200) => return None,
        (2, _) => "a success stays a success, and Herald answers it with 200: remove the line",
        (_, 401 | 403 | 407) => {
            "the client would take it for a refusal of its own credentials: write 502, or 400 if \
             the request is at fault"
        }
        (_, 400..=599) => return None,
        (_, 200..=399) => "a failure must not look like a success or a redirect: write 400 to 599",
        (_, _) => "it is no final HTTP status: write 400 to 599",
    };
    Some(reason.to_owned())
}

/// The first digit of a code ("429") or class ("4xx"), one spelling each.
fn class_of(key: &str) -> Option<u8> {
    match key.as_bytes() {
        [class @ b'1'..=b'5', b'x', b'x'] => Some(class - b'0'),
        [class @ b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'] => Some(class - b'0'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(lines: &[(&str, u16)]) -> StatusRules {
        lines
            .iter()
            .map(|(key, status)| ((*key).to_owned(), *status))
            .collect()
    }

    fn table(global: &[(&str, u16)], provider: &[(&str, u16)], shared: bool) -> StatusTable {
        StatusTable::compile(&rules(global), &rules(provider), shared).unwrap()
    }

    #[test]
    fn the_built_in_table_maps_every_status() {
        let table = table(&[], &[], false);
        for upstream in 100..=599 {
            let expected = match upstream {
                200..=299 => 200,
                400 | 409 | 413 | 422 | 429 => upstream,
                408 | 504 => 504,
                503 | 529 => 503,
                _ => 502,
            };
            let mapped = table.map(upstream);
            assert_eq!(mapped.status.as_u16(), expected, "upstream {upstream}");
            assert_eq!(
                mapped.unchanged,
                expected == upstream,
                "upstream {upstream}"
            );
        }
        for garbage in [0, 1, 99, 600, 999, u16::MAX] {
            assert_eq!(
                table.map(garbage).status,
                StatusCode::BAD_GATEWAY,
                "upstream {garbage}"
            );
        }
    }

    #[test]
    fn a_shared_quota_turns_429_into_503_unless_the_provider_says_otherwise() {
        let ours = |table: StatusTable| table.map(429).status.as_u16();
        assert_eq!(ours(table(&[], &[], true)), 503);
        assert_eq!(ours(table(&[("429", 429)], &[], true)), 503);
        assert_eq!(ours(table(&[], &[("4xx", 400)], true)), 503);
        assert_eq!(ours(table(&[], &[("429", 429)], true)), 429);
    }

    #[test]
    fn the_most_specific_line_decides() {
        let global = [("500", 503), ("418", 400), ("5xx", 504), ("4xx", 422)];
        let table = table(&global, &[("500", 502), ("4xx", 400)], false);
        let ours = |upstream| table.map(upstream).status.as_u16();
        assert_eq!(ours(500), 502, "the provider's code beats the global code");
        assert_eq!(ours(418), 400, "a code beats a class");
        assert_eq!(
            ours(404),
            400,
            "the provider's class beats the global class"
        );
        assert_eq!(ours(501), 504, "the global class beats the built-in class");
        assert_eq!(ours(503), 503, "a built-in code beats any class");
    }

    #[test]
    fn the_line_that_decides_is_named() {
        let global = [("500", 503), ("418", 400), ("5xx", 504), ("4xx", 422)];
        let provider = [("500", 502), ("4xx", 400), ("2xx", 200)];
        let table = table(&global, &provider, true);
        for (upstream, line) in [
            (500, StatusLine::ProviderCode),
            (429, StatusLine::SharedQuota),
            (418, StatusLine::GlobalCode),
            (503, StatusLine::BuiltInCode),
            (404, StatusLine::ProviderClass),
            (200, StatusLine::ProviderClass),
            (501, StatusLine::GlobalClass),
            (302, StatusLine::BuiltInClass),
            (199, StatusLine::NotFinal),
            (600, StatusLine::NotFinal),
        ] {
            assert_eq!(table.explain(upstream).1, line, "{upstream}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_what_to_write_instead() {
        for (key, status, hint) in [
            ("1xx", 200, "interim"),
            ("101", 502, "interim"),
            ("5XX", 502, "\"5xx\""),
            ("600", 502, "200 to 599"),
            ("6xx", 502, "200 to 599"),
            ("+42", 502, "200 to 599"),
            ("", 502, "200 to 599"),
            ("teapot", 502, "200 to 599"),
            ("2xx", 204, "answers it with 200"),
            ("201", 502, "answers it with 200"),
            ("429", 200, "must not look like a success"),
            ("3xx", 302, "must not look like a success"),
            ("429", 304, "must not look like a success"),
            ("401", 401, "credentials"),
            ("4xx", 403, "credentials"),
            ("407", 407, "credentials"),
            ("5xx", 100, "final HTTP status"),
            ("5xx", 600, "final HTTP status"),
            ("5xx", 0, "final HTTP status"),
        ] {
            let errors =
                StatusTable::compile(&rules(&[(key, status)]), &rules(&[]), false).unwrap_err();
            assert!(errors[0].reason.contains(hint), "{}", errors[0]);
            assert!(StatusTable::compile(&rules(&[]), &rules(&[(key, status)]), false).is_err());
        }
    }

    #[test]
    fn every_refused_line_is_reported() {
        let errors =
            StatusTable::compile(&rules(&[("1xx", 1)]), &rules(&[("401", 401)]), true).unwrap_err();
        assert_eq!(
            errors.iter().map(|error| &*error.key).collect::<Vec<_>>(),
            ["1xx", "401"]
        );
    }

    #[test]
    fn a_repeat_is_useless_after_redirects_and_refusals_only() {
        for useless in [301, 307, 400, 401, 402, 403, 404, 407, 413, 418, 422, 451] {
            assert!(is_repeat_useless(useless), "{useless}");
        }
        for mendable in [
            0, 100, 200, 408, 409, 425, 429, 500, 502, 503, 504, 529, 600,
        ] {
            assert!(!is_repeat_useless(mendable), "{mendable}");
        }
    }

    fn any_rules() -> impl Strategy<Value = StatusRules> {
        let key = prop_oneof!["[1-6]xx", "[1-6][0-9][0-9]", "[0-9x]{1,4}"];
        let status = prop_oneof![4 => 395_u16..610, 1 => any::<u16>(), 1 => Just(200)];
        proptest::collection::btree_map(key, status, 0..8).prop_map(|mut rules| {
            rules.retain(|key, status| why_refused(key, *status).is_none());
            rules
        })
    }

    proptest! {
        #[test]
        fn no_override_shows_a_failure_as_success_or_as_the_clients_own(
            global in any_rules(),
            provider in any_rules(),
            shared_quota in any::<bool>(),
        ) {
            let table = StatusTable::compile(&global, &provider, shared_quota).unwrap();
            for upstream in (0..1000).chain([u16::MAX]) {
                let ours = table.map(upstream).status.as_u16();
                if (200..300).contains(&upstream) {
                    prop_assert_eq!(ours, 200);
                } else {
                    prop_assert!((400..600).contains(&ours), "{} became {}", upstream, ours);
                    prop_assert!(![401, 403, 407].contains(&ours), "{} became {}", upstream, ours);
                }
            }
        }
    }
}
