//! What happened at the scripted provider, in order, and how a test waits for it.

use std::{fmt, io, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::ReceivedRequest;

/// Something that happened at the scripted provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderEvent {
    /// When, on the clock of the runtime that the provider runs in: the real one over TCP and TLS.
    pub at: Instant,
    /// On which connection, counted from 1 in the order of connecting.
    pub connection: usize,
    /// With which request of that connection, counted from 1; 0 before the first.
    pub request: usize,
    /// What.
    pub what: Happened,
}

/// What can happen at the scripted provider.
///
/// A connection's events run from `Connected` to `ConnectionClosed`. Between them each request has a
/// `RequestHead`, then at most one of `ScriptFinished` and `CallerLeft`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happened {
    /// A caller connected; over TLS the handshake is still to come.
    Connected,
    /// The TLS handshake succeeded.
    TlsEstablished {
        /// The host name that the caller asked for; `None` for an address.
        server_name: Option<String>,
        /// The protocol agreed on by ALPN.
        protocol: Option<String>,
    },
    /// The TLS handshake failed, for this reason.
    TlsFailed(String),
    /// A request's head arrived.
    RequestHead {
        /// The method as written.
        method: String,
        /// The request target as written.
        path: String,
    },
    /// The request arrived whole and stands in `requests()`.
    RequestReceived,
    /// What arrived is not HTTP/1.1, for this reason; the connection is closed.
    RequestUnreadable(String),
    /// No script was left for this request: it is answered with status 500.
    NoScript,
    /// The head of the answer was written.
    HeadSent,
    /// The script stands at a gate that is not open, or stalls.
    Waiting,
    /// The caller has taken nothing for 100 ms although there is more to write.
    Blocked {
        /// Bytes of this answer that the connection had accepted by then, head and framing included.
        sent: u64,
    },
    /// The caller takes bytes again.
    Unblocked,
    /// All steps were played.
    ScriptFinished {
        /// Bytes of this answer that the connection accepted, head and framing included.
        sent: u64,
    },
    /// The caller left after its request's head and before the script had been played to its end.
    CallerLeft {
        /// By what sign this was seen.
        how: Departure,
        /// Bytes of this answer that the connection had accepted by then.
        sent: u64,
    },
    /// The provider has let go of the connection, whoever left first.
    ConnectionClosed,
}

/// By what sign a caller's leave is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It closed the connection (FIN). A caller that closes only its sending half counts as gone.
    Eof,
    /// It reset the connection (RST). A kernel sends this too, in place of a FIN, for a program that
    /// closes a socket with bytes in it that it has not read.
    Reset,
}

impl From<io::Error> for Departure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Self::Reset,
            _ => Self::Eof,
        }
    }
}

/// All that happened so far.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) events: Vec<ProviderEvent>,
    pub(super) requests: Vec<ReceivedRequest>,
}

/// The log, written by the connections and watched by the test.
#[derive(Debug, Default)]
pub(super) struct Record(watch::Sender<Log>);

impl Record {
    /// Notes an event, at this instant.
    pub(super) fn note(&self, connection: usize, request: usize, what: Happened) {
        let at = Instant::now();
        let event = ProviderEvent {
            at,
            connection,
            request,
            what,
        };
        self.0.send_modify(|log| log.events.push(event));
    }

    /// Notes a whole request, at this instant.
    pub(super) fn note_request(&self, request: ReceivedRequest) {
        let event = ProviderEvent {
            at: Instant::now(),
            connection: request.connection,
            request: request.request,
            what: Happened::RequestReceived,
        };
        self.0.send_modify(|log| {
            log.requests.push(request);
            log.events.push(event);
        });
    }

    /// Reads something out of the log as it is now.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Log) -> T) -> T {
        read(&self.0.borrow())
    }

    /// Waits until `find` finds something in the log, which may be there already.
    ///
    /// # Panics
    /// After `patience`, telling what was awaited and the whole log.
    pub(super) async fn wait<T>(
        &self,
        patience: Duration,
        awaited: &str,
        mut find: impl FnMut(&Log) -> Option<T>,
    ) -> T {
        let mut found = None;
        let mut log = self.0.subscribe();
        let search = async {
            let is_found = |log: &Log| {
                found = find(log);
                found.is_some()
            };
            log.wait_for(is_found).await.is_ok()
        };
        if timeout(patience, search).await.is_err() {
            panic!(
                "the scripted provider waited {patience:?} in vain for {awaited}. What happened:\n{}",
                *self.0.borrow()
            );
        }
        found.expect("the sender is borrowed, so the search ends by finding")
    }
}

/// For the message of a wait in vain: each event with its seconds since the first, then the requests
/// with the beginnings of their bodies.
impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.events.first() else {
            return f.write_str("  nothing: no caller connected");
        };
        for event in &self.events {
            let ProviderEvent {
                at,
                connection,
                request,
                what,
            } = event;
            let seconds = (*at - first.at).as_secs_f64();
            writeln!(
                f,
                "  +{seconds:.3} s  connection {connection}, request {request}: {what:?}"
            )?;
        }
        for ReceivedRequest {
            connection,
            request,
            body,
            ..
        } in &self.requests
        {
            let shown = String::from_utf8_lossy(&body[..body.len().min(SHOWN_BODY_BYTES)]);
            writeln!(
                f,
                "  body of connection {connection}, request {request} ({} bytes): {shown}",
                body.len()
            )?;
        }
        Ok(())
    }
}

/// How much of a request's body a failure message shows.
const SHOWN_BODY_BYTES: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "waited 10s in vain for a miracle. What happened:\n  \
                               +0.000 s  connection 1, request 0: Connected\n  \
                               +2.000 s  connection 1, request 0: ConnectionClosed")]
    async fn a_wait_in_vain_panics_with_all_that_happened() {
        let record = Record::default();
        record.note(1, 0, Happened::Connected);
        tokio::time::advance(Duration::from_secs(2)).await;
        record.note(1, 0, Happened::ConnectionClosed);
        record
            .wait(Duration::from_secs(10), "a miracle", |_| None::<()>)
            .await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "nothing: no caller connected")]
    async fn a_wait_in_vain_says_when_nobody_came() {
        Record::default()
            .wait(Duration::from_secs(10), "a caller", |_| None::<()>)
            .await;
    }
}
