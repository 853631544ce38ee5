//! Where settings come from.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
};

use crate::settings::{
    Diagnostics, ProcessEnvironment, SecretSource, Settings, VerifiedSettings, files::Stamp,
    process_environment,
};

/// Where the settings of a running Herald come from, so that they can be read again.
pub struct SettingsSource {
    file: Option<PathBuf>,
    environment: HashMap<String, String>,
    secrets: Box<dyn SecretSource + Send + Sync>,
    /// How the file was before anything was read of it.
    stamp: Option<Stamp>,
}

impl SettingsSource {
    /// A file, if there is one, and the environment of this process. Nobody can change a process's
    /// environment from outside, so the variables are those of the start.
    #[must_use]
    pub fn of_process(file: Option<&Path>) -> Self {
        Self::new(file, process_environment(), ProcessEnvironment)
    }

    /// A file, if there is one, and variables and secrets that are handed in. To be made before the
    /// settings are read for the first time.
    #[must_use]
    pub fn new(
        file: Option<&Path>,
        environment: HashMap<String, String>,
        secrets: impl SecretSource + Send + Sync + 'static,
    ) -> Self {
        Self {
            file: file.map(Path::to_path_buf),
            environment,
            secrets: Box::new(secrets),
            stamp: file.and_then(Stamp::of),
        }
    }

    /// How the file was at the start, so that no change since then is missed.
    pub(super) fn stamp(&self) -> Option<&Stamp> {
        self.stamp.as_ref()
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Reads and verifies the settings as they are now. Blocks on files.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load(&self) -> Result<VerifiedSettings, Diagnostics> {
        self.verify(Settings::load(self.file(), &self.environment)?)
    }

    /// Verifies another text in the place of the file. Blocks on the files that it names.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load_text(&self, toml: &str) -> Result<VerifiedSettings, Diagnostics> {
        self.verify(Settings::from_toml_over(toml, &self.environment)?)
    }

    /// Verifies settings that were read before; secrets and files that they name are read anew, and
    /// blocked on.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn verify(&self, settings: Settings) -> Result<VerifiedSettings, Diagnostics> {
        settings.verify(&*self.secrets)
    }
}

/// Leaves the variables out.
impl fmt::Debug for SettingsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsSource")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
