//! What the settings name but do not hold: the content of files, and secrets in variables.
//!
//! Whether settings have changed depends on it, so verification notes a digest of all that it reads.
//! It runs on one thread from its beginning to its end, and everything that it reads passes
//! [`files::read`](super::files::read) or [`note`]; so the notes are kept by the thread, and a
//! section that comes to name another file needs nothing of this.

use std::{cell::RefCell, collections::BTreeMap, fmt};

use sha2::{Digest, Sha256};

thread_local! {
    static NOTED: RefCell<Option<Outside>> = const { RefCell::new(None) };
}

/// A digest of each content, by its place, such as `the file /run/secrets/openai`.
///
/// The digests never leave the process: the secret behind one may be easy to guess.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Outside(BTreeMap<String, [u8; 32]>);

/// Runs a verification, and gives what it read beside what it found.
pub(super) fn collect<T>(verify: impl FnOnce() -> T) -> (T, Outside) {
    NOTED.set(Some(Outside::default()));
    let verified = verify();
    (verified, NOTED.take().unwrap_or_default())
}

/// Notes what was read at a place; nothing, where nobody collects.
pub(super) fn note(place: impl FnOnce() -> String, content: &[u8]) {
    NOTED.with_borrow_mut(|noted| {
        if let Some(Outside(noted)) = noted {
            noted.insert(place(), Sha256::digest(content).into());
        }
    });
}

impl Outside {
    /// The places that both name and whose content differs.
    pub(super) fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(|(place, digest)| {
            let is_other = other.0.get(place).is_some_and(|other| other != digest);
            is_other.then_some(place.as_str())
        })
    }
}

/// Leaves the digests out.
impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_name_and_what_changed_differs() {
        let read = |notes: &[(&str, &str)]| {
            let all = || {
                for (place, content) in notes {
                    note(|| (*place).to_owned(), content.as_bytes());
                }
            };
            collect(all).1
        };
        let old = read(&[("same", "1"), ("changed", "1"), ("gone", "1")]);
        let new = read(&[("same", "1"), ("changed", "2"), ("new", "1")]);
        assert_eq!(old.differing(&new).collect::<Vec<_>>(), ["changed"]);
        note(|| unreachable!("nobody collects"), b"");
        assert_eq!(format!("{old:?}"), r#"{"changed", "gone", "same"}"#);
    }
}
