//! A file that is there whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use uuid::Uuid;

/// Finds out whether [`write`] could write a file there, and leaves everything as it is.
///
/// # Errors
/// As of [`write`].
pub(super) fn try_place(path: &Path, replace: bool) -> io::Result<()> {
    let place = place(path, replace)?;
    Draft::beside(&place).map(drop)
}

/// Writes a file that only its owner can read. Where there is one already it stays as it is, unless
/// `replace`; where a link leads to one, that one is replaced.
///
/// # Errors
/// The operating system's; [`io::ErrorKind::AlreadyExists`] where there is one already. What is there
/// and no file, such as a folder or a device, is never replaced.
pub(super) fn write(path: &Path, text: &str, replace: bool) -> io::Result<()> {
    let path = place(path, replace)?;
    let draft = Draft::beside(&path)?;
    let mut file = &draft.file;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    if replace {
        return fs::rename(&draft.path, &path);
    }
    // Unlike a rename, a link never takes the place of another file.
    fs::hard_link(&draft.path, &path).or_else(|error| match error.kind() {
        // Some file systems have no links.
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied if !path.exists() => {
            fs::rename(&draft.path, &path)
        }
        _ => Err(error),
    })
}

/// Where the file goes.
fn place(path: &Path, replace: bool) -> io::Result<PathBuf> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error),
        Ok(_) if !replace => Err(io::ErrorKind::AlreadyExists.into()),
        Ok(_) => {
            let path = path.canonicalize()?;
            if !path.metadata()?.is_file() {
                return Err(io::Error::other("it is there already, and no file"));
            }
            Ok(path)
        }
    }
}

/// A hidden file beside the one to come, which goes when it is dropped.
struct Draft {
    path: PathBuf,
    file: File,
}

impl Draft {
    fn beside(path: &Path) -> io::Result<Self> {
        if path.file_name().is_none() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let path = path.with_file_name(format!(".herald-{}", Uuid::now_v7()));
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
