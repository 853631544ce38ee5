//! Events kept back until the head is committed.

use super::sse_decoder::SseEvent;

/// How the hold of a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldEnd {
    /// The first content event came.
    Event,
    /// `clocks.hold` ran out.
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
    max_events: usize,
    max_bytes: usize,
}

impl HeldEvents {
    /// Nothing held yet. Bounds: settings `stream.held_events` and `stream.held_bytes`.
    #[must_use]
    pub fn new(max_events: usize, max_bytes: usize) -> Self {
        Self {
            events: Vec::new(),
            bytes: 0,
            max_events,
            max_bytes,
        }
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
    use super::*;

    fn event(data: &str) -> SseEvent {
        SseEvent {
            event: None,
            id: None,
            data: data.into(),
        }
    }

    #[test]
    fn held_events_come_out_in_order() {
        let mut held = HeldEvents::new(10, 1000);
        assert!(!held.keep(event("a")) && !held.keep(event("b")));
        assert_eq!(held.take(), [event("a"), event("b")]);
        assert_eq!(held.take(), []);
    }

    #[test]
    fn either_bound_calls_for_commit() {
        let mut held = HeldEvents::new(2, 1000);
        assert!(!held.keep(event("a")));
        assert!(held.keep(event("b")));
        let mut held = HeldEvents::new(10, 3);
        assert!(!held.keep(event("aa")));
        assert!(held.keep(event("b")));
    }
}
