//! Server-sent events out of chunks of bytes.

use bytestring::ByteString;

/// One event as the provider sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event` field; `None` if absent or empty.
    pub event: Option<ByteString>,
    /// The `id` field of this very frame, if it had a valid one.
    pub id: Option<ByteString>,
    /// The `data` lines, joined with LF.
    pub data: ByteString,
}
