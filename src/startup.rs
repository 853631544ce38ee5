//! The wiring: settings in, a running gateway out.

#[cfg(feature = "testkit")]
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    io,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_web::{
    App, Error, HttpServer,
    body::MessageBody,
    dev::{ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse},
    web,
};
use arc_swap::ArcSwap;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tracing_actix_web::TracingLogger;

use crate::{
    admin::{self, AdminServer},
    alive::Alive,
    drain::{Drain, Drained},
    limits::Limits,
    listener,
    middleware::{HeraldRootSpan, foreign_page::OwnListener},
    overload::Overload,
    providers::{ProviderId, replay::library::ReplayLibrary},
    reload::SettingsControl,
    routes,
    routing::targets::Targets,
    settings::{Diagnostics, ServerSettings, Settings, VerifiedSettings},
    streams::Streams,
    telemetry::metrics::Metrics,
    upstream::http_client::HttpClient,
};

/// A gateway that is ready to be mounted or run. Cheap to clone; all clones are one gateway.
#[derive(Clone, Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: ArcSwap<VerifiedSettings>,
    drain: Drain,
    streams: Arc<Streams>,
    metrics: Arc<Metrics>,
    limits: Limits,
    targets: Arc<Targets>,
    /// Connections of clients to the public listener, idle ones among them.
    client_connections: Alive,
    /// Connections to providers on which an exchange goes on.
    upstream_exchanges: Alive,
    /// The generation in force, for those who wait for another.
    in_force: watch::Sender<u64>,
    /// What tests have workers measure, in milliseconds.
    #[cfg(feature = "testkit")]
    pretended_lag: AtomicU64,
}

impl Gateway {
    /// A gateway of these settings.
    #[must_use]
    pub fn new(settings: VerifiedSettings) -> Self {
        let limits = Limits::default();
        let targets = Arc::new(Targets::default());
        targets.follow(named_targets(&settings));
        Self {
            shared: Arc::new(Shared {
                in_force: watch::Sender::new(settings.generation),
                settings: ArcSwap::from_pointee(settings),
                drain: Drain::default(),
                streams: Arc::default(),
                metrics: Arc::new(Metrics::new(limits.counters(), &targets)),
                limits,
                targets,
                client_connections: Alive::default(),
                upstream_exchanges: Alive::default(),
                #[cfg(feature = "testkit")]
                pretended_lag: AtomicU64::default(),
            }),
        }
    }

    /// A gateway that plays recordings: one model for each, under its name, behind a provider `replay`.
    /// All else is as in `settings/default.toml`; run by itself, it listens on a free loopback port.
    ///
    /// ```
    /// use herald::{Gateway, providers::replay::library::ReplayLibrary};
    ///
    /// let recordings = ReplayLibrary::from_dir("settings/recordings")?.without_pauses();
    /// let gateway = Gateway::playing(recordings).expect("file names that can be models' names");
    /// assert!(gateway.settings().models.get("rate-limited").is_some());
    /// # Ok::<(), herald::providers::replay::recording::RecordingError>(())
    /// ```
    ///
    /// # Errors
    /// There is no recording, or a name is none that a model can have.
    pub fn playing(recordings: ReplayLibrary) -> Result<Self, Diagnostics> {
        let mut toml = String::from("[[providers]]\nid = \"replay\"\nkind = \"replay\"\n");
        for name in recordings.names() {
            // TOML has all escapes that JSON has.
            let name = serde_json::Value::from(name);
            toml.push_str(&format!(
                "[[models]]\nid = {name}\ntargets = [{{ provider = \"replay\", model = {name} }}]\n"
            ));
        }
        let settings = Settings::from_toml(&toml)?;
        let mut settings = settings.verify(&HashMap::new())?;
        settings.server.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        settings.admin.listen = None;
        settings.server.workers = 1;
        Ok(Self::new(
            settings.with_transport("replay", recordings.into()),
        ))
    }

    /// Takes other settings in the place of those that are in force. Requests that have begun keep
    /// theirs to their end; what belongs to the process (`[server]`, `[log]`) stays as it is, but for
    /// the certificate, which new connections get to see.
    ///
    /// [`SettingsActor`](crate::reload::SettingsActor) does so as a transaction, and keeps account of
    /// it; this is for programs and tests that have their settings from elsewhere.
    pub fn replace_settings(&self, settings: VerifiedSettings) {
        self.shared.settings.rcu(|current| {
            let mut next = settings.clone();
            next.generation = current.generation + 1;
            next
        });
        self.targets().follow(named_targets(&self.settings()));
        let in_force = &self.shared.in_force;
        in_force.send_modify(|in_force| *in_force = self.settings().generation);
    }

    /// The settings as they are now; a request takes them once and keeps them to its end.
    #[must_use]
    pub fn settings(&self) -> Arc<VerifiedSettings> {
        self.shared.settings.load_full()
    }

    /// How many completions, streams and documents alike, still run under each generation of the
    /// settings. A generation without any is not among them.
    #[must_use]
    pub fn streams_by_generation(&self) -> BTreeMap<u64, usize> {
        self.shared.streams.by_generation()
    }

    /// The gateway's shutdown.
    #[must_use]
    pub fn drain(&self) -> &Drain {
        &self.shared.drain
    }

    /// What was spent of the limits, whatever settings come and go.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// What is known of the targets, whatever settings come and go.
    #[must_use]
    pub fn targets(&self) -> &Arc<Targets> {
        &self.shared.targets
    }

    /// The completions that are open.
    #[must_use]
    pub fn streams(&self) -> &Arc<Streams> {
        &self.shared.streams
    }

    /// What is counted and measured.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }

    /// Has each worker measure that it is at least so late, in whole milliseconds; zero ends it.
    #[cfg(feature = "testkit")]
    pub fn pretend_lag(&self, lag: Duration) {
        self.shared.pretended_lag.store(millis(lag), Relaxed);
    }

    #[cfg(feature = "testkit")]
    pub(crate) fn pretended_lag(&self) -> Duration {
        Duration::from_millis(self.shared.pretended_lag.load(Relaxed))
    }

    /// Connections of clients to the public listener, idle ones among them.
    pub(crate) fn client_connections(&self) -> &Alive {
        &self.shared.client_connections
    }

    /// Connections to providers on which an exchange goes on.
    pub(crate) fn upstream_exchanges(&self) -> &Alive {
        &self.shared.upstream_exchanges
    }

    /// Binds the public listener, and the admin listener unless it is off, and returns the running
    /// servers with their addresses.
    ///
    /// # Errors
    /// An address cannot be bound.
    pub fn run(&self) -> io::Result<RunningGateway> {
        self.run_with(None)
    }

    /// [`run`](Self::run), with the settings to be read and changed on the admin listener, under
    /// `/settings`.
    ///
    /// # Errors
    /// As `run`.
    pub fn run_controlled(&self, control: SettingsControl) -> io::Result<RunningGateway> {
        self.run_with(Some(control))
    }

    fn run_with(&self, control: Option<SettingsControl>) -> io::Result<RunningGateway> {
        let settings = self.settings();
        let ServerSettings {
            workers,
            backlog,
            max_connections,
            keep_alive,
            request_head,
            ..
        } = settings.server;
        // A quarter longer than the event pump's own timeout, so that the pump's comes first and the
        // log tells a reader who stalled from one who left.
        let user_timeout = settings.clocks.client_write.mul_f32(1.25);
        let listener = listener::bind(&settings.server, user_timeout)?;
        let address = listener.local_addr()?;
        let admin = admin::bind(self, control)?;
        let gateway = self.clone();
        let app = move || own_app(&gateway);
        let connections = self.client_connections().clone();
        let server = match listener::tls::acceptor(self) {
            Some(tls) => listener::tls::serve(
                app,
                tls,
                listener,
                &settings.server,
                SHUTDOWN_GRACE,
                connections,
            )?,
            None => HttpServer::new(app)
                .on_connect(move |_, data| drop(data.insert(connections.enter())))
                .workers(workers)
                .backlog(backlog)
                .max_connections(max_connections)
                .keep_alive(keep_alive)
                .client_request_timeout(request_head)
                .client_disconnect_timeout(listener::CLOSING)
                // Without it Nagle's algorithm holds each event back for up to 40 ms.
                .tcp_nodelay(true)
                // With actix's default a client who leaves is not noticed before the next write.
                .h1_allow_half_closed(false)
                // The signals are ours: streams are to end truthfully before the server stops.
                .disable_signals()
                .shutdown_timeout(SHUTDOWN_GRACE.as_secs())
                .listen(listener)?
                .run(),
        };
        let handle = server.handle();
        Ok(RunningGateway {
            gateway: self.clone(),
            address,
            handle,
            server,
            admin,
        })
    }
}

/// The targets that settings name.
fn named_targets(settings: &VerifiedSettings) -> impl Iterator<Item = (&ProviderId, &str)> {
    let targets = settings.models.iter().flat_map(|model| model.targets());
    targets.map(|target| (&target.provider.id, &*target.upstream_model))
}

/// The app as Herald serves it where it has the listener for itself.
pub(crate) fn own_app(
    gateway: &Gateway,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    App::new()
        .app_data(web::Data::new(gateway.clone()))
        .app_data(OwnListener)
        .configure(routes::configure)
        .service(routes::unknown_path())
        .wrap(TracingLogger::<HeraldRootSpan>::new())
}

/// How long clients get to take what is left once their streams were told to end.
const LAST_EVENTS: Duration = Duration::from_secs(3);

/// How long connections get after that to take the last bytes, before they are dropped.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// How a shutdown begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Herald goes on refusing requests for `server.drain_delay`, so that load balancers notice and
    /// send them elsewhere. As at SIGTERM.
    Announced,
    /// It goes as soon as nothing runs: nobody but the one who stops it is there. As at SIGINT.
    Prompt,
}

/// A bound gateway. Await [`RunningGateway::serve`] or nothing is answered.
pub struct RunningGateway {
    gateway: Gateway,
    address: std::net::SocketAddr,
    handle: ServerHandle,
    server: actix_web::dev::Server,
    admin: Option<AdminServer>,
}

impl std::fmt::Debug for RunningGateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningGateway")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl RunningGateway {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// Where the admin listener listens; `None` where it is off.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(AdminServer::address)
    }

    /// Stops the server at once when used.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Serves until `stop` resolves, then drains: readiness goes off, requests that were let in may go
    /// on for `server.drain_timeout`, and what is left ends with `gateway_draining`. The admin
    /// listener answers to the very end.
    ///
    /// # Errors
    /// The server failed.
    pub async fn serve(mut self, stop: impl Future<Output = Shutdown>) -> io::Result<Drained> {
        let admin = self.admin.take();
        let public = self.serve_public(stop);
        match admin {
            Some(admin) => admin.beside(public).await,
            None => public.await,
        }
    }

    async fn serve_public(self, stop: impl Future<Output = Shutdown>) -> io::Result<Drained> {
        let Self {
            gateway,
            handle,
            server,
            ..
        } = self;
        let drain = gateway.drain();
        let mut server = std::pin::pin!(server);
        let shutdown = tokio::select! {
            result = &mut server => return result.map(|()| drain.report()),
            shutdown = stop => shutdown,
        };
        // The listener stays open meanwhile, so that probes see the readiness go off and a request
        // that is still sent here gets a 503 and not a refused connection.
        let is_idle = tokio::select! {
            result = &mut server => return result.map(|()| drain.report()),
            is_idle = gateway.drain_requests(shutdown) => is_idle,
        };
        if !is_idle {
            drain.abandon();
        }
        // The server stops only while it is polled itself.
        tokio::join!(server, handle.stop(is_idle)).0?;
        Ok(drain.report())
    }
}

impl Gateway {
    /// Lets the requests end that run, or tells them to; whether all have ended.
    async fn drain_requests(&self, shutdown: Shutdown) -> bool {
        let drain = self.drain();
        let server = &self.settings().server;
        let delay = match shutdown {
            Shutdown::Announced => server.drain_delay,
            Shutdown::Prompt => Duration::ZERO,
        };
        drain.begin();
        tracing::info!(
            running = drain.running(),
            drain_delay_ms = millis(delay),
            drain_timeout_ms = millis(server.drain_timeout),
            "shutting down: no new requests, those that run may end"
        );
        let requests = async {
            if timeout(server.drain_timeout, drain.idle()).await.is_ok() {
                return true;
            }
            drain.end();
            timeout(LAST_EVENTS, drain.idle()).await.is_ok()
        };
        tokio::join!(requests, sleep(delay)).0
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// What each worker thread has of its own: awc's client, which cannot leave its thread, and how late
/// the thread is.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    overload: Rc<Overload>,
    client: Rc<RefCell<Option<OwnClient>>>,
}

#[derive(Debug)]
struct OwnClient {
    generation: u64,
    http_client: HttpClient,
}

impl Worker {
    /// How late the worker is.
    pub(crate) fn overload(&self) -> &Rc<Overload> {
        &self.overload
    }

    /// The client of these settings; made when the worker first meets them. Streams that run under
    /// earlier settings keep the client that they began with.
    pub(crate) fn http_client(
        &self,
        gateway: &Gateway,
        settings: &Arc<VerifiedSettings>,
    ) -> HttpClient {
        let generation = settings.generation;
        let mut own = self.client.borrow_mut();
        match &*own {
            Some(own) if own.generation == generation => own.http_client.clone(),
            _ => {
                let exchanges = gateway.upstream_exchanges();
                let http_client = HttpClient::counted(&settings.client_parts, exchanges);
                *own = Some(OwnClient {
                    generation,
                    http_client: http_client.clone(),
                });
                self.forget_after(generation, gateway);
                http_client
            }
        }
    }

    /// Lets go of the client once other settings are in force. A worker that no request comes to would
    /// else keep connections, and the secrets they were opened with, that nobody will use again.
    fn forget_after(&self, generation: u64, gateway: &Gateway) {
        let mut in_force = gateway.shared.in_force.subscribe();
        let client = Rc::downgrade(&self.client);
        actix_web::rt::spawn(async move {
            // An error means that the gateway is gone.
            let _ = in_force.wait_for(|in_force| *in_force != generation).await;
            if let Some(client) = client.upgrade() {
                let mut own = client.borrow_mut();
                drop(own.take_if(|own| own.generation == generation));
            }
        });
    }
}
