//! What the settings name but do not hold: the content of files, and secrets in variables.
//!
//! Whether settings have changed depends on it, so verification notes a digest of all that it reads.
//! It runs on one thread from its beginning to its end, and everything that it reads passes
//! [`files::read`](super::files::read) or [`note`]; so the notes are kept by the thread, and a
//! section that comes to name another file needs nothing of this.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::files::Stamp;

thread_local! {
    static NOTED: RefCell<Option<Outside>> = const { RefCell::new(None) };
}

/// What was read, and how it was then.
#[derive(Clone, Default)]
pub(super) struct Outside {
    /// A digest of each content, by its place, such as `the file /run/secrets/openai`. They never
    /// leave the process: the secret behind one may be easy to guess.
    digests: BTreeMap<String, [u8; 32]>,
    /// The stamp of each file as it was before it was read, for whoever watches it.
    stamps: BTreeMap<PathBuf, Stamp>,
}

/// Runs a verification, and gives what it read beside what it found.
pub(super) fn collect<T>(verify: impl FnOnce() -> T) -> (T, Outside) {
    NOTED.set(Some(Outside::default()));
    let verified = verify();
    (verified, NOTED.take().unwrap_or_default())
}

/// Notes what was read at a place; nothing, where nobody collects.
pub(super) fn note(place: impl FnOnce() -> String, content: &[u8]) {
    NOTED.with_borrow_mut(|noted| {
        if let Some(noted) = noted {
            let digest = Sha256::digest(content);
            noted.digests.insert(place(), digest.into());
        }
    });
}

/// Notes a file that was read, and how it was before. What has no stamp, a pipe for one, can be read
/// once only and so is not to be watched.
pub(super) fn note_file(file: &Path, stamp: Option<Stamp>, content: &[u8]) {
    note(|| format!("the file {}", file.display()), content);
    NOTED.with_borrow_mut(|noted| {
        if let (Some(noted), Some(stamp)) = (noted, stamp) {
            noted.stamps.insert(file.to_path_buf(), stamp);
        }
    });
}

impl Outside {
    /// The places that both name and whose content differs.
    pub(super) fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        self.digests.iter().filter_map(|(place, digest)| {
            let other = other.digests.get(place);
            let is_other = other.is_some_and(|other| other != digest);
            is_other.then_some(place.as_str())
        })
    }

    /// The files that were read, and how each was before.
    pub(super) fn files(&self) -> &BTreeMap<PathBuf, Stamp> {
        &self.stamps
    }
}

/// By what was read alone: a file that was only touched is the same.
impl PartialEq for Outside {
    fn eq(&self, other: &Self) -> bool {
        self.digests == other.digests
    }
}

/// Leaves the digests out.
impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.digests.keys()).finish()
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
