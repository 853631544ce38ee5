//! The commands that [`SettingsActor`](super::SettingsActor) takes, and what they come to.

use actix::Message;
use serde::Serialize;
use utoipa::ToSchema;

use super::generation::{Generation, Trigger};
use crate::settings::{Diagnostics, Diff, PendingRestart};

/// Loads the settings anew and takes them, whole or not at all.
///
/// Sent by the file watcher, the signal handler and the admin's route. The reply tells what came of
/// it; on an error the settings in force are those from before.
#[derive(Debug, Message)]
#[rtype(result = "Result<Reloaded, ReloadError>")]
pub struct ReloadSettings {
    /// What made it look.
    pub trigger: Trigger,
    /// Which settings must be in force for it to begin at all.
    pub if_match: Option<IfMatch>,
    /// Whether the rest is taken when something needs a restart.
    pub allow_partial: bool,
}

/// Looks what would come of settings, and takes nothing. Sent by the admin's route.
#[derive(Debug, Message)]
#[rtype(result = "Result<Validated, ReloadError>")]
pub struct ValidateSettings {
    /// The text of a settings file; `None` for the one on disk. Variables count in both cases.
    pub toml: Option<String>,
}

/// Takes the settings of an earlier generation again, as a new one. Secrets and files that they name
/// are read anew. What belongs to the process stays as it is. Sent by the admin's route.
#[derive(Debug, Message)]
#[rtype(result = "Result<Reloaded, ReloadError>")]
pub struct RollbackSettings {
    /// The generation; `None` for the one before the current.
    pub to: Option<u64>,
    /// Which settings must be in force for it to begin at all.
    pub if_match: Option<IfMatch>,
}

/// The condition of an `If-Match` header (RFC 9110 section 13.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: whatever is in force.
    Any,
    /// One of these entity tags, quotes included.
    Tags(Vec<String>),
}

impl IfMatch {
    /// Whether settings with this entity tag are meant.
    #[must_use]
    pub fn is_met_by(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.iter().any(|tag| tag == etag),
        }
    }
}

/// What came of a change that was not refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reloaded {
    /// Whether other settings are in force than before.
    pub is_changed: bool,
    /// The settings in force.
    pub generation: Generation,
    /// What has changed.
    #[schema(value_type = Vec<crate::settings::Change>)]
    pub changes: Diff,
    /// What was changed, but stays as it is until Herald is started anew.
    pub pending_restart: Vec<PendingRestart>,
}

/// What would come of settings that are right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Validated {
    /// What would change, what needs a restart among it.
    #[schema(value_type = Vec<crate::settings::Change>)]
    pub changes: Diff,
    /// What would stay as it is until Herald is started anew.
    pub needs_restart: Vec<PendingRestart>,
    /// What is allowed but surely not meant, as `herald check --format json` tells it.
    #[schema(value_type = Vec<Object>)]
    pub warnings: serde_json::Value,
}

/// Why settings were not taken. Those from before are in force.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReloadError {
    /// They cannot be read, or are wrong.
    #[error("the settings are refused:\n{0}")]
    Refused(Diagnostics),
    /// Something in them needs a restart, and taking the rest was not asked for.
    #[error("a restart is needed for {}", keys(.0))]
    NeedsRestart(Vec<PendingRestart>),
    /// Other settings are in force than the caller has seen; it may look again.
    #[error("the settings in force are {current}, which If-Match does not name")]
    Precondition {
        /// The entity tag of the settings in force.
        current: String,
    },
    /// There is no such generation, or it is no longer kept.
    #[error("generation {to} is not kept; kept are {kept:?}")]
    UnknownGeneration {
        /// The generation that was asked for.
        to: u64,
        /// Those that can be.
        kept: Vec<u64>,
    },
    /// There is no generation before the current one.
    #[error("no generation is kept before the current one")]
    NothingBefore,
    /// Herald is being stopped, or has failed; its log says which.
    #[error("the settings cannot be changed any more")]
    Stopped,
}

fn keys(pending: &[PendingRestart]) -> String {
    let keys: Vec<_> = pending.iter().map(|pending| &*pending.key).collect();
    keys.join(", ")
}
