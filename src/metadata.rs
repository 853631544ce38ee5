//! What the provider said, known before any event: the one-shot message, and the policy on it.

pub mod chain;
pub mod clean_text;
pub mod header_policy;
mod header_rules;
pub mod never_forward;
pub mod proxy_status;
pub mod request_headers;
pub mod status_table;
pub mod trace_context;

use std::{fmt, sync::Arc, time::Duration};

use actix::Message;
use bytes::Bytes;

use crate::{
    settings::VerifiedTarget,
    translation::Losses,
    upstream::{UpstreamError, http_client::UpstreamHead},
};

/// The one message that the upstream actor sends to the response actor before any event.
///
/// A value, not the live response: whoever has it can read what the provider said and touch nothing.
/// It is sent when the head is committed, so it speaks of the attempt that serves. Exactly one is
/// taken: by type, because [`Announcer::announce`](crate::upstream::announcer::Announcer::announce)
/// consumes its sender, and by state, because the response actor refuses a second with
/// [`MetadataRefused`].
#[derive(Debug, Message)]
#[rtype(result = "Result<(), MetadataRefused>")]
pub struct UpstreamMetadata {
    /// Status and headers as they came; `None` where no answer came.
    pub head: Option<UpstreamHead>,
    /// What follows.
    pub opening: Opening,
    /// Whose answer it is: that of the attempt that serves, or of the last that failed.
    pub target: Arc<VerifiedTarget>,
    /// How long each step took.
    pub timings: Timings,
    /// What of a document could not be carried to the client; of a stream it is not known yet.
    pub lost: Losses,
}

impl UpstreamMetadata {
    /// A stream begins.
    #[must_use]
    pub fn events(target: Arc<VerifiedTarget>, head: UpstreamHead, timings: Timings) -> Self {
        Self::of(target, Some(head), timings, Opening::Events)
    }

    /// A document is here.
    #[must_use]
    pub fn document(
        target: Arc<VerifiedTarget>,
        head: UpstreamHead,
        timings: Timings,
        document: Bytes,
        lost: Losses,
    ) -> Self {
        Self {
            lost,
            ..Self::of(target, Some(head), timings, Opening::Document(document))
        }
    }

    /// The call failed, with or without an answer.
    #[must_use]
    pub fn failed(
        target: Arc<VerifiedTarget>,
        head: Option<UpstreamHead>,
        timings: Timings,
        error: UpstreamError,
    ) -> Self {
        Self::of(target, head, timings, Opening::Failed(error))
    }

    fn of(
        target: Arc<VerifiedTarget>,
        head: Option<UpstreamHead>,
        timings: Timings,
        opening: Opening,
    ) -> Self {
        Self {
            head,
            opening,
            target,
            timings,
            lost: Losses::default(),
        }
    }
}

/// What follows the head.
pub enum Opening {
    /// Events, through the channel.
    Events,
    /// One JSON document, whole.
    Document(Bytes),
    /// Nothing: the call failed.
    Failed(UpstreamError),
}

/// Tells of a document only how long it is: it is a completion.
impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events => f.write_str("Events"),
            Self::Document(document) => write!(f, "Document({} bytes)", document.len()),
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
        }
    }
}

/// An attempt that failed or was given up before the commit, and that is not the last word.
#[derive(Clone, Debug)]
pub struct FailedAttempt {
    /// Which of the request's attempts it was, counted from 1.
    pub number: u32,
    /// Who was asked.
    pub target: Arc<VerifiedTarget>,
    /// The status of the answer, where one came.
    pub received: Option<u16>,
    /// Why it failed.
    pub error: UpstreamError,
    /// How long it took.
    pub took: Duration,
}

/// How long the steps of the serving attempt took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Until a connection stood (near zero where one was reused).
    pub connect: Option<Duration>,
    /// From there to the provider's head.
    pub head: Option<Duration>,
    /// From the client's request to the first content event; only where the head was held until then.
    pub first_event: Option<Duration>,
}

/// A second metadata message was refused, or the client is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metadata of this request has been given already, or nobody waits for it")]
pub struct MetadataRefused;
