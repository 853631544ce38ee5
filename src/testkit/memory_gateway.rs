//! A whole Herald without a socket, for simulations.

mod pipe;

use std::{cell::Cell, fmt, rc::Rc, time::Duration};

use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, map_config};
use actix_web::{Error, dev::AppConfig};

pub use self::pipe::MemoryClient;
use self::pipe::ServerEnd;
use crate::{Gateway, listener, startup::own_app};

/// Herald as `herald serve` runs it, on the thread of the test, where clients connect through pipes.
///
/// actix's HTTP/1.1 service reads requests off the pipe and writes answers onto it, under the settings
/// of the public listener, with all of Herald's app behind it. So what a client sees is bytes. Of what
/// the kernel does on a real listener two things are played: `SO_SNDBUF` is the pipe's size, and
/// `TCP_USER_TIMEOUT` breaks a connection whose reader takes nothing.
///
/// With a paused clock, and with providers behind [`Transport::Memory`], nothing in it waits for the
/// outside. Connections live on the thread's `LocalSet` and end with it.
///
/// ```
/// # actix_web::rt::System::new().block_on(async {
/// use herald::{Gateway, providers::replay::library::ReplayLibrary, testkit::MemoryGateway};
/// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
///
/// let recordings = ReplayLibrary::from_dir("settings/recordings").unwrap().without_pauses();
/// let herald = MemoryGateway::start(Gateway::playing(recordings).unwrap()).await;
/// let mut client = herald.connect(64 * 1024);
/// client.write_all(b"GET /health/live HTTP/1.1\r\nhost: herald\r\nconnection: close\r\n\r\n").await.unwrap();
/// let mut answer = String::new();
/// client.read_to_string(&mut answer).await.unwrap();
/// assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
/// # });
/// ```
///
/// [`Transport::Memory`]: crate::upstream::http_client::Transport::Memory
pub struct MemoryGateway {
    gateway: Gateway,
    serve: Box<dyn Fn(ServerEnd)>,
    open: Rc<Cell<usize>>,
    user_timeout: Option<Duration>,
}

impl MemoryGateway {
    /// Mounts a gateway as it stands; settings of the process, those of the listener among them, are the
    /// ones of this moment.
    ///
    /// # Panics
    /// If the app cannot be built.
    pub async fn start(gateway: Gateway) -> Self {
        let settings = gateway.settings();
        let app = own_app(&gateway).into_factory();
        let app = map_config(app, |()| AppConfig::default());
        let app = app.map_err(|error: Error| error.error_response());
        let http =
            listener::http1(settings.server.keep_alive, settings.server.request_head).h1(app);
        let http = http.new_service(()).await.expect("the app can be built");
        let http = Rc::new(http);
        let open = Rc::<Cell<usize>>::default();
        let count = Rc::clone(&open);
        let serve = move |end| {
            let (http, count) = (Rc::clone(&http), Rc::clone(&count));
            count.set(count.get() + 1);
            actix_web::rt::spawn(async move {
                // How a connection ends is its client's to see.
                let _ = http.call((end, None)).await;
                count.set(count.get() - 1);
            });
        };
        Self {
            user_timeout: Some(settings.clocks.client_write.mul_f32(1.25)),
            gateway,
            serve: Box::new(serve),
            open,
        }
    }

    /// Waits so long for a reader that takes nothing, or for good, as a server does that mounts Herald on a
    /// socket of its own. Without this it is as `herald serve` has it, a quarter more than
    /// `clocks.client_write`.
    #[must_use]
    pub fn with_user_timeout(mut self, user_timeout: Option<Duration>) -> Self {
        self.user_timeout = user_timeout;
        self
    }

    /// Connects a client, with room for so many bytes on the way to it and from it.
    #[must_use]
    pub fn connect(&self, room: usize) -> MemoryClient {
        let (client, server) = pipe::pipe(room, self.user_timeout);
        (self.serve)(server);
        client
    }

    /// How many connections Herald still has.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.open.get()
    }

    /// The gateway itself.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }
}

impl fmt::Debug for MemoryGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryGateway")
            .field("connections", &self.open)
            .finish_non_exhaustive()
    }
}
