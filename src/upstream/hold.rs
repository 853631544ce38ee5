//! Events kept back until the head is committed.

use super::sse_decoder::SseEvent;
use crate::settings::StreamBounds;

/// How the hold of a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldEnd {
    /// Content came: its first event, or as many as `stream.buffer_events` says.
    Event,
    /// `clocks.hold` ran out, or `stream.buffer`.
    Clock,
    /// `stream.held_events` or `stream.held_bytes` was reached.
    Bounds,
    /// The stream came to its end without content.
    End,
    /// It failed, so that a real status went out.
    Failed,
}

impl HoldEnd {
    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Clock => "clock",
            Self::Bounds => "bounds",
            Self::End => "end",
            Self::Failed => "failed",
        }
    }
}

/// The events before commit, in order, bounded in number and bytes.
#[derive(Debug)]
pub struct HeldEvents {
    events: Vec<SseEvent>,
    bytes: usize,
    /// How many content events have come.
    content: usize,
    /// How many of them commit.
    enough: usize,
    max_events: usize,
    max_bytes: usize,
}

impl HeldEvents {
    /// Nothing held yet.
    #[must_use]
    pub fn new(bounds: &StreamBounds) -> Self {
        Self {
            events: Vec::new(),
            bytes: 0,
            content: 0,
            enough: match (bounds.buffer_events, bounds.buffer.is_zero()) {
                (0, true) => 1,
                (0, false) => usize::MAX,
                (events, _) => events,
            },
            max_events: bounds.held_events,
            max_bytes: bounds.held_bytes,
        }
    }

    /// Counts a content event. True: with it there are enough to commit.
    #[must_use]
    pub fn note_content(&mut self) -> bool {
        self.content += 1;
        self.content >= self.enough
    }

    /// Keeps an event. True when a bound is reached: then it is time to commit, because nothing is
    /// ever dropped to make room.
    #[must_use]
    pub fn keep(&mut self, event: SseEvent) -> bool {
        self.bytes += event.size();
        self.events.push(event);
        self.events.len() >= self.max_events || self.bytes >= self.max_bytes
    }

    /// All of them, first come first.
    #[must_use]
    pub fn take(&mut self) -> Vec<SseEvent> {
        self.bytes = 0;
        std::mem::take(&mut self.events)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn event(data: &str) -> SseEvent {
        SseEvent {
            event: None,
            id: None,
            data: data.into(),
        }
    }

    const BOUNDS: StreamBounds = StreamBounds {
        queue_events: 1,
        queue_bytes: 1,
        held_events: 10,
        held_bytes: 1000,
        buffer_events: 0,
        buffer: Duration::ZERO,
    };

    #[test]
    fn held_events_come_out_in_order() {
        let mut held = HeldEvents::new(&BOUNDS);
        assert!(!held.keep(event("a")) && !held.keep(event("b")));
        assert_eq!(held.take(), [event("a"), event("b")]);
        assert_eq!(held.take(), []);
    }

    #[test]
    fn either_bound_calls_for_commit() {
        let mut held = HeldEvents::new(&StreamBounds {
            held_events: 2,
            ..BOUNDS
        });
        assert!(!held.keep(event("a")));
        assert!(held.keep(event("b")));
        let mut held = HeldEvents::new(&StreamBounds {
            held_bytes: 3,
            ..BOUNDS
        });
        assert!(!held.keep(event("aa")));
        assert!(held.keep(event("b")));
    }

    #[test]
    fn the_first_content_is_enough_unless_a_buffer_asks_for_more_of_it_or_for_time() {
        let second = Duration::from_secs(1);
        for (buffer_events, buffer, enough) in [
            (0, Duration::ZERO, Some(1)),
            (1, Duration::ZERO, Some(1)),
            (3, Duration::ZERO, Some(3)),
            (3, second, Some(3)),
            (0, second, None),
        ] {
            let mut held = HeldEvents::new(&StreamBounds {
                buffer_events,
                buffer,
                ..BOUNDS
            });
            let came = (1..100).find(|_| held.note_content());
            assert_eq!(came, enough, "{buffer_events} {buffer:?}");
        }
    }
}
