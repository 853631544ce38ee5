//! What the client was told.

use bytes::Bytes;
use serde_json::Value;

use super::{headers::Headers, verdict::bounded};
use crate::upstream::sse_decoder::{SseDecoder, SseEvent};

/// An answer's head.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) headers: Headers,
    /// The status line and the headers as they came.
    pub(super) raw: Bytes,
    /// The statuses of the interim answers before it.
    pub(super) interim: Vec<u16>,
}

/// An answer as far as it went.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) head: Head,
    /// Without its framing.
    pub(super) body: Bytes,
    pub(super) end: End,
}

/// How an answer ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    /// It has not.
    Open,
    /// As its framing has it.
    Whole,
    /// The connection closed before.
    Cut,
    /// The connection was reset before.
    Reset,
    /// Its framing cannot be read, and why.
    Unreadable(String),
}

/// How much of a body is shown, in characters.
const SHOWN: usize = 160;

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.head.status
    }

    /// Whether it is a stream of events.
    pub(super) fn is_stream(&self) -> bool {
        self.head.headers.media_type() == "text/event-stream"
    }

    /// The events of the body, as WHATWG HTML has a client read them.
    pub(super) fn events(&self) -> Vec<SseEvent> {
        let mut decoder = SseDecoder::new(usize::MAX);
        decoder.push(self.body.clone());
        let mut events = Vec::new();
        while let Ok(Some(event)) = decoder.next_event() {
            events.push(event);
        }
        events
    }

    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Whether the client can see that the answer is not whole.
    pub(super) fn is_visibly_cut(&self) -> bool {
        matches!(self.end, End::Cut | End::Reset | End::Unreadable(_))
    }

    /// The status and the end, and the last of the body.
    pub(super) fn summary(&self) -> String {
        let end = match &self.end {
            End::Open => "still open".to_owned(),
            End::Whole => "whole".to_owned(),
            End::Cut => "the connection closed before the end".to_owned(),
            End::Reset => "the connection was reset".to_owned(),
            End::Unreadable(reason) => format!("unreadable, {reason}"),
        };
        let text = String::from_utf8_lossy(&self.body);
        let body = match self.is_stream() {
            false => bounded(&text, SHOWN),
            true => {
                let events = self.events();
                let last = events.last().map_or("none", |event| &event.data);
                format!("{} events, the last {}", events.len(), bounded(last, SHOWN))
            }
        };
        format!("{} ({end}): {body}", self.status())
    }
}
