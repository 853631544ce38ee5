//! The admin listener as a server of its own, beside the public one.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle},
    middleware::from_fn,
    web,
};
use tracing_actix_web::TracingLogger;

use super::{
    MAX_BODY_BYTES, configure,
    guard::{self, Peers},
};
use crate::{
    listener,
    middleware::{HeraldRootSpan, let_go_of_unread_body},
    reload::SettingsControl,
    startup::Gateway,
};

/// Connections that may be open, and that may wait to be accepted.
const MAX_CONNECTIONS: usize = 256;

/// Longest wait for a request's head, and longest silence of a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// The admin listener, bound. It answers while [`beside`](Self::beside) is awaited.
pub(crate) struct AdminServer {
    address: SocketAddr,
    handle: ServerHandle,
    server: Server,
}

/// Binds the address of `admin.listen`; `None` where it is off.
///
/// # Errors
/// The address cannot be bound.
pub(crate) fn bind(
    gateway: &Gateway,
    control: Option<SettingsControl>,
) -> io::Result<Option<AdminServer>> {
    let Some(listen) = gateway.settings().admin.listen else {
        return Ok(None);
    };
    let listener = listener::bind_admin(listen, MAX_CONNECTIONS as u32, PATIENCE)?;
    let address = listener.local_addr()?;
    let gateway = gateway.clone();
    // Of all that is shared here this alone is not the gateway's.
    let peers = Arc::new(Peers::default());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(gateway.clone()))
            .app_data(Arc::clone(&peers))
            .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
            .configure(|app| configure(app, control.as_ref()))
            .wrap(from_fn(guard::admit))
            .wrap(from_fn(let_go_of_unread_body))
            .wrap(TracingLogger::<HeraldRootSpan>::new())
    })
    .workers(1)
    .max_connections(MAX_CONNECTIONS)
    .keep_alive(PATIENCE)
    .client_request_timeout(PATIENCE)
    .client_disconnect_timeout(listener::CLOSING)
    .h1_allow_half_closed(false)
    // When it stops is for the public listener to say.
    .disable_signals()
    .listen(listener)?
    .run();
    Ok(Some(AdminServer {
        address,
        handle: server.handle(),
        server,
    }))
}

impl AdminServer {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `public` is over, however that ends; then stops at once.
    pub(crate) async fn beside<T>(self, public: impl Future<Output = T>) -> T {
        let Self { handle, server, .. } = self;
        let mut public = std::pin::pin!(public);
        let mut server = std::pin::pin!(server);
        let over = tokio::select! {
            over = &mut public => over,
            failed = &mut server => {
                // The streams are worth more than the view of them.
                tracing::error!("the admin listener is gone: {failed:?}");
                return public.await;
            }
        };
        // It stops only while it is polled itself.
        let (_, ()) = tokio::join!(server, handle.stop(false));
        over
    }
}
