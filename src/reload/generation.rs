//! What is known of each set of settings that was taken.

use std::time::SystemTime;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// Settings that were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Generation {
    /// Counted from 1; what clients see as `x-herald-settings-generation`.
    pub number: u64,
    /// See [`EffectiveSettings::content_hash`](crate::settings::EffectiveSettings::content_hash).
    pub content_hash: String,
    /// When they were taken, in UTC.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub accepted_at: SystemTime,
    /// What made Herald look.
    pub trigger: Trigger,
    /// The generation whose settings were taken again, for a rollback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_of: Option<u64>,
}

/// What made Herald look at its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// The start.
    Start,
    /// The settings file has changed, or one that it names.
    File,
    /// A SIGHUP.
    Sighup,
    /// `POST /settings/reload`.
    Admin,
    /// `POST /settings/rollback`.
    Rollback,
    /// A program that embeds Herald, by `Gateway::replace_settings`.
    Program,
}

impl Trigger {
    /// The word for it in logs and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::File => "file",
            Self::Sighup => "sighup",
            Self::Admin => "admin",
            Self::Rollback => "rollback",
            Self::Program => "program",
        }
    }
}

impl Generation {
    /// The entity tag of everything that these settings show: `"3-9f86d081884c7d65"`.
    #[must_use]
    pub fn etag(&self) -> String {
        Self::etag_of(self.number, &self.content_hash)
    }

    /// The same of settings that are known by their number and hash alone.
    #[must_use]
    pub fn etag_of(number: u64, content_hash: &str) -> String {
        let hash = content_hash.get(..16).unwrap_or_default();
        format!("\"{number}-{hash}\"")
    }
}

/// Writes a moment as RFC 3339 does, in UTC, in whole milliseconds.
pub(super) fn rfc3339<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_millis(*at))
}
