//! The checks, by what they look at.

mod bytes;
mod ends;
mod flow;
mod head;
mod oddities;
mod requests;
mod statuses;
mod wrong_success;

use std::fmt;

use futures_util::future::LocalBoxFuture;

use super::{kit::Kit, verdict::Outcome};

/// One thing that a gateway is expected to do.
pub struct Check {
    /// Its name, in kebab case; it stays what it is.
    pub name: &'static str,
    /// What is expected.
    pub expected: &'static str,
    /// Who says so: a standard, an SDK, or one of the promises of `docs/architecture.md`.
    pub source: &'static str,
    pub(super) run: Run,
}

/// What a check does.
pub(super) type Run = for<'k, 'a> fn(&'k mut Kit<'a>) -> LocalBoxFuture<'k, Outcome>;

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

/// All checks, in the order in which they run.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    [
        head::CHECKS,
        statuses::CHECKS,
        wrong_success::CHECKS,
        ends::CHECKS,
        bytes::CHECKS,
        oddities::CHECKS,
        flow::CHECKS,
        requests::CHECKS,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_check_has_a_name_of_its_own_in_kebab_case() {
        let mut names = HashSet::new();
        for check in checks() {
            assert!(names.insert(check.name), "{check:?} twice");
            let is_kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(check.name.chars().all(is_kebab), "{check:?}");
            assert!(!check.expected.is_empty() && !check.source.is_empty());
        }
        assert!(names.len() >= 25, "{}", names.len());
    }

    #[test]
    fn the_page_says_of_each_check_what_it_expects_and_who_says_so() {
        let page = include_str!("../../docs/conformance.md");
        for check in checks() {
            let row = format!(
                "| `{}` | {} | {} |",
                check.name, check.expected, check.source
            );
            assert!(page.contains(&row), "docs/conformance.md has no row\n{row}");
        }
    }
}
