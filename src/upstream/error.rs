//! What can go wrong between Herald and a provider.

use std::time::Duration;

use super::clocks::Clock;

/// Why a connection to a provider could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The host name has no address, or the resolver failed.
    #[error("its host name could not be resolved")]
    Dns,
    /// Every address refused the connection.
    #[error("it refused the connection")]
    Refused,
    /// No address could be reached (no route, network down, reset while connecting, …).
    #[error("it could not be reached")]
    Unreachable,
    /// The certificate is not one that we trust for this host.
    #[error("its TLS certificate was not accepted")]
    TlsCertificate,
    /// The TLS handshake failed for another reason.
    #[error("the TLS handshake failed")]
    TlsHandshake,
    /// The forward proxy could not be reached, or refused the tunnel.
    #[error("the forward proxy did not open a tunnel")]
    Proxy,
    /// `clocks.connect` ran out.
    #[error("no connection within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
}

/// What went wrong with the provider's side of a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A clock other than `connect` ran out; `connect` is told as [`ConnectError::Timeout`].
    #[error("clocks.{clock} ran out after {}", humantime::format_duration(*.length))]
    Clock {
        /// Which.
        clock: Clock,
        /// How long it was.
        length: Duration,
    },
    /// The answer's head could not be understood, was too large, or was a stray 101.
    #[error("its answer has a malformed head: {0}")]
    BadHead(&'static str),
    /// The connection broke: reset, closed before a head, or an I/O error.
    #[error("the connection broke")]
    Reset,
    /// The connection ended in good order, but before the body was as long as its head or its
    /// chunks had said.
    #[error("its answer was cut short")]
    Truncated,
}
