//! A file that is there whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process,
};

/// Writes a file that only its owner can read. Where there is one already it stays as it is, unless
/// `replace`.
///
/// # Errors
/// The operating system's; [`io::ErrorKind::AlreadyExists`] where there is one already.
pub(super) fn write(path: &Path, text: &str, replace: bool) -> io::Result<()> {
    let draft = Draft::create(path)?;
    let mut file = &draft.file;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    if replace {
        return fs::rename(&draft.path, path);
    }
    // Unlike a rename, a link never takes the place of another file.
    fs::hard_link(&draft.path, path).or_else(|error| match error.kind() {
        // Some file systems have no links.
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied if !path.exists() => {
            fs::rename(&draft.path, path)
        }
        _ => Err(error),
    })
}

/// A hidden file beside the one to come, which goes when it is dropped.
struct Draft {
    path: PathBuf,
    file: File,
}

impl Draft {
    fn create(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let hidden = format!(".{}.{}", name.to_string_lossy(), process::id());
        let path = path.with_file_name(hidden);
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Self { path, file })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already where it was renamed.
        let _ = fs::remove_file(&self.path);
    }
}
