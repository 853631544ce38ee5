//! The signals that ask the process to stop.

use std::io;

use herald::startup::Shutdown;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, SIGINT and SIGQUIT. None of them ends the process by itself any more once they are listened
/// for.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    /// Begins to listen; inside a runtime.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// Waits for the next of them, and says which shutdown it asks for.
    pub(super) async fn next(&mut self) -> Shutdown {
        tokio::select! {
            _ = self.terminate.recv() => Shutdown::Announced,
            _ = self.interrupt.recv() => Shutdown::Prompt,
            _ = self.quit.recv() => Shutdown::Prompt,
        }
    }
}
