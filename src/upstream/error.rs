//! What can go wrong between Herald and a provider.

use std::time::Duration;

use humantime::format_duration;

use super::clocks::Clock;
use crate::{completion::ProviderError, providers::BadDocument};

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
    #[error("no connection within {} (clocks.connect)", format_duration(*.0))]
    Timeout(Duration),
}

/// What went wrong with the provider's side of a call.
///
/// The text says what the provider did, beginning in lower case, so that it reads on from
/// "provider `x`: …". It never holds what a prompt or a completion said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A clock other than `connect` ran out; `connect` is told as [`ConnectError::Timeout`].
    #[error("{} within {} (clocks.{clock})", waited_for(*clock), format_duration(*length))]
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
    /// The answer ended before it was whole.
    #[error("its answer ended before it was whole")]
    Truncated,
    /// The stream ended before anything was said.
    #[error("its stream ended before any content")]
    Empty,
    /// The answer is encoded although only `identity` was asked for.
    #[error("its answer has a content-encoding although none was asked for")]
    ContentEncoding,
    /// An answer to a stream request is no event stream.
    #[error("its answer to a stream request is no event stream but {0}")]
    NotAStream(String),
    /// An answer to a request for a document is no JSON.
    #[error("its answer is no JSON document")]
    NotJson,
    /// An event is larger than `upstream.max_event_bytes`.
    #[error("an event is larger than {limit} bytes (upstream.max_event_bytes)")]
    EventTooLarge {
        /// The setting.
        limit: usize,
    },
    /// A JSON answer, or a stream whose last event has to repeat it, is larger than
    /// `upstream.max_body_bytes`.
    #[error("its answer is larger than {limit} bytes (upstream.max_body_bytes)")]
    BodyTooLarge {
        /// The setting.
        limit: usize,
    },
    /// An event is nothing that the provider's protocol knows.
    #[error("an event of its stream holds no JSON object")]
    BadEvent,
    /// It answered with a status that is no success.
    #[error("it answered with status {status}")]
    Status {
        /// The status.
        status: u16,
        /// Its own account.
        error: ProviderError,
    },
    /// An event of its stream, or a document under a success, tells of an error.
    #[error("it told of an error in an answer that began well")]
    ErrorEvent(ProviderError),
    /// The gateway is shutting down and could not wait for the end.
    #[error("the gateway is shutting down")]
    Draining,
    /// An operator of the gateway ended the stream.
    #[error("an operator of the gateway ended the request")]
    Cancelled,
    /// Another attempt beside it served, or the call was over before it was ready: nobody is told this as
    /// the end of a request.
    #[error("another attempt served in its place")]
    Hedged,
}

impl From<BadDocument> for UpstreamError {
    fn from(bad: BadDocument) -> Self {
        match bad {
            BadDocument::CutShort => Self::Truncated,
            BadDocument::NoDocument => Self::NotJson,
            BadDocument::Error(error) => Self::ErrorEvent(error),
        }
    }
}

/// What had not happened when a clock ran out.
fn waited_for(clock: Clock) -> &'static str {
    match clock {
        Clock::Connect => "no connection",
        Clock::Head => "no answer",
        Clock::FirstEvent => "no content",
        Clock::Idle => "nothing more",
        Clock::Total => "the answer was not complete",
    }
}

impl UpstreamError {
    /// The code under which clients, logs and metrics know it. Those of a clock name the clock.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Connect(error) => match error {
                ConnectError::Dns => "upstream_dns",
                ConnectError::Refused => "upstream_refused",
                ConnectError::Unreachable => "upstream_unreachable",
                ConnectError::TlsCertificate => "upstream_tls_certificate",
                ConnectError::TlsHandshake => "upstream_tls",
                ConnectError::Proxy => "upstream_proxy",
                ConnectError::Timeout(_) => "upstream_connect",
            },
            Self::Clock { clock, .. } => match clock {
                Clock::Connect => "upstream_connect",
                Clock::Head => "upstream_head",
                Clock::FirstEvent => "upstream_first_event",
                Clock::Idle => "upstream_idle",
                Clock::Total => "upstream_total",
            },
            Self::BadHead(_) => "upstream_bad_head",
            Self::Reset => "upstream_reset",
            Self::Truncated => "upstream_truncated",
            Self::Empty => "upstream_empty",
            Self::ContentEncoding => "upstream_content_encoding",
            Self::NotAStream(_) => "upstream_not_a_stream",
            Self::NotJson => "upstream_not_json",
            Self::EventTooLarge { .. } => "upstream_event_too_large",
            Self::BodyTooLarge { .. } => "upstream_body_too_large",
            Self::BadEvent => "upstream_bad_event",
            Self::Status { status, .. } => code_of_status(*status),
            Self::ErrorEvent(_) => "upstream_error_event",
            Self::Draining => "gateway_draining",
            Self::Cancelled => "gateway_cancelled",
            Self::Hedged => "gateway_hedged",
        }
    }

    /// Whether Herald itself made the end.
    #[must_use]
    pub fn is_own(&self) -> bool {
        matches!(self, Self::Draining | Self::Cancelled | Self::Hedged)
    }

    /// The provider's own account, where it gave one.
    #[must_use]
    pub fn provider_error(&self) -> Option<&ProviderError> {
        match self {
            Self::Status { error, .. } | Self::ErrorEvent(error) => Some(error),
            _ => None,
        }
    }

    /// The status that the provider's answer or error event names, if it names one.
    #[must_use]
    pub fn named_status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::ErrorEvent(error) => error.status,
            _ => None,
        }
    }
}

/// Herald's own code for a status of the provider that is not passed on.
fn code_of_status(status: u16) -> &'static str {
    match status {
        300..=399 => "upstream_redirect",
        401 => "upstream_auth",
        402 => "upstream_payment_required",
        403 => "upstream_forbidden",
        404 => "upstream_not_found",
        407 => "upstream_proxy_auth",
        408 | 504 => "upstream_timeout",
        429 => "upstream_rate_limited",
        503 | 529 => "upstream_overloaded",
        400..=499 => "upstream_rejected",
        500..=599 => "upstream_error",
        _ => "upstream_bad_status",
    }
}
