//! Whether a connection broke because it had been idle for too long.
//!
//! A provider may close an idle connection at the very moment at which Herald sends a request on it. To
//! the provider it was idle, to Herald a request is under way (RFC 9112 section 9.5). Nobody has acted
//! on that request, and it can be sent again. Seen from here, it looks like a provider that took the
//! request and died; what tells them apart is the time: a close that crossed the request on its way is
//! here within a round trip.

use std::{io, time::Duration};

use tokio::time::Instant;

/// How long after its first byte a request can still have crossed the close of an idle connection:
/// longer than any round trip, with a lost packet in it, and shorter than a completion takes.
const CROSSING: Duration = Duration::from_secs(1);

/// A connection that had served before was closed, and no byte of an answer came.
///
/// It travels through awc inside an [`io::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed while it was idle")]
pub(crate) struct StaleConnection;

/// What a connection has been used for.
#[derive(Debug, Default)]
pub(super) struct Reuse {
    has_served: bool,
    /// When the request under way began; `None` on a connection's first.
    repeated_at: Option<Instant>,
}

impl Reuse {
    /// Notes that a request begins.
    pub(super) fn begin_request(&mut self) {
        self.repeated_at = self.has_served.then(Instant::now);
    }

    /// Notes that an answer has come to its end.
    pub(super) fn end_answer(&mut self) {
        self.has_served = true;
    }

    /// Says of an error, met before any byte of an answer, if it is the close of an idle connection.
    pub(super) fn explain(&self, error: io::Error) -> io::Error {
        let is_close = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
        );
        match self.repeated_at {
            Some(at) if is_close && at.elapsed() <= CROSSING => {
                io::Error::new(error.kind(), StaleConnection)
            }
            _ => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_stale(reuse: &Reuse, kind: io::ErrorKind) -> bool {
        let error = reuse.explain(kind.into());
        assert_eq!(error.kind(), kind);
        error
            .get_ref()
            .is_some_and(|cause| cause.is::<StaleConnection>())
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_connection_that_has_served_and_breaks_at_once_was_closed_while_idle() {
        let mut reuse = Reuse::default();
        reuse.begin_request();
        assert!(!is_stale(&reuse, io::ErrorKind::UnexpectedEof));
        reuse.end_answer();
        reuse.begin_request();
        for (kind, stale) in [
            (io::ErrorKind::UnexpectedEof, true),
            (io::ErrorKind::ConnectionReset, true),
            // Nobody closed it: the provider is out of reach, and may be at work.
            (io::ErrorKind::TimedOut, false),
        ] {
            assert_eq!(is_stale(&reuse, kind), stale, "{kind}");
        }
        tokio::time::advance(CROSSING).await;
        assert!(is_stale(&reuse, io::ErrorKind::UnexpectedEof));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!is_stale(&reuse, io::ErrorKind::UnexpectedEof));
    }
}
