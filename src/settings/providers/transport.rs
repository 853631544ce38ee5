//! How a provider is reached: TLS configurations, and the connection that never leaves the process.

use std::{cell::OnceCell, path::Path, sync::Arc};

use rustls::ClientConfig;

use crate::{
    providers::replay::{ReplayServer, library::ReplayLibrary},
    settings::{files, outside},
    upstream::{connector::tls::tls_config, http_client::Transport},
};

/// Largest file of roots that is read; Mozilla's own take a quarter of it.
pub(in crate::settings) const MAX_ROOTS_BYTES: usize = 1 << 20;

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

/// The recordings of a folder, or the embedded ones.
pub(super) fn replay_transport(recordings: Option<&Path>) -> Result<Transport, String> {
    let library = match recordings {
        Some(folder) => {
            let library = ReplayLibrary::from_dir(folder).map_err(|error| error.to_string())?;
            for name in library.names() {
                let place = || format!("the recording {name} in {}", folder.display());
                outside::note(place, format!("{:?}", library.get(name)).as_bytes());
            }
            library
        }
        None => ReplayLibrary::embedded(),
    };
    Ok(Transport::Memory(Arc::new(ReplayServer::new(Arc::new(
        library,
    )))))
}
