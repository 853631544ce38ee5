//! A provider that does what the test says, and tells what it saw.

mod connection;
mod incoming;
mod player;
mod server;
mod wire;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::io::DuplexStream;

use self::{connection::serve, server::Server};
use super::{
    Happened, ProviderEvent, ReceivedRequest, Script, TestCertificate,
    record::{Log, Record},
};
use crate::upstream::connector::memory::MemoryServer;

/// A provider that plays [`Script`]s, one a request, and records what it receives.
///
/// Over TCP and TLS it runs on a thread of its own, so it answers while the test's thread is busy or
/// blocked; dropping it closes the port and every connection. In memory it is a [`MemoryServer`]: it
/// runs on the thread of whoever connects, and each connection lives until one side is done with it.
///
/// Requests take the scripts from a queue in the order in which their heads arrive, over all
/// connections. A request that finds the queue empty is answered with status 500 and a body that says
/// so, and is recorded as [`Happened::NoScript`]: a retry that a test did not foresee shows itself.
/// A script marked [`Script::repeat`] answers the rest.
///
/// While a script plays, the provider reads on, so it knows at once when the caller leaves.
///
/// Every wait of this type ends: after 10 s, or what [`with_patience`](Self::with_patience) says, it
/// panics with all that had happened until then. Waits look at the past too, so it does not matter
/// whether a test begins to wait before or after the thing happens, and they can be dropped in a
/// `select!` without losing anything.
#[derive(Debug)]
pub struct ScriptedProvider {
    shared: Arc<Shared>,
    /// `None` in memory.
    server: Option<Server>,
    root_pem: Option<String>,
    patience: Duration,
    /// How many each of the `next_…` waits has handed out.
    handed_requests: AtomicUsize,
    handed_events: AtomicUsize,
    handed_departures: AtomicUsize,
}

/// What the connections share with the test.
#[derive(Debug)]
struct Shared {
    scripts: Mutex<VecDeque<Script>>,
    record: Record,
    connections: AtomicUsize,
}

/// Starting.
impl ScriptedProvider {
    /// Listens on a free port of 127.0.0.1, without TLS.
    ///
    /// # Panics
    /// If the system has no port or thread to give.
    pub async fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        let mut provider = Self::in_memory(scripts);
        provider.server = Some(Server::start(Arc::clone(&provider.shared), None).await);
        provider
    }

    /// Listens on a free port of 127.0.0.1 with TLS, ALPN `http/1.1` and a certificate of its own for
    /// `localhost` and `127.0.0.1`, whose root is [`root_pem`](Self::root_pem).
    ///
    /// # Panics
    /// If the system has no port or thread to give.
    pub async fn start_tls(scripts: impl IntoIterator<Item = Script>) -> Self {
        let certificate = TestCertificate::generate(&["localhost", "127.0.0.1"]);
        Self::start_tls_with(scripts, &certificate, &["http/1.1"]).await
    }

    /// As [`start_tls`](Self::start_tls), with a certificate and ALPN protocols of the test's choice:
    /// for the wrong name, the untrusted root, or a server that offers `h2` (which it cannot speak).
    ///
    /// # Panics
    /// If the system has no port or thread to give.
    pub async fn start_tls_with(
        scripts: impl IntoIterator<Item = Script>,
        certificate: &TestCertificate,
        alpn: &[&str],
    ) -> Self {
        let mut provider = Self::in_memory(scripts);
        let tls = Some(certificate.server_config(alpn));
        provider.server = Some(Server::start(Arc::clone(&provider.shared), tls).await);
        provider.root_pem = Some(certificate.root_pem().to_owned());
        provider
    }

    /// Serves in-memory connections, as a [`MemoryServer`].
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use herald::{testkit::{Script, ScriptedProvider}, upstream::http_client::Transport};
    /// let provider = Arc::new(ScriptedProvider::in_memory([Script::chat(["Hi"])]));
    /// let transport = Transport::Memory(provider.clone());
    /// ```
    pub fn in_memory(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self {
            shared: Arc::new(Shared {
                scripts: Mutex::new(scripts.into_iter().collect()),
                record: Record::default(),
                connections: AtomicUsize::new(0),
            }),
            server: None,
            root_pem: None,
            patience: Duration::from_secs(10),
            handed_requests: AtomicUsize::new(0),
            handed_events: AtomicUsize::new(0),
            handed_departures: AtomicUsize::new(0),
        }
    }

    /// Sets how long the waits of this provider wait before they panic.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// Where it is.
impl ScriptedProvider {
    /// What a provider's `base_url` setting wants: `http://127.0.0.1:PORT/v1`, with TLS `https://…`.
    ///
    /// # Panics
    /// In memory there is no address.
    #[must_use]
    pub fn base_url(&self) -> String {
        let scheme = if self.root_pem.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}/v1", self.addr())
    }

    /// The address that it listens on.
    ///
    /// # Panics
    /// In memory there is none.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server
            .as_ref()
            .expect("an in-memory provider has no address: start() one")
            .addr()
    }

    /// The root of its certificate in PEM, for the caller to trust.
    ///
    /// # Panics
    /// Without TLS there is none.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        self.root_pem
            .as_deref()
            .expect("a provider without TLS has no certificate: start_tls() one")
    }
}

/// What it shall do, and what it saw.
impl ScriptedProvider {
    /// Puts one more script at the end of the queue.
    pub fn push(&self, script: Script) {
        self.shared.scripts().push_back(script);
    }

    /// All requests that arrived whole so far.
    #[must_use]
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.shared.record.read(|log| log.requests.clone())
    }

    /// Waits for a request to arrive whole: the first call gives the first, the next the second.
    ///
    /// # Panics
    /// When patience runs out.
    pub async fn next_request(&self) -> ReceivedRequest {
        self.next("a request", &self.handed_requests, |log, nth| {
            log.requests.get(nth).cloned()
        })
        .await
    }

    /// All that happened so far.
    #[must_use]
    pub fn events(&self) -> Vec<ProviderEvent> {
        self.shared.record.read(|log| log.events.clone())
    }

    /// Waits for something to happen: the first call gives the first event, the next the second.
    ///
    /// # Panics
    /// When patience runs out.
    pub async fn next_event(&self) -> ProviderEvent {
        self.next("an event", &self.handed_events, |log, nth| {
            log.events.get(nth).cloned()
        })
        .await
    }

    /// Waits for a caller to leave before its answer was over: the first call gives the first such
    /// [`Happened::CallerLeft`], the next the second.
    ///
    /// # Panics
    /// When patience runs out.
    pub async fn caller_left(&self) -> ProviderEvent {
        self.next("a caller to leave", &self.handed_departures, |log, nth| {
            let left = |event: &&ProviderEvent| matches!(event.what, Happened::CallerLeft { .. });
            log.events.iter().filter(left).nth(nth).cloned()
        })
        .await
    }

    /// Waits for the first event, of all that happened or will, that `matches` accepts. What is
    /// `awaited` is told by the panic.
    ///
    /// ```
    /// # use herald::testkit::{Happened, ScriptedProvider};
    /// # async fn example(provider: ScriptedProvider) {
    /// let is_blocked = |what: &Happened| matches!(what, Happened::Blocked { .. });
    /// let blocked = provider.wait_for("the reader to block the provider", is_blocked).await;
    /// # }
    /// ```
    ///
    /// # Panics
    /// When patience runs out.
    pub async fn wait_for(
        &self,
        awaited: &str,
        matches: impl Fn(&Happened) -> bool,
    ) -> ProviderEvent {
        let find = |log: &Log| {
            log.events
                .iter()
                .find(|event| matches(&event.what))
                .cloned()
        };
        self.shared.record.wait(self.patience, awaited, find).await
    }

    /// Waits for the next one that `handed` has not counted yet, and counts it.
    async fn next<T>(
        &self,
        awaited: &str,
        handed: &AtomicUsize,
        nth: impl Fn(&Log, usize) -> Option<T>,
    ) -> T {
        let find = |log: &Log| {
            let found = nth(log, handed.load(Ordering::Relaxed))?;
            // Counted in the same breath as found: a wait that is dropped has counted nothing, and
            // two at once do not get the same one.
            handed.fetch_add(1, Ordering::Relaxed);
            Some(found)
        };
        self.shared.record.wait(self.patience, awaited, find).await
    }
}

impl MemoryServer for ScriptedProvider {
    fn accept(&self, io: DuplexStream) {
        let shared = Arc::clone(&self.shared);
        let connection = shared.connected();
        actix_web::rt::spawn(async move { serve(io, &shared, connection).await });
    }
}

impl Shared {
    /// Counts and notes a new connection.
    fn connected(&self) -> usize {
        let connection = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        self.record.note(connection, 0, Happened::Connected);
        connection
    }

    /// The script for a request that has just arrived, unless none is left.
    fn next_script(&self) -> Option<Script> {
        let mut scripts = self.scripts();
        let script = scripts.pop_front()?;
        if script.repeats() && scripts.is_empty() {
            scripts.push_back(script.clone());
        }
        Some(script)
    }

    fn scripts(&self) -> std::sync::MutexGuard<'_, VecDeque<Script>> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
