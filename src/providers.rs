//! Providers: what an upstream speaks, and which are defined.

pub mod replay;

use std::{fmt, sync::Arc};

/// Name of a provider as the settings define it (`[[providers]] id`).
///
/// Lower-case letters, digits, `-`, `_` and `.`, 1 to 64 of them; settings verification holds it to
/// that, because it also stands as the authority in the URI that awc is given (see
/// [`crate::upstream::connector`]).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(Arc<str>);

impl ProviderId {
    /// Takes a name that settings verification has accepted.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
