//! How changing the settings goes, as admins see it.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    generation::{Generation, Trigger, rfc3339},
    messages::ReloadError,
};
use crate::settings::PendingRestart;

/// How changing the settings goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReloadStatus {
    /// The settings in force.
    pub generation: Generation,
    /// The file that is read, as it was given; null for none.
    pub file: Option<String>,
    /// Whether changes of the file, and of those that it names, are seen. Not, if there is none, if
    /// `reload.watch` is false, or if the system refused; then the log says why.
    pub is_watched: bool,
    /// The last time that Herald looked at its settings; null for never since the start.
    pub last_attempt: Option<Attempt>,
    /// How often it did, and what came of it.
    pub counts: ReloadCounts,
    /// What was changed, but stays as it is until Herald is started anew.
    pub pending_restart: Vec<PendingRestart>,
    /// The generations that can be rolled back to, and the current one at the end.
    #[serde(skip)]
    pub history: Vec<Generation>,
}

/// One look at the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Attempt {
    /// When, in UTC.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub at: SystemTime,
    /// What made it look.
    pub trigger: Trigger,
    /// What came of it.
    pub outcome: AttemptOutcome,
    /// Why they were refused, in a line; null if they were not.
    pub reason: Option<String>,
    /// The same as `herald check --format json` tells it; empty if they were not.
    #[schema(value_type = Vec<Object>)]
    pub diagnostics: Value,
}

/// What came of a look at the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttemptOutcome {
    /// They were taken.
    Accepted,
    /// They are those in force.
    Unchanged,
    /// They were not taken.
    Refused,
}

/// How often Herald looked at its settings since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReloadCounts {
    /// They were taken.
    pub accepted: u64,
    /// They were those in force.
    pub unchanged: u64,
    /// They were not taken.
    pub refused: u64,
}

impl ReloadStatus {
    /// Notes how a look ended.
    pub(super) fn note(&mut self, trigger: Trigger, ended: Result<bool, &ReloadError>) {
        let (outcome, count) = match ended {
            Ok(true) => (AttemptOutcome::Accepted, &mut self.counts.accepted),
            Ok(false) => (AttemptOutcome::Unchanged, &mut self.counts.unchanged),
            Err(_) => (AttemptOutcome::Refused, &mut self.counts.refused),
        };
        *count += 1;
        let diagnostics = match ended {
            Err(ReloadError::Refused(found)) => found.to_json(),
            _ => Value::Array(Vec::new()),
        };
        self.last_attempt = Some(Attempt {
            at: SystemTime::now(),
            trigger,
            outcome,
            reason: ended.err().map(ToString::to_string),
            diagnostics,
        });
    }
}
