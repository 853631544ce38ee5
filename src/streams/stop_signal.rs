//! What tells a call that it must end although its provider and its client go on.

use tokio::sync::watch;

use super::OpenStream;
use crate::{drain::Draining, upstream::UpstreamError};

/// Watches for the end of the gateway, and for an operator who ends this one stream.
#[derive(Clone, Debug)]
pub struct StopSignal {
    draining: Draining,
    cancelled: watch::Receiver<bool>,
}

impl StopSignal {
    /// The signal of one stream.
    #[must_use]
    pub fn new(draining: Draining, stream: &OpenStream) -> Self {
        Self {
            draining,
            cancelled: stream.cancelled.subscribe(),
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
        tokio::select! {
            biased;
            true = is_cancelled(&mut self.cancelled) => UpstreamError::Cancelled,
            () = self.draining.ended() => UpstreamError::Draining,
        }
    }
}

/// False: the stream is gone, so nobody can cancel it.
async fn is_cancelled(cancelled: &mut watch::Receiver<bool>) -> bool {
    cancelled
        .wait_for(|is_cancelled| *is_cancelled)
        .await
        .is_ok()
}
