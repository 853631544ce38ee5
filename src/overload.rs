//! Whether a worker has more to do than it can, and whom it refuses then.
//!
//! A worker is one thread: what it cannot do at once waits in its queue, and all that it serves waits
//! there again at each step. So how late a timer wakes is how long that queue is, whatever fills it. A
//! probe measures that while completions come, [`Shedding`] makes a share of it, and that share of the
//! new completions is refused before anything else is asked of them. The others then go on as ever,
//! with a latency that follows from `server.overload_lag` and not from how many came.

mod shedding;

use std::{cell::Cell, rc::Rc, time::Duration};

use actix_web::web;
use tokio::time::{Instant, sleep_until};

use self::shedding::Shedding;
use crate::startup::Gateway;

/// How long the probe sleeps between two measurements.
const PACE: Duration = Duration::from_millis(25);

/// How late one worker is. Each has its own, on its own thread.
#[derive(Debug, Default)]
pub(crate) struct Overload {
    shedding: Cell<Shedding>,
    /// What [`Shedding`] has last said, where a request finds it at the price of a load.
    share: Cell<f64>,
    is_probed: Cell<bool>,
}

impl Overload {
    /// Whether a completion that comes now is refused. `tolerated` is `server.overload_lag`; zero
    /// refuses none.
    ///
    /// The first that comes begins a probe, which ends with the first measurement that is not late. So
    /// a worker without new completions has no timer that wakes it, and a paused clock moves on.
    pub(crate) fn refuses(
        self: &Rc<Self>,
        gateway: &web::Data<Gateway>,
        tolerated: Duration,
    ) -> bool {
        if tolerated.is_zero() {
            return false;
        }
        if !self.is_probed.replace(true) {
            actix_web::rt::spawn(Rc::clone(self).probe(gateway.clone()));
        }
        let share = self.share.get();
        share > 0.0 && fastrand::f64() < share
    }

    /// Measures until the worker is not late.
    async fn probe(self: Rc<Self>, gateway: web::Data<Gateway>) {
        loop {
            let due = Instant::now() + PACE;
            sleep_until(due).await;
            let now = Instant::now();
            let lag = now.duration_since(due);
            #[cfg(feature = "testkit")]
            let lag = lag.max(gateway.pretended_lag());
            gateway.metrics().worker_lag(lag);
            let tolerated = gateway.settings().server.overload_lag;
            if self.observe(now, lag, tolerated) {
                break;
            }
        }
        self.is_probed.set(false);
    }

    /// Takes a measurement; whether it leaves the worker calm.
    fn observe(&self, now: Instant, lag: Duration, tolerated: Duration) -> bool {
        let before = self.shedding.get();
        let after = before.after(now, lag, tolerated);
        self.shedding.set(after);
        self.share.set(after.share());
        match (before.is_refusing(), after.is_refusing()) {
            (false, true) => {
                let lag_ms = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(lag_ms, "a worker is late: it refuses new completions");
            }
            (true, false) => tracing::info!("a worker is late no more: it refuses nobody"),
            _ => {}
        }
        after.is_calm()
    }
}

#[cfg(test)]
mod tests;
