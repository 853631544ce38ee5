//! The transaction itself, and the account of what was taken. It only computes: no file, no thread.

use std::{collections::VecDeque, sync::Arc, time::SystemTime};

use tokio::sync::watch;

use super::{
    generation::{Generation, Trigger},
    messages::{IfMatch, ReloadError, Reloaded, Validated},
    status::{ReloadCounts, ReloadStatus},
};
use crate::{
    settings::{Diagnostics, Diff, PendingRestart, Settings, VerifiedSettings},
    startup::Gateway,
    telemetry::{metrics::ReloadResult, subscriber::LogFilter},
};

/// What was found of settings that may be taken.
pub(super) type Candidate = Result<VerifiedSettings, Diagnostics>;

/// How a candidate came about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) trigger: Trigger,
    /// Whether the rest is taken when something needs a restart.
    pub(super) allow_partial: bool,
    /// The generation whose settings these are, for a rollback.
    pub(super) content_of: Option<u64>,
}

/// Who may replace a gateway's settings, and which it has had.
#[derive(Debug)]
pub(super) struct Ledger {
    gateway: Gateway,
    /// Whether the file can be watched.
    can_watch: bool,
    /// Where the log's filter is changed, if the log is ours.
    log: Option<LogFilter>,
    /// Oldest first; the current one is the last.
    kept: VecDeque<Entry>,
    status: watch::Sender<Arc<ReloadStatus>>,
}

#[derive(Debug)]
struct Entry {
    generation: Generation,
    settings: Settings,
}

impl Ledger {
    /// Begins with what the gateway has.
    pub(super) fn new(
        gateway: Gateway,
        file: Option<String>,
        can_watch: bool,
        log: Option<LogFilter>,
    ) -> Self {
        let settings = gateway.settings();
        let current = entry_of(&settings, Trigger::Start, None);
        let status = ReloadStatus {
            generation: current.generation.clone(),
            file,
            is_watched: can_watch && settings.reload.watch,
            last_attempt: None,
            counts: ReloadCounts::default(),
            pending_restart: Vec::new(),
            history: vec![current.generation.clone()],
        };
        Self {
            gateway,
            can_watch,
            log,
            kept: VecDeque::from([current]),
            status: watch::Sender::new(Arc::new(status)),
        }
    }

    /// Where the status is read; it changes with every look at the settings.
    pub(super) fn status(&self) -> watch::Receiver<Arc<ReloadStatus>> {
        self.status.subscribe()
    }

    /// Whether the settings in force are those that a caller means.
    pub(super) fn check(&mut self, if_match: Option<&IfMatch>) -> Result<(), ReloadError> {
        let current = self.current().generation.etag();
        match if_match {
            Some(condition) if !condition.is_met_by(&current) => {
                Err(ReloadError::Precondition { current })
            }
            _ => Ok(()),
        }
    }

    /// The settings to roll back to, by their generation.
    pub(super) fn earlier(&mut self, to: Option<u64>) -> Result<(u64, Settings), ReloadError> {
        let current = self.current().generation.number;
        let found = match to {
            Some(to) => self.kept.iter().find(|kept| kept.generation.number == to),
            None => self.kept.iter().rev().nth(1),
        };
        match (found, to) {
            (Some(kept), _) => Ok((kept.generation.number, kept.settings.clone())),
            (None, None) => Err(ReloadError::NothingBefore),
            (None, Some(to)) => {
                let kept = self.kept.iter().map(|kept| kept.generation.number);
                let kept = kept.filter(|number| *number != current).collect();
                Err(ReloadError::UnknownGeneration { to, kept })
            }
        }
    }

    /// Takes a candidate or refuses it, and leaves word of it in the log and the status.
    pub(super) fn take(
        &mut self,
        candidate: Candidate,
        wanted: Wanted,
    ) -> Result<Reloaded, ReloadError> {
        let trigger = wanted.trigger.name();
        let taken = self.try_take(candidate, wanted);
        let ended = taken.as_ref().map(|reloaded| reloaded.is_changed);
        match &taken {
            Ok(reloaded) => {
                let generation = reloaded.generation.number;
                let changes = reloaded.changes.changes.len();
                if reloaded.is_changed {
                    let content_hash = &*reloaded.generation.content_hash;
                    tracing::info!(generation, trigger, content_hash, changes, "settings taken");
                } else {
                    tracing::debug!(generation, trigger, "settings unchanged");
                }
                for PendingRestart { key, .. } in &reloaded.pending_restart {
                    tracing::warn!(
                        key,
                        trigger,
                        "this change needs a restart, and is not taken"
                    );
                }
            }
            Err(ReloadError::Refused(found)) => {
                for diagnostic in found {
                    tracing::warn!(trigger, %diagnostic, "settings refused, the last good ones stay");
                }
            }
            Err(error) => {
                tracing::warn!(trigger, %error, "settings refused, the last good ones stay");
            }
        }
        self.gateway.metrics().reload(match &taken {
            Ok(reloaded) if !reloaded.pending_restart.is_empty() => ReloadResult::TakenInPart,
            Ok(Reloaded {
                is_changed: true, ..
            }) => ReloadResult::Taken,
            Ok(_) => ReloadResult::Unchanged,
            Err(_) => ReloadResult::Refused,
        });
        self.publish(|status| {
            status.note(wanted.trigger, ended);
            if let Ok(reloaded) = &taken {
                status.pending_restart.clone_from(&reloaded.pending_restart);
            }
        });
        taken
    }

    /// What would come of a candidate.
    pub(super) fn judge(&self, candidate: Candidate) -> Result<Validated, ReloadError> {
        let new = candidate.map_err(ReloadError::Refused)?;
        let current = self.gateway.settings();
        if let Some(refusal) = new.effective.refusal_to_follow(&current.effective) {
            return Err(ReloadError::Refused(refusal));
        }
        let changes = Diff::between(&current, &new);
        let warnings = new.warnings.to_json();
        let mut kept = new;
        Ok(Validated {
            changes,
            needs_restart: kept.keep_process_settings(&current),
            warnings,
        })
    }

    fn try_take(&mut self, candidate: Candidate, wanted: Wanted) -> Result<Reloaded, ReloadError> {
        let mut new = candidate.map_err(ReloadError::Refused)?;
        self.current();
        let current = self.gateway.settings();
        // Who rolls back has named what is wanted.
        let refusal = new.effective.refusal_to_follow(&current.effective);
        if let (Some(refusal), None) = (refusal, wanted.content_of) {
            return Err(ReloadError::Refused(refusal));
        }
        let pending_restart = new.keep_process_settings(&current);
        if !pending_restart.is_empty() && !wanted.allow_partial {
            return Err(ReloadError::NeedsRestart(pending_restart));
        }
        let is_changed = !new.effective.is_same(&current.effective);
        let changes = Diff::between(&current, &new);
        if is_changed {
            self.swap(new, wanted);
        }
        Ok(Reloaded {
            is_changed,
            generation: self.current().generation.clone(),
            changes,
            pending_restart,
        })
    }

    fn swap(&mut self, new: VerifiedSettings, wanted: Wanted) {
        let current = self.gateway.settings();
        if let Some(log) = self
            .log
            .as_ref()
            .filter(|_| new.log.filter != current.log.filter)
            && let Err(error) = log.set(&new.log.filter)
        {
            tracing::error!(%error, "the log's filter stays as it was");
        }
        self.gateway.replace_settings(new);
        let taken = self.gateway.settings();
        self.keep(entry_of(&taken, wanted.trigger, wanted.content_of));
    }

    fn keep(&mut self, entry: Entry) {
        self.kept.push_back(entry);
        let most = self.gateway.settings().reload.history;
        while self.kept.len() > most {
            self.kept.pop_front();
        }
    }

    /// The settings in force. A program that embeds Herald may have replaced them meanwhile.
    fn current(&mut self) -> &Entry {
        let settings = self.gateway.settings();
        let known = self.kept.back().map(|kept| kept.generation.number);
        if known != Some(settings.generation) {
            self.keep(entry_of(&settings, Trigger::Program, None));
        }
        self.kept.back().expect("the current generation is kept")
    }

    fn publish(&mut self, note: impl FnOnce(&mut ReloadStatus)) {
        let generation = self.current().generation.clone();
        let is_watched = self.can_watch && self.gateway.settings().reload.watch;
        let history = self.kept.iter().map(|kept| kept.generation.clone());
        let history = history.collect();
        self.status.send_modify(|status| {
            let status = Arc::make_mut(status);
            status.generation = generation;
            status.is_watched = is_watched;
            status.history = history;
            note(status);
        });
    }
}

fn entry_of(settings: &VerifiedSettings, trigger: Trigger, content_of: Option<u64>) -> Entry {
    Entry {
        generation: Generation {
            number: settings.generation,
            content_hash: settings.effective.content_hash().to_owned(),
            accepted_at: SystemTime::now(),
            trigger,
            content_of,
        },
        settings: settings.effective.as_written().clone(),
    }
}

#[cfg(test)]
mod tests;
