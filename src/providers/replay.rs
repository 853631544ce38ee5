//! The embedded provider: plays recorded answers, so that a fresh checkout streams completions with
//! no key and no network.
//!
//! It is a provider like any other. awc reaches it through an in-memory connection and speaks
//! HTTP/1.1 to it: `POST /v1/chat/completions`, where the body's `model` names a recording and its
//! `stream` says which of that recording's answers is meant. The answer comes back as it was
//! recorded: status, headers in order, chunk borders, pauses, and the way it ended. Nothing above
//! the connection knows that no network was involved.
//!
//! - [`recording`]: the file format, also described in `docs/recordings.md`;
//! - [`library`]: the recordings there are, embedded or from a folder;
//! - `player`: one connection, request by request;
//! - [`capture`] and [`scrub`]: the other way round, from a provider's answer to a recording.

pub mod capture;
pub mod library;
mod player;
pub mod recording;
pub mod scrub;

use std::sync::Arc;

use tokio::io::DuplexStream;

use self::library::ReplayLibrary;
use crate::upstream::{connector::memory::MemoryServer, http_client::Transport};

/// The far side of connections to the replay provider.
#[derive(Clone, Debug)]
pub struct ReplayServer {
    library: Arc<ReplayLibrary>,
}

impl ReplayServer {
    /// A server that plays the recordings of `library`.
    #[must_use]
    pub fn new(library: Arc<ReplayLibrary>) -> Self {
        Self { library }
    }
}

/// How recordings are reached, for [`VerifiedSettings::with_transport`], which puts them in the place of
/// a provider.
///
/// [`VerifiedSettings::with_transport`]: crate::settings::VerifiedSettings::with_transport
impl From<ReplayLibrary> for Transport {
    fn from(library: ReplayLibrary) -> Self {
        Self::Memory(Arc::new(ReplayServer::new(Arc::new(library))))
    }
}

impl MemoryServer for ReplayServer {
    fn accept(&self, io: DuplexStream) {
        // The task ends by itself as soon as the far side lets go of the connection.
        actix_web::rt::spawn(player::serve(io, Arc::clone(&self.library)));
    }
}
