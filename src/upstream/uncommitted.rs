//! What a call has as long as nothing has gone to the client.

use super::announcer::{Announcer, EventSender};
use crate::{
    delivery::{ClientLeft, DeliverySender},
    metadata::UpstreamMetadata,
    routing::route::Route,
};

/// The right to tell the client, and the way to other targets.
///
/// Both go with the commit, which takes this whole: after it there is no route that another attempt
/// could take, and the prompt that only such an attempt would need is let go.
pub struct Uncommitted {
    announcer: Announcer,
    /// The targets that are left.
    pub(super) route: Route,
}

impl Uncommitted {
    /// A call of which nobody has been told anything.
    #[must_use]
    pub fn new(announcer: Announcer, route: Route) -> Self {
        Self { announcer, route }
    }

    /// Commits: sends the metadata, and waits until it was taken. Only then is there anything to send
    /// events with.
    ///
    /// # Errors
    /// The client left, so that nobody took it.
    pub(super) async fn announce(
        self,
        metadata: UpstreamMetadata,
    ) -> Result<EventSender, ClientLeft> {
        drop(self.route);
        self.announcer.announce(metadata).await
    }

    /// What tells of the client's leaving.
    pub(super) fn client(&self) -> &DeliverySender {
        self.announcer.client()
    }
}
