//! A whole Herald, on a port of its own.

mod remains;

use std::{io, net::SocketAddr, thread::JoinHandle, time::Duration};

use tokio::sync::oneshot;

use self::remains::Remains;
use super::ScriptedProvider;
use crate::{
    Gateway,
    drain::Drained,
    providers::replay::library::ReplayLibrary,
    reload::SettingsControl,
    settings::{ProcessEnvironment, Settings},
    startup::{RunningGateway, Shutdown},
};

/// Herald as `herald serve` runs it, listening on a free loopback port, on a thread of its own.
///
/// Dropping it stops it at once. [`stop`](Self::stop) shuts it down as a SIGINT would.
///
/// # Panics
/// Dropping it panics if a request has left anything behind: a completion with one of its actors, a
/// permit, a reservation, an exchange with a provider, or a client's connection. It waits ten seconds
/// for them to go, or what [`with_patience`](Self::with_patience) says. So let go of clients first: what is declared later is dropped earlier. A test that
/// panics itself is not held to that.
///
/// ```
/// # actix_web::rt::System::new().block_on(async {
/// use herald::testkit::{Script, ScriptedProvider, TestGateway};
///
/// let provider = ScriptedProvider::start([Script::chat(["Hel", "lo"])]).await;
/// let gateway = TestGateway::in_front_of(&provider).await;
/// println!("point a client at {}", gateway.base_url());
/// # });
/// ```
#[derive(Debug)]
pub struct TestGateway {
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    gateway: Gateway,
    stop: Option<oneshot::Sender<Shutdown>>,
    stopped: Option<oneshot::Receiver<Drained>>,
    thread: Option<JoinHandle<()>>,
    patience: Duration,
}

impl TestGateway {
    /// With the embedded replay provider and its models.
    ///
    /// # Panics
    /// If it cannot be started.
    pub async fn start() -> Self {
        Self::with_settings("").await
    }

    /// With recordings and a model for each, under its name.
    ///
    /// ```
    /// # actix_web::rt::System::new().block_on(async {
    /// use herald::{providers::replay::library::ReplayLibrary, testkit::TestGateway};
    ///
    /// let recordings = ReplayLibrary::from_dir("settings/recordings").unwrap().without_pauses();
    /// let gateway = TestGateway::playing(recordings).await;
    /// let request = awc::Client::default().post(format!("{}/chat/completions", gateway.base_url()));
    /// let answer = request.send_body(r#"{"model":"rate-limited","messages":[]}"#).await.unwrap();
    /// assert_eq!(answer.headers().get("retry-after").unwrap(), "2");
    /// # });
    /// ```
    ///
    /// # Panics
    /// If there is no recording, or a name is none that a model can have.
    pub async fn playing(recordings: ReplayLibrary) -> Self {
        let gateway = Gateway::playing(recordings);
        Self::run(gateway.unwrap_or_else(|found| panic!("{found}"))).await
    }

    /// With one provider, `scripted`, and one model, `scripted-model`, which asks it for the same.
    ///
    /// # Panics
    /// If it cannot be started.
    pub async fn in_front_of(provider: &ScriptedProvider) -> Self {
        Self::tuned(provider, "").await
    }

    /// As [`in_front_of`](Self::in_front_of), with settings of the test's own beside: TOML, in which
    /// `[[providers]]` and `[[models]]` are there already.
    ///
    /// # Panics
    /// If the settings are refused.
    pub async fn tuned(provider: &ScriptedProvider, settings: &str) -> Self {
        Self::with_settings(&format!(
            "{settings}\n\
             [[providers]]\nid = \"scripted\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
             [[models]]\nid = \"scripted-model\"\n\
             targets = [{{ provider = \"scripted\", model = \"scripted-model\" }}]\n",
            provider.base_url(),
        ))
        .await
    }

    /// With settings as they would stand in a file; `server.listen` is replaced, and `admin.listen`
    /// unless it is `"off"`; proxies of the environment are not used.
    ///
    /// # Panics
    /// If the settings are refused.
    pub async fn with_settings(toml: &str) -> Self {
        let mut settings = Settings::from_toml(toml)
            .and_then(|settings| settings.verify(&ProcessEnvironment))
            .unwrap_or_else(|found| panic!("{found}"));
        settings.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let any = settings.server.listen;
        settings.admin.listen = settings.admin.listen.map(|_| any);
        settings.server.workers = 1;
        settings.client_parts.proxy_from_environment = false;
        Self::run(Gateway::new(settings)).await
    }

    /// Runs a gateway as it stands.
    ///
    /// # Panics
    /// If its address cannot be bound.
    pub async fn run(gateway: Gateway) -> Self {
        let serving = gateway.clone();
        Self::run_as(gateway, move || serving.run()).await
    }

    /// Runs a gateway whose settings can be changed on its admin listener.
    ///
    /// # Panics
    /// If its address cannot be bound.
    pub async fn run_controlled(gateway: Gateway, control: SettingsControl) -> Self {
        let serving = gateway.clone();
        Self::run_as(gateway, move || serving.run_controlled(control)).await
    }

    async fn run_as(
        gateway: Gateway,
        run: impl FnOnce() -> io::Result<RunningGateway> + Send + 'static,
    ) -> Self {
        let (stop, told_to_stop) = oneshot::channel();
        let (ended, stopped) = oneshot::channel();
        let (bound, address) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let running = run().unwrap_or_else(|error| panic!("{error}"));
                let handle = running.handle();
                // A test that is gone does not wait for the address.
                let _ = bound.send((running.address(), running.admin_address()));
                let (begin, begun) = oneshot::channel();
                actix_web::rt::spawn(async move {
                    match told_to_stop.await {
                        Ok(shutdown) => drop(begin.send(shutdown)),
                        // Dropped: no drain, no waiting.
                        Err(_) => handle.stop(false).await,
                    }
                });
                let stop = async {
                    match begun.await {
                        Ok(shutdown) => shutdown,
                        Err(_) => std::future::pending().await,
                    }
                };
                let drained = running.serve(stop).await;
                let drained = drained.unwrap_or_else(|error| panic!("{error}"));
                // A test that is gone does not wait for the end.
                let _ = ended.send(drained);
            });
        });
        let (address, admin_address) = address
            .await
            .expect("the gateway thread said why it failed");
        Self {
            address,
            admin_address,
            gateway,
            stop: Some(stop),
            stopped: Some(stopped),
            thread: Some(thread),
            patience: Duration::from_secs(10),
        }
    }

    /// Sets how long its end waits for what its requests have left behind. The ten seconds that it
    /// waits else are enough for a client's leave to be noticed and for the rest of a framing, on a
    /// machine under load.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its admin listener listens.
    ///
    /// # Panics
    /// If it is off.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address.expect("the admin listener is off")
    }

    /// What an SDK takes as its base URL.
    #[must_use]
    pub fn base_url(&self) -> String {
        let is_tls = self.gateway.settings().tls.is_some();
        let scheme = if is_tls { "https" } else { "http" };
        format!("{scheme}://{}/v1", self.address)
    }

    /// The gateway itself.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Begins a shutdown, as SIGINT does: `server.drain_delay` is not waited for.
    pub fn stop(&mut self) {
        self.shut_down(Shutdown::Prompt);
    }

    /// Begins a shutdown, as SIGTERM does.
    pub fn terminate(&mut self) {
        self.shut_down(Shutdown::Announced);
    }

    fn shut_down(&mut self, shutdown: Shutdown) {
        if let Some(stop) = self.stop.take() {
            // A gateway that has stopped already needs no telling.
            let _ = stop.send(shutdown);
        }
    }

    /// Waits until the server has stopped, for 10 s at most, and says what the shutdown came to.
    ///
    /// # Panics
    /// If it goes on, or was waited for before.
    pub async fn stopped(&mut self) -> Drained {
        let stopped = self.stopped.take().expect("it is waited for once");
        let patience = Duration::from_secs(10);
        let ended = tokio::time::timeout(patience, stopped).await;
        let ended = ended.expect("the gateway did not stop within ten seconds");
        ended.expect("the gateway's thread ended well")
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        let is_orderly = !std::thread::panicking();
        let is_serving = self.stop.is_some();
        let mut left = None;
        if is_orderly && is_serving {
            left = Remains::after(&self.gateway, self.patience);
        }
        self.stop.take();
        self.gateway.drain().end();
        let ended = self.thread.take().map(JoinHandle::join);
        if !is_orderly {
            return;
        }
        assert!(
            !matches!(ended, Some(Err(_))),
            "the gateway's thread panicked"
        );
        if !is_serving {
            left = Remains::after(&self.gateway, self.patience);
        }
        if let Some(left) = left {
            panic!("requests have left something behind: {left:?}");
        }
    }
}
