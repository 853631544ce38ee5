//! The gateway's end, as its requests see it, and how many of them saw it.

use tokio::sync::watch;

/// How far a shutdown has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    #[default]
    Serving,
    /// Readiness is off, nobody is let in; requests go on.
    Draining,
    /// Requests must end.
    Ended,
    /// The server goes without waiting for them.
    Abandoned,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// Requests that were let in and have not ended.
    running: usize,
    /// How many of them there were when the shutdown began.
    found: usize,
    cut: usize,
}

/// Sets the phase and counts the requests; owned by the gateway.
#[derive(Debug, Default)]
pub struct Drain(watch::Sender<State>);

/// What a shutdown came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Requests that ran when it began and came to an end of their own.
    pub drained: usize,
    /// Requests that did not: they ended with `gateway_draining`, or their connection was dropped.
    pub cut: usize,
}

impl Drain {
    /// Lets a request in, which counts as running until the guard is dropped; `None` once the shutdown
    /// has begun.
    #[must_use]
    pub fn enter(&self) -> Option<Running> {
        let mut is_let_in = false;
        self.0.send_if_modified(|state| {
            is_let_in = state.phase == Phase::Serving;
            state.running += usize::from(is_let_in);
            // Nobody waits for more requests.
            false
        });
        is_let_in.then(|| Running {
            state: self.0.clone(),
            was_cut: false,
        })
    }

    /// Begins the shutdown: readiness goes off, new requests are refused, those let in go on.
    pub fn begin(&self) {
        self.advance(Phase::Draining);
    }

    /// Tells the requests that are left to end with `gateway_draining`.
    pub fn end(&self) {
        self.advance(Phase::Ended);
    }

    /// Counts what still runs as cut: for whoever stops the server next, without waiting for it.
    pub fn abandon(&self) {
        self.advance(Phase::Abandoned);
    }

    fn advance(&self, to: Phase) {
        self.0.send_if_modified(|state| {
            let from = state.phase;
            state.phase = from.max(to);
            if from == Phase::Serving {
                state.found = state.running;
            }
            if from < Phase::Abandoned && to == Phase::Abandoned {
                state.cut += state.running;
            }
            state.phase > from
        });
    }

    /// Whether the shutdown has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.borrow().phase > Phase::Serving
    }

    /// How many requests run, models lists and requests whose body is still read among them.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.borrow().running
    }

    /// Resolves when no request is running. For shutdowns: before one has begun, nobody is told that the last
    /// request has ended, and this may wait for ever.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub async fn idle(&self) {
        let mut state = self.0.subscribe();
        let idle = state.wait_for(|state| state.running == 0).await;
        idle.expect("the sender is borrowed for as long as this waits");
    }

    /// What the shutdown has come to so far.
    pub fn report(&self) -> Drained {
        let state = self.0.borrow();
        let left = match state.phase {
            Phase::Abandoned => 0,
            _ => state.running,
        };
        Drained {
            drained: state.found.saturating_sub(state.cut + left),
            cut: state.cut,
        }
    }

    /// What a call watches.
    #[must_use]
    pub fn watch(&self) -> Draining {
        Draining(self.0.subscribe())
    }
}

/// A request that was let in. Whoever holds it last lets the shutdown go on.
#[derive(Debug)]
pub struct Running {
    state: watch::Sender<State>,
    was_cut: bool,
}

impl Running {
    /// Notes that the request did not come to an end of its own.
    pub fn note_cut(&mut self) {
        self.was_cut = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.state.send_if_modified(|state| {
            state.running -= 1;
            // What was abandoned has been counted.
            state.cut += usize::from(self.was_cut && state.phase < Phase::Abandoned);
            state.running == 0 && state.phase > Phase::Serving
        });
    }
}

/// Watches for the shutdown, and for the moment when streams must end.
#[derive(Clone, Debug)]
pub struct Draining(watch::Receiver<State>);

impl Draining {
    /// Whether streams must end.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.0.borrow().phase >= Phase::Ended
    }

    /// Resolves when the shutdown begins; never, where the gateway is just dropped.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub async fn begun(&mut self) {
        self.reached(Phase::Draining).await;
    }

    /// Resolves when streams must end; never, where the gateway is just dropped.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub async fn ended(&mut self) {
        self.reached(Phase::Ended).await;
    }

    async fn reached(&mut self, phase: Phase) {
        let reached = self.0.wait_for(|state| state.phase >= phase).await;
        if reached.is_err() {
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::future::poll_immediate;

    use super::*;

    #[tokio::test]
    async fn a_shutdown_waits_for_those_let_in_and_lets_nobody_else_in() {
        let drain = Drain::default();
        let (first, second) = (drain.enter().unwrap(), drain.enter().unwrap());
        drain.begin();
        assert!(drain.has_begun() && drain.enter().is_none());
        let mut idle = pin!(drain.idle());
        assert_eq!(poll_immediate(&mut idle).await, None);
        drop(first);
        assert_eq!(poll_immediate(&mut idle).await, None);
        drop(second);
        idle.await;
        let all = Drained { drained: 2, cut: 0 };
        assert_eq!(drain.report(), all);
    }

    #[tokio::test]
    async fn a_watch_resolves_at_the_end_and_not_at_the_beginning() {
        let drain = Drain::default();
        let mut draining = drain.watch();
        let running = drain.enter();
        drain.begin();
        drop(running);
        draining.begun().await;
        assert_eq!(poll_immediate(pin!(draining.ended())).await, None);
        drain.end();
        draining.ended().await;
    }

    #[test]
    fn requests_that_were_cut_are_told_from_those_that_ended_and_each_is_counted_once() {
        let drain = Drain::default();
        drop(drain.enter());
        let [ended, mut cut, mut slow, silent] = [(); 4].map(|()| drain.enter().unwrap());
        drain.begin();
        drop(ended);
        drain.end();
        cut.note_cut();
        drop(cut);
        assert_eq!(drain.report(), Drained { drained: 1, cut: 1 });
        // Told of its end, but its client has not taken that yet.
        slow.note_cut();
        drain.abandon();
        drain.abandon();
        drop((slow, silent));
        assert_eq!(drain.report(), Drained { drained: 1, cut: 3 });
        assert_eq!(drain.running(), 0);
    }
}
