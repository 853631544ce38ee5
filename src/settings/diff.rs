//! What changes from one set of settings to another, in an admin's words: models, providers, rules,
//! statuses, clocks; not lines.

mod text;
mod walk;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::VerifiedSettings;

/// All that changes, in the order of the sections' names. Printed, it is a line for each change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diff {
    /// Each of them.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Change {
    /// The section it stands in, such as `clocks` or `models`; `outside` for what the settings only
    /// name: secrets and other files.
    pub section: String,
    /// What changes, such as `clocks.idle` or `models[gpt-4.1].targets`: entries of lists go by their
    /// `id`. For what stands outside, its place, such as `the file /run/secrets/openai`.
    pub key: String,
    /// How.
    pub kind: ChangeKind,
    /// The value before; absent for what is added, and for what is never shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// The value after; absent for what is removed, and for what is never shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
    /// Whether it is only taken by a restart.
    pub needs_restart: bool,
}

/// How something changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It is no longer there.
    Removed,
    /// It has another value.
    Changed,
    /// The entries of a list stand in another order.
    Reordered,
}

impl Diff {
    /// What changes from `old` to `new`.
    #[must_use]
    pub fn between(old: &VerifiedSettings, new: &VerifiedSettings) -> Self {
        let (old, new) = (&old.effective, &new.effective);
        let mut changes = walk::changes(old.tree(), new.tree());
        let outside = old.outside.differing(&new.outside).map(|place| Change {
            section: "outside".to_owned(),
            key: place.to_owned(),
            kind: ChangeKind::Changed,
            old: None,
            new: None,
            needs_restart: false,
        });
        changes.extend(outside);
        Self { changes }
    }

    /// All of it as a JSON array of objects, one for each [`Change`].
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("texts and values are JSON")
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

#[cfg(test)]
mod tests;
