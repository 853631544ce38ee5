//! The recordings there are.

use std::{collections::BTreeMap, fs, path::Path};

use super::recording::{Recording, RecordingError};

/// The recordings that ship inside the binary, by name.
const EMBEDDED: [(&str, &str); 6] = [
    (
        "text",
        include_str!("../../../settings/recordings/text.toml"),
    ),
    (
        "tool-call",
        include_str!("../../../settings/recordings/tool-call.toml"),
    ),
    (
        "reasoning",
        include_str!("../../../settings/recordings/reasoning.toml"),
    ),
    (
        "rate-limited",
        include_str!("../../../settings/recordings/rate-limited.toml"),
    ),
    (
        "error-mid-stream",
        include_str!("../../../settings/recordings/error-mid-stream.toml"),
    ),
    (
        "truncated",
        include_str!("../../../settings/recordings/truncated.toml"),
    ),
];

/// Recordings by name; the name is the `model` that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayLibrary {
    recordings: BTreeMap<String, Recording>,
}

impl ReplayLibrary {
    /// The recordings that ship with Herald, those of `settings/recordings/`.
    #[must_use]
    pub fn embedded() -> Self {
        let parse = |(name, text): (&str, &str)| {
            let recording =
                Recording::parse(name, text).expect("a test parses every embedded recording");
            (name.to_owned(), recording)
        };
        Self {
            recordings: EMBEDDED.map(parse).into(),
        }
    }

    /// Every `NAME.toml` of a folder; other files, hidden ones and subfolders' contents are passed over.
    ///
    /// Reads files, so it belongs to startup and reload, not to a worker's thread.
    ///
    /// # Errors
    /// The first file that cannot be read or is no recording, or a folder without any.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let dir = dir.as_ref();
        let unreadable = |source| RecordingError::unreadable(dir, source);
        let mut recordings = BTreeMap::new();
        for entry in fs::read_dir(dir).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let Some(name) = recording_name(&path) else {
                continue;
            };
            let text = fs::read_to_string(&path)
                .map_err(|source| RecordingError::unreadable(&path, source))?;
            let recording = Recording::parse(&path.display().to_string(), &text)?;
            recordings.insert(name, recording);
        }
        if recordings.is_empty() {
            return Err(RecordingError::NoneFound(dir.display().to_string()));
        }
        Ok(Self { recordings })
    }

    /// The same recordings without a pause anywhere, for tests that need not wait.
    #[must_use]
    pub fn without_pauses(self) -> Self {
        let recordings = self.recordings.into_iter();
        recordings
            .map(|(name, recording)| (name, recording.without_pauses()))
            .collect()
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.recordings.keys().map(String::as_str)
    }

    /// The recording of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Recording> {
        self.recordings.get(name)
    }
}

impl<N: Into<String>> FromIterator<(N, Recording)> for ReplayLibrary {
    fn from_iter<I: IntoIterator<Item = (N, Recording)>>(recordings: I) -> Self {
        let named = recordings
            .into_iter()
            .map(|(name, recording)| (name.into(), recording));
        Self {
            recordings: named.collect(),
        }
    }
}

/// The stem of `NAME.toml`. Hidden files are what editors leave beside the one they have open.
fn recording_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.strip_suffix(".toml")?;
    (!name.is_empty() && !name.starts_with('.')).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/settings/recordings");

    /// A folder of this test's own, gone when the test is.
    struct Folder(std::path::PathBuf);

    impl Folder {
        fn with(files: &[(&str, &str)]) -> Self {
            let name = format!("herald-library-{}", uuid::Uuid::now_v7());
            let dir = std::env::temp_dir().join(name);
            fs::create_dir(&dir).unwrap();
            for (file, text) in files {
                fs::write(dir.join(file), text).unwrap();
            }
            Self(dir)
        }

        fn error(&self) -> String {
            ReplayLibrary::from_dir(&self.0).unwrap_err().to_string()
        }

        fn path(&self, file: &str) -> String {
            self.0.join(file).display().to_string()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn every_shipped_recording_is_embedded_and_parses() {
        assert_eq!(
            ReplayLibrary::embedded(),
            ReplayLibrary::from_dir(SHIPPED).unwrap()
        );
    }

    #[test]
    fn every_embedded_recording_has_a_row_in_the_documentation() {
        let page = include_str!("../../../docs/recordings.md");
        let (shipped, _) = page.split_once("## How one is asked for").unwrap();
        let mut rows: Vec<&str> = shipped
            .lines()
            .filter(|line| !line.starts_with("| model"))
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        rows.sort_unstable();
        assert_eq!(ReplayLibrary::embedded().names().collect::<Vec<_>>(), rows);
    }

    #[test]
    fn every_embedded_stream_is_over_within_a_second_and_a_half() {
        let library = ReplayLibrary::embedded();
        for answer in library
            .recordings
            .values()
            .flat_map(|recording| &recording.answers)
        {
            let pauses = answer.chunks.iter().map(|chunk| chunk.after);
            let total = answer.after + pauses.sum::<std::time::Duration>();
            assert!(total.as_millis() < 1500, "{total:?}");
        }
    }

    #[test]
    fn a_folder_gives_its_toml_files_by_stem_and_nothing_else() {
        let text = EMBEDDED[0].1;
        let folder = Folder::with(&[
            ("gpt-4.1.toml", text),
            ("another.toml", text),
            (".#another.toml", "left by an editor"),
            (".toml", "no name"),
            ("notes.txt", "no recording"),
        ]);
        let library = ReplayLibrary::from_dir(&folder.0).unwrap();
        assert_eq!(library.names().collect::<Vec<_>>(), ["another", "gpt-4.1"]);
        assert!(library.get("gpt-4.1").is_some());
        assert_eq!(library.get("notes"), None);
    }

    #[test]
    fn an_error_in_a_folder_names_the_file() {
        let folder = Folder::with(&[("good.toml", EMBEDDED[0].1), ("bad.toml", "speed = 1")]);
        let place = format!(
            "{}, line 1, column 1: unknown field `speed`",
            folder.path("bad.toml")
        );
        assert!(folder.error().starts_with(&place), "{}", folder.error());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let folder = Folder::with(&[]);
        fs::write(folder.0.join("latin1.toml"), b"description = \"\xe9\"").unwrap();
        let place = format!("{}: cannot be read: ", folder.path("latin1.toml"));
        assert!(folder.error().starts_with(&place), "{}", folder.error());
    }

    #[test]
    fn a_folder_that_is_missing_or_empty_is_an_error_that_names_it() {
        let folder = Folder::with(&[]);
        let dir = folder.0.display().to_string();
        let expected = format!("{dir}: holds no recordings: put at least one NAME.toml there");
        assert_eq!(folder.error(), expected);
        fs::remove_dir(&folder.0).unwrap();
        let expected = format!("{dir}: cannot be read: ");
        assert!(folder.error().starts_with(&expected), "{}", folder.error());
    }
}
