//! How a provider is reached: TLS configurations, and the connection that never leaves the process.

use std::{cell::OnceCell, path::Path, sync::Arc};

use rustls::ClientConfig;
use tokio::io::DuplexStream;

use crate::{
    settings::files,
    upstream::{
        connector::{memory::MemoryServer, tls::tls_config},
        http_client::Transport,
    },
};

/// Largest file of roots that is read; Mozilla's own take a quarter of it.
const MAX_ROOTS_BYTES: usize = 1 << 20;

/// TLS configurations, the usual one made once and only if a provider needs it.
#[derive(Default)]
pub(in crate::settings) struct Tls(OnceCell<Result<Arc<ClientConfig>, String>>);

impl Tls {
    /// Mozilla's roots.
    pub(super) fn shared(&self) -> Result<Arc<ClientConfig>, String> {
        self.0.get_or_init(|| tls_config(None)).clone()
    }

    /// Mozilla's roots and those in the file.
    pub(super) fn with_roots(&self, file: &Path) -> Result<Arc<ClientConfig>, String> {
        let name = file.display();
        let pem = files::read(file, MAX_ROOTS_BYTES)
            .map_err(|reason| format!("{name} cannot be read: {reason}"))?;
        tls_config(Some(&pem)).map_err(|reason| format!("{name}: {reason}"))
    }
}

// MERGE: replace this function's body and `NoRecordings` with the replay provider's server:
// `ReplayServer::new(Arc::new(ReplayLibrary::embedded() | ReplayLibrary::from_dir(folder)?))`.
/// The recordings of a folder, or the embedded ones.
pub(super) fn replay_transport(_recordings: Option<&Path>) -> Result<Transport, String> {
    Ok(Transport::Memory(Arc::new(NoRecordings)))
}

/// Closes every connection.
#[derive(Debug)]
struct NoRecordings;

impl MemoryServer for NoRecordings {
    fn accept(&self, _io: DuplexStream) {}
}
