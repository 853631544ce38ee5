//! Reading the small files that settings name.

mod stamp;

use std::{fs::File, io::Read, path::Path};

pub(crate) use stamp::Stamp;

use super::outside;

/// Reads a whole file of at most `most` bytes.
pub(super) fn read(file: &Path, most: usize) -> Result<Vec<u8>, String> {
    // First: what is written while it is read makes another stamp.
    let stamp = Stamp::of(file);
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|file| file.take(most as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() > most {
        return Err(format!("it is larger than {most} bytes"));
    }
    outside::note_file(file, stamp, &bytes);
    Ok(bytes)
}
