//! What tells a call that it must end although its provider and its client go on.

use std::fmt;

use futures_util::future::LocalBoxFuture;
use tokio::sync::watch;

use super::OpenStream;
use crate::{drain::Draining, upstream::UpstreamError};

/// Watches for the end of the gateway, and for an operator who ends this one stream.
pub struct StopSignal {
    draining: Draining,
    cancelled: watch::Receiver<bool>,
    /// What waits for either. Kept, because whoever waits for bytes too begins to wait anew with each of
    /// them, and to ask two watches anew costs as much as to pass an event.
    waiting: Option<LocalBoxFuture<'static, UpstreamError>>,
}

impl StopSignal {
    /// The signal of one stream.
    #[must_use]
    pub fn new(draining: Draining, stream: &OpenStream) -> Self {
        Self {
            draining,
            cancelled: stream.cancelled.subscribe(),
            waiting: None,
        }
    }

    /// Why the call must end, if it must.
    #[must_use]
    pub fn reason(&self) -> Option<UpstreamError> {
        if *self.cancelled.borrow() {
            return Some(UpstreamError::Cancelled);
        }
        self.draining.has_ended().then_some(UpstreamError::Draining)
    }

    /// Resolves when the call must end, with the reason.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub async fn stopped(&mut self) -> UpstreamError {
        let waiting = self.waiting.get_or_insert_with(|| {
            let (mut draining, mut cancelled) = (self.draining.clone(), self.cancelled.clone());
            Box::pin(async move {
                tokio::select! {
                    biased;
                    true = is_cancelled(&mut cancelled) => UpstreamError::Cancelled,
                    () = draining.ended() => UpstreamError::Draining,
                }
            })
        });
        let reason = waiting.await;
        self.waiting = None;
        reason
    }

    /// Resolves when the gateway begins to shut down: for what is done for nobody who waits.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub async fn draining(&mut self) {
        self.draining.begun().await;
    }
}

impl Clone for StopSignal {
    fn clone(&self) -> Self {
        Self {
            draining: self.draining.clone(),
            cancelled: self.cancelled.clone(),
            waiting: None,
        }
    }
}

impl fmt::Debug for StopSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopSignal").finish_non_exhaustive()
    }
}

/// False: the stream is gone, so nobody can cancel it.
async fn is_cancelled(cancelled: &mut watch::Receiver<bool>) -> bool {
    cancelled
        .wait_for(|is_cancelled| *is_cancelled)
        .await
        .is_ok()
}
