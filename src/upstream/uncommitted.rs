//! What a call has as long as nothing has gone to the client.

use super::announcer::{Announcer, EventSender};
use crate::{delivery::ClientLeft, metadata::UpstreamMetadata, routing::route::Route};

/// The right to tell the client, and the way to other targets.
///
/// It stays with the call, and goes to the one attempt that commits, which takes it whole: so no two can,
/// and after it there is no route that another attempt could take. The prompt that only such an attempt
/// would need is let go.
pub struct Uncommitted {
    pub(super) announcer: Announcer,
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
}
