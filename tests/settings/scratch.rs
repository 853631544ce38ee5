//! Files that exist for one test.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

/// A file of one test, removed when the test ends.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// `name` is one that no other test has.
    pub(crate) fn new(name: &str, content: &[u8], mode: u32) -> Self {
        let name = format!("herald-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Self(path)
    }

    /// A text with this file named FILE.
    pub(crate) fn named(&self, text: impl ToString) -> String {
        text.to_string().replace(self.0.to_str().unwrap(), "FILE")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
