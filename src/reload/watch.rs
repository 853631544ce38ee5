//! Waits for the settings file to change, or a file that the settings name (a secret, a certificate, a
//! provider's roots), however it is changed.
//!
//! What is watched are folders, never files: editors put a new file in the place of the old, and a
//! watch on a file goes with the file. Kubernetes swaps a link on the way to it, so every folder that
//! holds a link or the file itself is watched, anew after each change and for each generation.

mod folders;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use actix::WeakAddr;
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use tokio::{
    sync::{Notify, watch},
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use super::{
    actor::SettingsActor, generation::Trigger, messages::ReloadSettings, source::SettingsSource,
    status::ReloadStatus,
};
use crate::{
    Gateway,
    settings::{VerifiedSettings, files::Stamp},
};

/// How many times `reload.debounce` files that never rest are waited for.
const MOST_RESTS: u32 = 10;

/// A watch over the settings file and the files that the settings in force name.
#[derive(Debug)]
pub(super) struct FileWatch {
    watcher: RecommendedWatcher,
    settings_file: PathBuf,
    /// How each file was when it was last looked at; of one that nobody has looked at yet, how it was
    /// before it was read.
    stamps: BTreeMap<PathBuf, Option<Stamp>>,
    watched: BTreeSet<PathBuf>,
    /// Folders that the system does not let us watch, each told once.
    refused: BTreeSet<PathBuf>,
    changed: Arc<Notify>,
}

impl FileWatch {
    /// Begins to watch; `None` if there is no settings file, or if the system refuses, which is told
    /// in the log.
    pub(super) fn begin(source: &SettingsSource, settings: &VerifiedSettings) -> Option<Self> {
        let settings_file = source.file()?.to_path_buf();
        let changed = Arc::new(Notify::new());
        let tell = Arc::clone(&changed);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if is_change(&event) {
                tell.notify_one();
            }
        });
        let watcher = watcher.inspect_err(|error| {
            tracing::warn!(%error, "the settings file is not watched: send a SIGHUP after a change");
        });
        let stamps = BTreeMap::from([(settings_file.clone(), source.stamp().cloned())]);
        let mut watch = Self {
            watcher: watcher.ok()?,
            settings_file,
            stamps,
            watched: BTreeSet::new(),
            refused: BTreeSet::new(),
            changed,
        };
        watch.expect(settings);
        watch.follow();
        // A file may have changed since it was read.
        watch.changed.notify_one();
        let on_the_way = folders::on_the_way(&watch.settings_file);
        on_the_way.is_disjoint(&watch.refused).then_some(watch)
    }

    /// Has the settings loaded whenever a file has changed, until the actor is gone.
    pub(super) async fn run(
        mut self,
        gateway: Gateway,
        mut status: watch::Receiver<Arc<ReloadStatus>>,
        actor: WeakAddr<SettingsActor>,
    ) {
        loop {
            tokio::select! {
                () = self.changed.notified() => {}
                // Other settings may name other files.
                Ok(()) = status.changed() => {}
            }
            rest(&self.changed, gateway.settings().reload.debounce).await;
            let settings = gateway.settings();
            let looked = spawn_blocking(move || {
                let has_changed = self.look(&settings);
                (self, has_changed)
            });
            let Ok((watch, has_changed)) = looked.await else {
                return;
            };
            self = watch;
            if !has_changed || !gateway.settings().reload.watch {
                continue;
            }
            let Some(actor) = actor.upgrade() else {
                return;
            };
            let reload = ReloadSettings {
                trigger: Trigger::File,
                if_match: None,
                allow_partial: true,
            };
            // What came of it stands in the log and in the status.
            let _ = actor.send(reload).await;
        }
    }

    /// Whether a file is another than at the last look. Follows them to where they are now. Blocks.
    fn look(&mut self, settings: &VerifiedSettings) -> bool {
        self.expect(settings);
        self.follow();
        // After the watch: what changes from here on is told by an event.
        let mut has_changed = false;
        for (file, known) in &mut self.stamps {
            let stamp = Stamp::of(file);
            has_changed |= stamp != *known;
            *known = stamp;
        }
        has_changed
    }

    /// Takes up the files that these settings name, and forgets those that only earlier ones did.
    fn expect(&mut self, settings: &VerifiedSettings) {
        let named = settings.effective.files();
        self.stamps
            .retain(|file, _| *file == self.settings_file || named.contains_key(file));
        for (file, stamp) in named {
            if !self.stamps.contains_key(file) {
                self.stamps.insert(file.clone(), Some(stamp.clone()));
            }
        }
    }

    /// Watches the folders on the way to the files as the way is now.
    fn follow(&mut self) {
        let folders = self.folders();
        for left in self.watched.difference(&folders) {
            // One that is gone has taken its watch along.
            let _ = self.watcher.unwatch(left);
        }
        for folder in &folders {
            // Again even if it was watched: another folder may have taken its place.
            match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.refused.remove(folder)),
                // It vanished just now; the folder above it tells when it is back.
                Err(error) if is_gone(&error) => self.changed.notify_one(),
                Err(error) if self.refused.insert(folder.clone()) => {
                    let folder = folder.display();
                    tracing::warn!(%folder, %error, "not watched: send a SIGHUP after a change there");
                }
                Err(_) => {}
            }
        }
        if self.folders() != folders {
            self.changed.notify_one();
        }
        self.watched = folders;
    }

    fn folders(&self) -> BTreeSet<PathBuf> {
        let files = self.stamps.keys();
        files.flat_map(|file| folders::on_the_way(file)).collect()
    }
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Whether an event may mean another file. Reading is none, or Herald would wake itself; an error may
/// stand for events that were lost.
fn is_change(event: &notify::Result<Event>) -> bool {
    let kind = event.as_ref().map(|event| event.kind);
    match kind {
        Ok(EventKind::Access(access)) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

/// Waits until nothing has changed for a while, or until that has taken too long.
///
/// # Cancel safety
/// A change that was waited out is forgotten.
async fn rest(changed: &Notify, quiet: Duration) {
    let latest = Instant::now() + quiet * MOST_RESTS;
    loop {
        tokio::select! {
            biased;
            () = sleep_until((Instant::now() + quiet).min(latest)) => return,
            () = changed.notified() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_file_is_read_once_it_rests_and_one_that_never_rests_is_read_all_the_same() {
        let quiet = Duration::from_millis(200);
        let changed = Notify::new();
        let began = Instant::now();
        rest(&changed, quiet).await;
        assert_eq!(began.elapsed(), quiet);

        let writes = async |count: u32| {
            for _ in 0..count {
                tokio::time::sleep(Duration::from_millis(100)).await;
                changed.notify_one();
            }
        };
        let began = Instant::now();
        tokio::join!(rest(&changed, quiet), writes(3));
        assert_eq!(began.elapsed(), Duration::from_millis(300) + quiet);

        let began = Instant::now();
        tokio::select! {
            () = rest(&changed, quiet) => {}
            () = writes(u32::MAX) => {}
        }
        assert_eq!(began.elapsed(), quiet * MOST_RESTS);
    }
}
