//! A difference as lines for people.

use std::fmt;

use super::{Change, ChangeKind, Diff};

/// One line for each change: `+` added, `-` removed, `~` changed or reordered. Values are JSON, so no
/// line holds a line end or a control character.
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.changes
            .iter()
            .try_for_each(|change| writeln!(f, "{change}"))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.kind {
            ChangeKind::Added => '+',
            ChangeKind::Removed => '-',
            ChangeKind::Changed | ChangeKind::Reordered => '~',
        };
        write!(f, "{sign} {}", self.key)?;
        if self.kind == ChangeKind::Reordered {
            f.write_str(": another order")?;
        }
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, ": {old} → {new}")?,
            (Some(only), None) | (None, Some(only)) => write!(f, ": {only}")?,
            (None, None) if self.kind == ChangeKind::Changed => f.write_str(": changed")?,
            (None, None) => {}
        }
        if self.needs_restart {
            f.write_str(" (needs a restart)")?;
        }
        Ok(())
    }
}
