//! The gateway's end, as its streams see it.

use tokio::sync::watch;

/// How far a shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// Readiness is off; streams go on.
    Draining,
    /// Streams must end.
    Ended,
}

/// Sets the phase; owned by the gateway.
#[derive(Debug)]
pub struct Drain(watch::Sender<Phase>);

impl Default for Drain {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Serving))
    }
}

impl Drain {
    /// Begins the shutdown: readiness goes off, new requests are refused, calls in flight go on.
    pub fn begin(&self) {
        self.0.send_if_modified(|phase| {
            let is_new = *phase < Phase::Draining;
            *phase = (*phase).max(Phase::Draining);
            is_new
        });
    }

    /// Tells the streams that are left to end with `gateway_draining`.
    pub fn end(&self) {
        self.0.send_replace(Phase::Ended);
    }

    /// Whether the shutdown has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() > Phase::Serving
    }

    /// Resolves when no call is running.
    pub async fn idle(&self) {
        self.0.closed().await;
    }

    /// What a call watches.
    #[must_use]
    pub fn watch(&self) -> Draining {
        Draining(self.0.subscribe())
    }
}

/// Watches for the moment when streams must end.
#[derive(Clone, Debug)]
pub struct Draining(watch::Receiver<Phase>);

impl Draining {
    /// Whether streams must end.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        *self.0.borrow() == Phase::Ended
    }

    /// Resolves when streams must end; never, where the gateway is just dropped.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub async fn ended(&mut self) {
        if self
            .0
            .wait_for(|phase| *phase == Phase::Ended)
            .await
            .is_err()
        {
            std::future::pending().await
        }
    }
}
