//! What failed further on in a chain, for the log: clients are told it by other means.

use super::{MAX_ID, NextHop};
use crate::{error::UpstreamReport, settings::VerifiedProvider};

/// The failure of a Herald further on, or of the provider that it asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HopFailure {
    /// Its code there: 1 to 64 of `a-z`, `0-9` and `_`.
    pub code: String,
    /// What that Herald calls itself (`metadata.proxy_name`); unknown where it was told in a stream.
    pub hop: Option<String>,
    /// Who was asked last, as clients are told it in `x-upstream-provider`; unknown where the next
    /// Herald refused by itself.
    pub provider: Option<String>,
}

impl HopFailure {
    /// Of the Herald nearest to the origin that tells of a failure in the next one's head.
    #[must_use]
    pub fn of_head(next: &NextHop) -> Option<Self> {
        let failed = next.members.iter().find_map(|member| {
            let code = member.details.as_deref().filter(|code| is_code(code))?;
            Some((member, code))
        });
        let (member, code) = failed?;
        let provider = next.provider.as_ref();
        Some(Self {
            code: code.to_owned(),
            hop: Some(member.name.clone()),
            provider: provider.and_then(|name| Some(name.to_str().ok()?.to_owned())),
        })
    }

    /// Of an error that `next` told in its own words.
    #[must_use]
    pub fn of_report(report: &UpstreamReport, next: &VerifiedProvider) -> Option<Self> {
        let is_fit = |text: &str| !next.repeats_key(text.as_bytes());
        let is_told = is_code(&report.code) && is_fit(&report.code);
        is_told.then(|| Self {
            code: report.code.to_string(),
            hop: None,
            provider: Some(report.provider.clone()).filter(|name| is_fit(name)),
        })
    }
}

/// Whether it is a code of Herald's shape, and no sentence.
fn is_code(text: &str) -> bool {
    let is_part = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;
    use crate::metadata::proxy_status::Member;

    fn member(name: &str, received: Option<u16>, details: Option<&str>) -> Member {
        Member {
            name: name.to_owned(),
            received,
            details: details.map(str::to_owned),
            ..Member::default()
        }
    }

    fn failure(members: Vec<Member>) -> Option<(String, String)> {
        let next = NextHop {
            members,
            provider: Some(HeaderValue::from_static("openai")),
            ..NextHop::default()
        };
        let found = HopFailure::of_head(&next)?;
        assert_eq!(found.provider.as_deref(), Some("openai"));
        Some((found.code, found.hop.unwrap()))
    }

    #[test]
    fn the_one_nearest_to_the_origin_that_failed_is_told() {
        let far = member("eu", Some(401), Some("upstream_auth"));
        let near = member("region", Some(502), Some("upstream_error"));
        let told = |code: &str, hop: &str| Some((code.to_owned(), hop.to_owned()));
        let of_both = failure(vec![far, near.clone()]);
        assert_eq!(of_both, told("upstream_auth", "eu"));
        let well = member("eu", Some(200), None);
        let of_one = failure(vec![well.clone(), near]);
        assert_eq!(of_one, told("upstream_error", "region"));
        assert_eq!(failure(vec![well]), None);
    }

    #[test]
    fn what_is_no_code_is_not_told() {
        for details in [
            "",
            "a sentence",
            "UPSTREAM",
            "sk-0123456789",
            &"a".repeat(65),
        ] {
            let odd = member("eu", Some(500), Some(details));
            assert_eq!(failure(vec![odd]), None, "{details:?}");
        }
    }
}
