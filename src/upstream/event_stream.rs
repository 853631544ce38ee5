//! An answer that is an event stream: bytes → events → client, under the clocks, to a truthful end.
//!
//! Until the commit it is a `HeldStream`, which knows of no client; with the commit it becomes a
//! `Relay`, which has one and can have no other attempt beside it.

mod held;
mod read_on;
mod relay;
mod stop;

pub(super) use held::HeldStream;

use std::{future::Future, pin::Pin, vec};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    UpstreamError,
    attempt::{AttemptPlan, Opened},
    clocks::{AnswerClocks, Due},
    http_client::{UpstreamBody, UpstreamHead},
    messages::Tally,
    sse_decoder::{SseDecoder, SseEvent},
};
use crate::{
    completion::{CompletionEvent, EventKind},
    error::UpstreamReport,
    event_filter::EventFilter,
    metadata::{Timings, chain::NextHop},
    providers::{self, EventReader},
    routing::outliers::AttemptResult,
};

/// The provider's side of a stream: what its bytes come to for the client.
struct Intake {
    plan: AttemptPlan,
    /// `None` once the provider is let go.
    body: Option<UpstreamBody>,
    decoder: SseDecoder,
    reader: Box<dyn EventReader>,
    filter: EventFilter,
    clocks: AnswerClocks,
    timer: Pin<Box<Sleep>>,
    has_content: bool,
    /// Whether the target was told to have done well.
    is_proven: bool,
    tally: Tally,
    /// Who speaks in the events, where another Herald was asked.
    behind: Option<UpstreamReport>,
}

/// What a wait brought.
enum Turn {
    Bytes(Bytes),
    EndOfBytes,
    Commit,
    /// The timer was early: a clock had started anew meanwhile.
    Nothing,
}

/// What an event of the provider comes to.
enum Meaning {
    /// Events for the client.
    Events { events: Written, is_content: bool },
    /// The end marker.
    End(SseEvent),
    /// An error, which ends the stream.
    Error(SseEvent, UpstreamError),
}

/// The events that one of the provider's comes to. Nearly always it is one, which needs no list.
enum Written {
    One(Option<SseEvent>),
    Many(vec::IntoIter<SseEvent>),
}

impl Iterator for Written {
    type Item = SseEvent;

    fn next(&mut self) -> Option<SseEvent> {
        match self {
            Self::One(event) => event.take(),
            Self::Many(events) => events.next(),
        }
    }
}

impl Intake {
    fn new(plan: AttemptPlan, opened: Opened) -> (Self, UpstreamHead, Timings) {
        let Opened {
            head,
            body,
            timings,
            head_at,
        } = opened;
        let (terms, attempt) = (&plan.terms, &plan.attempt);
        let clocks = AnswerClocks::start(terms.clocks, head_at, terms.total_at());
        let hide_usage = attempt.target.provider.usage_request && !terms.request.wants_usage;
        let intake = Self {
            decoder: SseDecoder::new(terms.settings.upstream.max_event_bytes),
            reader: attempt.api.event_reader(&terms.request),
            filter: EventFilter::new(terms.dialect, &attempt.target.filter, hide_usage),
            timer: Box::pin(sleep_until(clocks.next().0)),
            behind: NextHop::read(&attempt.target.provider, &head.headers)
                .and_then(|hop| hop.origin_of_event()),
            has_content: false,
            is_proven: false,
            tally: Tally::default(),
            body: Some(body),
            clocks,
            plan,
        };
        (intake, head, timings)
    }

    /// What passed, with what only the end can tell.
    fn tally(&mut self) -> Tally {
        self.tally.replaced_utf8 = self.decoder.replaced_utf8();
        if let Some(translation) = &self.plan.attempt.translation {
            self.tally.lost_parts = translation.lost().names().len();
        }
        self.tally
    }

    /// Takes bytes in; true: it is time to commit. A provider that never pauses leaves `turn` no time to
    /// look at anything else, so what is due is seen to here.
    fn take(&mut self, chunk: Bytes) -> Result<bool, UpstreamError> {
        let now = Instant::now();
        let (at, due) = self.clocks.next();
        let is_due = at <= now;
        if is_due && let Due::Expired(clock) = due {
            return Err(self.plan.terms.clocks.expired(clock));
        }
        if let Some(reason) = self.plan.stop.reason() {
            return Err(reason);
        }
        self.clocks.heard(now);
        self.decoder.push(chunk);
        Ok(is_due)
    }

    /// The next event of the bytes that are here.
    fn next_event(&mut self) -> Result<Option<CompletionEvent>, UpstreamError> {
        while let Some(raw) = self.next_raw()? {
            if raw.data.is_empty() {
                // The OpenAI Python SDK fails on an event without data, and none means anything.
                self.tally.empty_events += 1;
                continue;
            }
            return self
                .reader
                .read(raw)
                .map(Some)
                .map_err(|_| UpstreamError::BadEvent);
        }
        Ok(None)
    }

    fn next_raw(&mut self) -> Result<Option<SseEvent>, UpstreamError> {
        let limit = self.plan.terms.settings.upstream.max_event_bytes;
        self.decoder
            .next_event()
            .map_err(|_| UpstreamError::EventTooLarge { limit })
    }

    /// What an event comes to.
    fn meaning(&mut self, event: CompletionEvent) -> Result<Meaning, UpstreamError> {
        self.tally.usage = event.usage.or(self.tally.usage);
        let is_content = match event.kind {
            EventKind::Error(error) => {
                let protocol = providers::protocol(&self.plan.attempt.target.provider.kind);
                let mut error = protocol.complete_error(*error, &event.raw.data);
                // Another Herald passes an event of its provider's as it came.
                let behind = || self.behind.clone().map(Box::new);
                error.origin = error.origin.or_else(behind);
                return Ok(Meaning::Error(event.raw, UpstreamError::ErrorEvent(error)));
            }
            EventKind::End => return Ok(Meaning::End(event.raw)),
            EventKind::Content => {
                self.note_content();
                true
            }
            EventKind::Preamble | EventKind::Usage => false,
        };
        let events = match &mut self.plan.attempt.translation {
            None => Written::One(self.filter.apply(event)),
            Some(translation) => {
                let events = translation.event(&event.raw);
                let events = events.map_err(|_| UpstreamError::BadEvent)?;
                let limit = self.plan.terms.settings.upstream.max_body_bytes;
                if translation.held_bytes() > limit {
                    return Err(UpstreamError::BodyTooLarge { limit });
                }
                Written::Many(events.into_iter())
            }
        };
        Ok(Meaning::Events { events, is_content })
    }

    fn note_content(&mut self) {
        if !self.has_content {
            let now = Instant::now();
            self.has_content = true;
            self.plan.note_answer(now);
            self.clocks
                .content(now, self.plan.terms.settings.stream.buffer);
            self.tally.time_to_first_event = Some(now - self.plan.terms.started);
        }
    }

    /// Notes that the target serves: once there is no way back, with content or at the end.
    fn note_success(&mut self) {
        if !self.is_proven {
            self.is_proven = true;
            self.plan.note_result(AttemptResult::Succeeded);
        }
    }

    /// The last events, now that the provider has said all, with a marker or without one. What is
    /// translated ends in the client's own way; else its marker passes, and none is made up.
    fn last(&mut self, marker: Option<SseEvent>) -> Written {
        match &mut self.plan.attempt.translation {
            None => Written::One(marker.map(|marker| self.filter.apply_to_end(marker))),
            Some(translation) => Written::Many(translation.end().into_iter()),
        }
    }

    /// What the end of the bytes means: nothing, if the provider had said all.
    fn end_of_bytes(&self) -> Result<(), UpstreamError> {
        match (self.reader.is_complete(), self.has_content) {
            (true, _) => Ok(()),
            (false, true) => Err(UpstreamError::Truncated),
            (false, false) => Err(UpstreamError::Empty),
        }
    }

    /// Waits for bytes, a clock, the client's leaving if there is one, or the gateway's end.
    async fn turn<E: From<UpstreamError>>(
        &mut self,
        client_left: impl Future<Output = E>,
    ) -> Result<Turn, E> {
        let (at, _) = self.clocks.next();
        // Setting a timer anew for each chunk costs more than letting it fire early now and then.
        if at < self.timer.deadline() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(at);
        }
        tokio::select! {
            // Bytes come first: where there are some, none of the others need be asked.
            biased;
            chunk = next_chunk(&mut self.body) => match chunk {
                Some(Ok(chunk)) => Ok(Turn::Bytes(chunk)),
                Some(Err(UpstreamError::Truncated)) if !self.has_content => {
                    Err(UpstreamError::Empty.into())
                }
                Some(Err(error)) => Err(error.into()),
                None => Ok(Turn::EndOfBytes),
            },
            reason = client_left => Err(reason),
            reason = self.plan.stop.stopped() => Err(reason.into()),
            () = self.timer.as_mut() => {
                let (at, due) = self.clocks.next();
                match due {
                    _ if Instant::now() < at => Ok(Turn::Nothing),
                    Due::Commit => Ok(Turn::Commit),
                    Due::Expired(clock) => Err(self.plan.terms.clocks.expired(clock).into()),
                }
            }
        }
    }
}

async fn next_chunk(body: &mut Option<UpstreamBody>) -> Option<Result<Bytes, UpstreamError>> {
    body.as_mut()?.next().await
}
