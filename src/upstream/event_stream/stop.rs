//! Why the events of a stream stop going to its client.

use crate::{delivery::ClientLeft, upstream::UpstreamError};

/// Why the client takes no more.
#[derive(Clone, Copy, Debug)]
pub(super) enum NotTaken {
    /// It left.
    Left,
    /// It took nothing for as long as `clocks.client_write` allows.
    Stalled,
}

/// Why a stream stops before the provider's own end.
pub(super) enum Stop {
    /// The provider failed, and the client is still to be told.
    Failed(UpstreamError),
    /// The provider failed and told the client itself.
    ToldItself(UpstreamError),
    /// The client takes no more.
    NotTaken(NotTaken),
}

impl From<NotTaken> for Stop {
    fn from(reason: NotTaken) -> Self {
        Self::NotTaken(reason)
    }
}

impl From<ClientLeft> for NotTaken {
    fn from(_: ClientLeft) -> Self {
        Self::Left
    }
}

impl From<ClientLeft> for Stop {
    fn from(_: ClientLeft) -> Self {
        Self::NotTaken(NotTaken::Left)
    }
}

impl From<UpstreamError> for Stop {
    fn from(error: UpstreamError) -> Self {
        Self::Failed(error)
    }
}
