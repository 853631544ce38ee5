//! Where the events of a stream go, and why they stop going there.

use super::{
    UpstreamError, announcer::EventSender, hold::HeldEvents, http_client::UpstreamHead,
    uncommitted::Uncommitted,
};
use crate::{
    delivery::{ClientLeft, DeliverySender},
    metadata::Timings,
};

/// Where events go: kept back until the head is committed, passed on after it.
pub(super) enum Outlet {
    Held(Box<Held>),
    Open(EventSender),
    /// Only while the one turns into the other, and after the end.
    Closed,
}

impl Outlet {
    /// What tells of the client's leaving; `None` once nothing more is to be told.
    pub(super) fn client(&self) -> Option<&DeliverySender> {
        match self {
            Self::Held(held) => Some(held.uncommitted.client()),
            Self::Open(sender) => Some(sender.client()),
            Self::Closed => None,
        }
    }
}

/// What waits for the commit.
pub(super) struct Held {
    pub(super) uncommitted: Uncommitted,
    pub(super) head: UpstreamHead,
    pub(super) timings: Timings,
    pub(super) events: HeldEvents,
}

/// Why the client takes no more.
#[derive(Clone, Copy, Debug)]
pub(super) enum NotTaken {
    /// It left.
    Left,
    /// It took nothing for as long as `clocks.client_write` allows.
    Stalled,
}

/// Why the pump stops before the provider's own end.
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
