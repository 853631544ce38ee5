//! A Herald whose settings stand in a file that is watched.

use std::{collections::HashMap, fs, path::PathBuf, sync::Arc, time::Duration};

use herald::{
    Gateway,
    reload::{
        SettingsActor, SettingsControl,
        source::SettingsSource,
        status::{AttemptOutcome, ReloadStatus},
    },
    testkit::{ScriptedProvider, TestGateway},
};
use tempfile::TempDir;

/// How long a change may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A Herald whose settings stand in a file that is watched.
pub(crate) struct Watched {
    pub(crate) file: PathBuf,
    pub(crate) control: SettingsControl,
    pub(crate) gateway: TestGateway,
    pub(crate) provider: String,
}

impl Watched {
    /// With a new `herald.toml` in a folder.
    pub(crate) async fn start(provider: &ScriptedProvider, folder: &TempDir) -> Self {
        let file = folder.path().join("herald.toml");
        fs::write(&file, settings(&provider.base_url(), "[clocks]")).unwrap();
        Self::over(provider, file).await
    }

    pub(crate) async fn over(provider: &ScriptedProvider, file: PathBuf) -> Self {
        let source = SettingsSource::new(Some(&file), HashMap::new(), HashMap::new());
        let gateway = Gateway::new(source.load().unwrap());
        let control = SettingsActor::begin(gateway.clone(), source, None);
        Self {
            file,
            gateway: TestGateway::run_controlled(gateway, control.clone()).await,
            control,
            provider: provider.base_url(),
        }
    }

    /// A whole settings file with this beside.
    pub(crate) fn text(&self, beside: &str) -> String {
        settings(&self.provider, beside)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.file.with_file_name(name)
    }

    /// Writes a file beside the settings' and puts it in their place.
    pub(crate) fn replace(&self, text: &str) {
        let new = self.path("herald.toml.new");
        fs::write(&new, text).unwrap();
        fs::rename(new, &self.file).unwrap();
    }

    /// Waits for a status.
    pub(crate) async fn status(&self, wanted: impl Fn(&ReloadStatus) -> bool) -> Arc<ReloadStatus> {
        let mut status = self.control.subscribe();
        let found = tokio::time::timeout(PATIENCE, status.wait_for(|status| wanted(status))).await;
        match found {
            Ok(found) => Arc::clone(&found.unwrap()),
            Err(_) => panic!("not in time: {:#?}", self.control.status()),
        }
    }

    pub(crate) async fn generation(&self, number: u64) -> Arc<ReloadStatus> {
        self.status(|status| status.generation.number == number)
            .await
    }

    /// Waits for a refusal that says this, and looks that nothing else has changed.
    pub(crate) async fn refused(&self, reason: &str) {
        let before = self.control.gateway().settings();
        let says = |status: &ReloadStatus| {
            let attempt = status.last_attempt.as_ref();
            attempt.is_some_and(|attempt| {
                let told = attempt.reason.as_deref().unwrap_or_default();
                attempt.outcome == AttemptOutcome::Refused && told.contains(reason)
            })
        };
        self.status(says).await;
        assert!(Arc::ptr_eq(&before, &self.control.gateway().settings()));
    }

    pub(crate) fn idle(&self) -> Duration {
        self.control.gateway().settings().clocks.idle
    }
}

pub(crate) fn settings(provider: &str, beside: &str) -> String {
    format!(
        "admin.listen = \"127.0.0.1:0\"\n[server]\nlisten = \"127.0.0.1:0\"\nworkers = 2\n\
         [upstream]\nproxy = \"none\"\n\
         [reload]\ndebounce = \"20ms\"\nhistory = 3\n{beside}\n\
         [[providers]]\nid = \"scripted\"\nkind = \"openai\"\nbase_url = \"{provider}\"\n\
         [[models]]\nid = \"scripted-model\"\n\
         targets = [{{ provider = \"scripted\", model = \"scripted-model\" }}]\n"
    )
}

pub(crate) fn idle(seconds: u64) -> String {
    format!("[clocks]\nidle = \"{seconds}s\"")
}
