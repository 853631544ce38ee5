//! When Herald's head is due, as far as the provider's side tells.

use std::time::Duration;

use super::{
    case::{Case, Said, TICK},
    plan::HELD_EVENTS,
};

/// How many events a translation may put before the first piece of text, or leave out there.
const TRANSLATED: usize = 6;

impl Case<'_> {
    /// When the head of a stream may go out at the earliest, and must at the latest.
    pub(super) fn commit_due(&self) -> Option<(Duration, Duration)> {
        self.commit_due_of(self.serving()?)
    }

    /// The same, if this call served.
    pub(super) fn commit_due_of(&self, said: &Said<'_>) -> Option<(Duration, Duration)> {
        if !said.answer.has_head() {
            return None;
        }
        let ended = said.ended_at();
        let ends = [self.enough_content(said), self.full(said), self.clock(said)];
        let (earliest, latest) = ends.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        let least = |due: Vec<Option<Duration>>| due.into_iter().flatten().chain(ended).min();
        Some((least(earliest)?, least(latest)?))
    }

    /// When there was as much content as commits. A reason for the end alone may come to nothing in another
    /// format.
    fn enough_content(&self, said: &Said<'_>) -> (Option<Duration>, Option<Duration>) {
        let Some(tuning) = self.tuning() else {
            return (None, None);
        };
        let enough = match (tuning.buffer.events, tuning.buffer.time.is_zero()) {
            (0, true) => 1,
            (0, false) => return (None, None),
            (events, _) => events,
        };
        let Some(first) = said.heard.content.get(enough - 1) else {
            return (None, None);
        };
        let early = Some(said.answer.at(*first));
        if self.passes_to(said.call.provider) {
            return (early, early);
        }
        let mut texts = said.heard.texts.iter();
        let late = texts.find(|text| *text >= first);
        (early, late.map(|text| said.answer.at(*text)))
    }

    /// When as many events were held as may be.
    fn full(&self, said: &Said<'_>) -> (Option<Duration>, Option<Duration>) {
        let event = |number: usize| Some(said.answer.at(said.events.get(number)?.end));
        if self.passes_to(said.call.provider) {
            // One that tells of usage alone may not be the client's.
            return (event(HELD_EVENTS - 1), event(HELD_EVENTS));
        }
        let late = said.heard.texts.get(HELD_EVENTS - 1);
        let late = late.map(|text| said.answer.at(*text));
        (event(HELD_EVENTS - 1 - TRANSLATED), late)
    }

    /// When `clocks.hold` was over, or `stream.buffer` in its place.
    fn clock(&self, said: &Said<'_>) -> (Option<Duration>, Option<Duration>) {
        let Some(tuning) = self.tuning() else {
            return (None, None);
        };
        let hold = said.answer.head_at + tuning.hold;
        let buffer = tuning.buffer.time;
        match said.content_at() {
            Some(content) if !buffer.is_zero() && content <= hold + TICK => {
                let buffered = content + buffer;
                if content + TICK < hold {
                    (Some(buffered), Some(buffered))
                } else {
                    // Which of both came first is a matter of less than can be told.
                    (Some(hold.min(buffered)), Some(hold.max(buffered)))
                }
            }
            _ => (Some(hold), Some(hold)),
        }
    }
}
