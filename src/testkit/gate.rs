//! A gate between a test and a script.

use std::sync::Arc;

use tokio::sync::watch;

/// Holds a script at [`Script::wait`](super::Script::wait) until the test opens it.
///
/// This is how a test orders events without sleeping: first see that what should happen before has
/// happened, then open. Clones are the same gate. Opened once, it stays open, for every script.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A shut gate.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Opens it. Whoever waits goes on; whoever comes later does not wait.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Whether it has been opened.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is open.
    pub(super) async fn opened(&self) {
        self.0
            .subscribe()
            .wait_for(|is_open| *is_open)
            .await
            .expect("the sender is borrowed, so it lives");
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
