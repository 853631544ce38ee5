//! Waits for the settings file to change, however it is changed.
//!
//! What is watched are folders, never the file: editors put a new file in the place of the old, and a
//! watch on a file goes with the file. Kubernetes swaps a link on the way to it, so every folder that
//! holds a link or the file itself is watched, anew after each change.

mod folders;
mod stamp;

use std::{collections::BTreeSet, io, path::PathBuf, sync::Arc, time::Duration};

use actix::WeakAddr;
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

pub(super) use stamp::Stamp;

use super::{
    actor::SettingsActor, generation::Trigger, messages::ReloadSettings, source::SettingsSource,
};
use crate::Gateway;

/// How many times `reload.debounce` a file that never rests is waited for.
const MOST_RESTS: u32 = 10;

/// A watch over one file.
#[derive(Debug)]
pub(super) struct FileWatch {
    watcher: RecommendedWatcher,
    file: PathBuf,
    watched: BTreeSet<PathBuf>,
    /// How the file was when it was last looked at.
    stamp: Option<Stamp>,
    changed: Arc<Notify>,
}

impl FileWatch {
    /// Begins to watch; `None` if there is no file, or if the system refuses, which is told in the log.
    pub(super) fn begin(source: &SettingsSource) -> Option<Self> {
        let file = source.file()?.to_path_buf();
        let changed = Arc::new(Notify::new());
        let tell = Arc::clone(&changed);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if is_change(&event) {
                tell.notify_one();
            }
        });
        let begun = watcher.and_then(|watcher| {
            let mut watch = Self {
                watcher,
                file,
                watched: BTreeSet::new(),
                stamp: source.stamp().cloned(),
                changed,
            };
            watch.follow()?;
            Ok(watch)
        });
        match begun {
            Ok(watch) => {
                // The file may have changed since it was read.
                watch.changed.notify_one();
                Some(watch)
            }
            Err(error) => {
                tracing::warn!(%error, "the settings file is not watched: send a SIGHUP after a change");
                None
            }
        }
    }

    /// Has the settings loaded whenever the file has changed, until the actor is gone.
    pub(super) async fn run(mut self, gateway: Gateway, actor: WeakAddr<SettingsActor>) {
        loop {
            self.changed.notified().await;
            rest(&self.changed, gateway.settings().reload.debounce).await;
            let looked = spawn_blocking(move || {
                let has_changed = self.look();
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

    /// Whether the file is another than at the last look. Follows it to where it is now. Blocks.
    fn look(&mut self) -> bool {
        if let Err(error) = self.follow() {
            tracing::warn!(%error, "a folder on the way to the settings file is not watched");
        }
        // After the watch: what changes from here on is told by an event.
        let stamp = Stamp::of(&self.file);
        let has_changed = stamp != self.stamp;
        self.stamp = stamp;
        has_changed
    }

    /// Watches the folders on the way to the file as the way is now.
    fn follow(&mut self) -> notify::Result<()> {
        let folders = folders::on_the_way(&self.file);
        for left in self.watched.difference(&folders) {
            // One that is gone has taken its watch along.
            let _ = self.watcher.unwatch(left);
        }
        let mut followed = Ok(());
        for folder in &folders {
            // Again even if it was watched: another folder may have taken its place.
            match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                // It vanished just now; the folder above it tells when it is back.
                Err(error) if is_gone(&error) => self.changed.notify_one(),
                Err(error) => followed = Err(error),
            }
        }
        if folders::on_the_way(&self.file) != folders {
            self.changed.notify_one();
        }
        self.watched = folders;
        followed
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
