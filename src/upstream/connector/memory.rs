//! Connections that never leave the process: for the replay provider and for tests.

use std::fmt;

use tokio::io::DuplexStream;

/// The far side of in-memory connections.
///
/// Each call of [`accept`](Self::accept) is one new connection; bytes written by awc are read from
/// `io`, and what is written to `io` is the answer, HTTP/1.1 on the wire like any other.
pub trait MemoryServer: Send + Sync + fmt::Debug {
    /// Takes a new connection. Called on a worker's thread inside its `LocalSet`, so an
    /// implementation spawns its work with [`actix_web::rt::spawn`] and returns at once.
    fn accept(&self, io: DuplexStream);
}
