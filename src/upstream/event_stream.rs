//! The event pump: bytes → events → hold → client, under the clocks, to a truthful end.

use std::{
    pin::{Pin, pin},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{StreamExt, future::poll_immediate};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

use super::{
    UpstreamError,
    announcer::EventSender,
    attempt::{AttemptPlan, Attempted, Failure, Opened},
    clocks::{AnswerClocks, Clock, Due},
    hold::{HeldEvents, HoldEnd},
    http_client::UpstreamBody,
    messages::{Tally, UpstreamEnd},
    outlet::{Held, NotTaken, Outlet, Stop},
    sse_decoder::{SseDecoder, SseEvent},
    uncommitted::Uncommitted,
};
use crate::{
    completion::{CompletionEvent, EventKind},
    delivery::DeliverySender,
    error::{UpstreamReport, respond::rescue_upstream},
    event_filter::EventFilter,
    metadata::{UpstreamMetadata, chain::NextHop, clean_text},
    providers::{self, EventReader},
    routing::outliers::AttemptResult,
    streams::Phase,
};

/// One answer that is an event stream, from its head to its end.
pub(super) struct EventStream {
    plan: AttemptPlan,
    /// `None` once the provider is let go.
    body: Option<UpstreamBody>,
    decoder: SseDecoder,
    reader: Box<dyn EventReader>,
    filter: EventFilter,
    clocks: AnswerClocks,
    timer: Pin<Box<Sleep>>,
    outlet: Outlet,
    has_content: bool,
    tally: Tally,
    received: u16,
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

/// What an event means for the pump.
#[derive(PartialEq, Eq)]
enum Flow {
    GoesOn,
    Ended,
}

impl EventStream {
    pub(super) fn new(plan: AttemptPlan, opened: Opened, uncommitted: Uncommitted) -> Self {
        let Opened {
            head,
            body,
            timings,
            head_at,
        } = opened;
        let (terms, attempt) = (&plan.terms, &plan.attempt);
        let clocks = AnswerClocks::start(terms.clocks, head_at, terms.total_at());
        let settings = &terms.settings;
        let held = HeldEvents::new(settings.stream.held_events, settings.stream.held_bytes);
        let hide_usage = attempt.target.provider.usage_request && !terms.request.wants_usage;
        Self {
            decoder: SseDecoder::new(settings.upstream.max_event_bytes),
            reader: attempt.api.event_reader(&terms.request),
            filter: EventFilter::new(terms.dialect, &attempt.target.filter, hide_usage),
            timer: Box::pin(sleep_until(clocks.next().0)),
            received: head.status.as_u16(),
            behind: NextHop::read(&attempt.target.provider, &head.headers)
                .and_then(|hop| hop.origin_of_event()),
            outlet: Outlet::Held(Box::new(Held {
                uncommitted,
                head,
                timings,
                events: held,
            })),
            has_content: false,
            tally: Tally::default(),
            body: Some(body),
            clocks,
            plan,
        }
    }

    /// Pumps until the provider ended, failed, or the client takes no more; tells the client which, but
    /// of a failure before the commit. The rest of the body comes back where the provider ended well.
    pub(super) async fn relay(mut self) -> Attempted {
        let pumped = self.pump().await;
        if !matches!(pumped, Err(Stop::NotTaken(NotTaken::Left))) {
            self.plan.terms.stream.reach(Phase::Ending);
        }
        let stop = match pumped {
            Ok(()) => self.close().await.err().map(Stop::NotTaken),
            Err(stop) => Some(stop),
        };
        self.tally.replaced_utf8 = self.decoder.replaced_utf8();
        if let Some(translation) = &self.plan.attempt.translation {
            self.tally.lost_parts = translation.lost().names().len();
        }
        let Some(stop) = stop else {
            return Attempted::Answered((UpstreamEnd::Completed, self.tally, self.body));
        };
        // The provider is let go before a client is told who may be slow to listen.
        self.body = None;
        if let Stop::Failed(error) | Stop::ToldItself(error) = &stop {
            self.plan.note_failure(error);
        }
        let (told, error) = match stop {
            Stop::Failed(error) => match std::mem::replace(&mut self.outlet, Outlet::Closed) {
                Outlet::Held(held) => return self.failed(*held, error),
                Outlet::Open(sender) => (self.tell(sender, &error).await, Some(error)),
                Outlet::Closed => (Ok(()), Some(error)),
            },
            Stop::ToldItself(error) => (self.close().await, Some(error)),
            Stop::NotTaken(reason) => (Err(reason), None),
        };
        let end = match (told, error) {
            (Ok(()), Some(error)) => UpstreamEnd::Failed(error),
            (Err(NotTaken::Stalled), _) => {
                UpstreamEnd::ClientStalled(self.plan.terms.clocks.client_write)
            }
            (Err(NotTaken::Left) | Ok(()), _) => UpstreamEnd::ClientLeft,
        };
        Attempted::Answered((end, self.tally, None))
    }

    /// It failed before the commit: whatever was held is let go, and the client is still to be told.
    fn failed(self, held: Held, error: UpstreamError) -> Attempted {
        let Held {
            uncommitted,
            head,
            timings,
            ..
        } = held;
        let tally = Tally {
            hold: Some(HoldEnd::Failed),
            ..self.tally
        };
        Attempted::Failed(Box::new(Failure {
            uncommitted,
            head: Some(head),
            timings,
            tally,
            error,
        }))
    }

    async fn pump(&mut self) -> Result<(), Stop> {
        loop {
            while let Some(event) = self.next_event()? {
                if self.pass(event).await? == Flow::Ended {
                    return Ok(());
                }
            }
            match self.turn().await? {
                Turn::Bytes(chunk) => self.take(chunk).await?,
                Turn::EndOfBytes if self.reader.is_complete() => return self.end(None).await,
                Turn::EndOfBytes if self.has_content => return Err(UpstreamError::Truncated.into()),
                Turn::EndOfBytes => return Err(UpstreamError::Empty.into()),
                Turn::Commit => self.commit(HoldEnd::Clock).await?,
                Turn::Nothing => {}
            }
        }
    }

    /// Takes bytes in. A provider that never pauses leaves `turn` no time to look at anything else,
    /// so what is due is seen to here.
    async fn take(&mut self, chunk: Bytes) -> Result<(), Stop> {
        let now = Instant::now();
        match self.clocks.next() {
            (at, Due::Expired(clock)) if at <= now => {
                return Err(self.plan.terms.clocks.expired(clock).into());
            }
            (at, Due::Commit) if at <= now => self.commit(HoldEnd::Clock).await?,
            _ => {}
        }
        if let Some(reason) = self.plan.stop.reason() {
            return Err(reason.into());
        }
        if self
            .outlet
            .client()
            .is_none_or(DeliverySender::client_has_left)
        {
            return Err(NotTaken::Left.into());
        }
        self.clocks.heard(now);
        self.decoder.push(chunk);
        Ok(())
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

    async fn pass(&mut self, event: CompletionEvent) -> Result<Flow, Stop> {
        self.tally.usage = event.usage.or(self.tally.usage);
        match event.kind {
            EventKind::Error(error) => {
                let protocol = providers::protocol(&self.plan.attempt.target.provider.kind);
                let mut error = protocol.complete_error(*error, &event.raw.data);
                // Another Herald passes an event of its provider's as it came.
                let behind = || self.behind.clone().map(Box::new);
                error.origin = error.origin.or_else(behind);
                let error = UpstreamError::ErrorEvent(error);
                return Err(self.pass_error(event.raw, error).await?);
            }
            EventKind::End => {
                self.end(Some(event.raw)).await?;
                return Ok(Flow::Ended);
            }
            EventKind::Content if !self.has_content => {
                self.has_content = true;
                self.clocks.content();
                self.plan.note_result(AttemptResult::Succeeded);
                self.tally.time_to_first_event = Some(Instant::now() - self.plan.terms.started);
            }
            EventKind::Content | EventKind::Preamble | EventKind::Usage => {}
        }
        let is_content = event.kind == EventKind::Content;
        match &mut self.plan.attempt.translation {
            None => {
                if let Some(raw) = self.filter.apply(event) {
                    self.put(raw, is_content).await?;
                }
            }
            Some(translation) => {
                let events = translation.event(&event.raw);
                let events = events.map_err(|_| UpstreamError::BadEvent)?;
                let limit = self.plan.terms.settings.upstream.max_body_bytes;
                if translation.held_bytes() > limit {
                    return Err(UpstreamError::BodyTooLarge { limit }.into());
                }
                for event in events {
                    self.put(event, is_content).await?;
                }
            }
        }
        Ok(Flow::GoesOn)
    }

    /// Puts an event where events go now: content calls for the commit, all else can wait for it.
    async fn put(&mut self, event: SseEvent, is_content: bool) -> Result<(), Stop> {
        if is_content {
            self.commit(HoldEnd::Event).await?;
        }
        match &mut self.outlet {
            Outlet::Held(held) => {
                if held.events.keep(event) {
                    self.commit(HoldEnd::Bounds).await?;
                }
                Ok(())
            }
            _ => self.send(event).await,
        }
    }

    /// The provider has said all, with a marker or without one. What is translated ends in the
    /// client's own way; else its marker passes, and none is made up.
    async fn end(&mut self, marker: Option<SseEvent>) -> Result<(), Stop> {
        if !self.has_content {
            self.plan.note_result(AttemptResult::Succeeded);
        }
        self.commit(HoldEnd::End).await?;
        let last = match &mut self.plan.attempt.translation {
            None => marker
                .map(|marker| self.filter.apply_to_end(marker))
                .into_iter()
                .collect(),
            Some(translation) => translation.end(),
        };
        for event in last {
            self.send(event).await?;
        }
        Ok(())
    }

    /// An error event ends the stream. Before commit it becomes a real status; after it the
    /// provider's own words go out as they came, unless they hold what no client may see.
    async fn pass_error(&mut self, raw: SseEvent, error: UpstreamError) -> Result<Stop, Stop> {
        let is_held = matches!(self.outlet, Outlet::Held(_));
        let is_fit = self.plan.attempt.translation.is_none()
            && self.plan.terms.dialect.is_error_event(&raw)
            && !clean_text::holds_markup_or_secret(&raw.data)
            && !self
                .plan
                .attempt
                .target
                .provider
                .repeats_key(raw.data.as_bytes());
        if is_held || !is_fit {
            return Ok(Stop::Failed(error));
        }
        self.send(raw).await?;
        Ok(Stop::ToldItself(error))
    }

    /// Commits the head, if it is not committed yet: announces the metadata, then lets go of what
    /// was held.
    async fn commit(&mut self, ended: HoldEnd) -> Result<(), Stop> {
        let held = match std::mem::replace(&mut self.outlet, Outlet::Closed) {
            Outlet::Held(held) => held,
            open => {
                self.outlet = open;
                return Ok(());
            }
        };
        let Held {
            uncommitted,
            head,
            mut timings,
            mut events,
        } = *held;
        timings.first_event = self.tally.time_to_first_event;
        let target = Arc::clone(&self.plan.attempt.target);
        let metadata = UpstreamMetadata::events(target, head, timings);
        self.outlet = Outlet::Open(uncommitted.announce(metadata).await?);
        self.clocks.committed();
        self.tally.hold = Some(ended);
        self.plan.terms.stream.reach(Phase::Streaming);
        for event in events.take() {
            self.send(event).await?;
        }
        Ok(())
    }

    /// Hands one event to the client. Nearly always there is room at once; where there is none, the
    /// clocks that a reader cannot stop run on.
    async fn send(&mut self, event: SseEvent) -> Result<(), Stop> {
        let Outlet::Open(sender) = &self.outlet else {
            return Err(NotTaken::Left.into());
        };
        let mut handing = pin!(sender.send(event));
        if let Some(handed) = poll_immediate(&mut handing).await {
            handed?;
        } else {
            let asked = Instant::now();
            tokio::select! {
                biased;
                handed = &mut handing => handed?,
                reason = self.plan.stop.stopped() => return Err(reason.into()),
                () = sleep_until(self.clocks.total_at()) => {
                    return Err(self.plan.terms.clocks.expired(Clock::Total).into());
                }
                () = sleep(self.plan.terms.clocks.client_write) => return Err(NotTaken::Stalled.into()),
            }
            self.clocks.waited(asked.elapsed());
        }
        self.tally.events += 1;
        self.plan.terms.stream.note_events(self.tally.events);
        Ok(())
    }

    /// Says that all has been said.
    async fn close(&mut self) -> Result<(), NotTaken> {
        let Outlet::Open(sender) = std::mem::replace(&mut self.outlet, Outlet::Closed) else {
            return Ok(());
        };
        let client_write = self.plan.terms.clocks.client_write;
        let ended = timeout(client_write, sender.end()).await;
        Ok(ended.map_err(|_| NotTaken::Stalled)??)
    }

    /// Tells the client of a failure after the commit: by an error event, which no end marker follows.
    async fn tell(&mut self, sender: EventSender, error: &UpstreamError) -> Result<(), NotTaken> {
        let target = &self.plan.attempt.target;
        let mut rescue = rescue_upstream(error, target, Some(self.received));
        rescue.report.events_before = self.tally.events;
        let client_write = self.plan.terms.clocks.client_write;
        for event in self.plan.terms.dialect.error_events(&rescue.report) {
            let told = timeout(client_write, sender.send(event)).await;
            told.map_err(|_| NotTaken::Stalled)??;
        }
        let ended = timeout(client_write, sender.end()).await;
        ended.map_err(|_| NotTaken::Stalled)??;
        // However many tell of it, a failure counts as one.
        self.tally.events += 1;
        self.plan.terms.stream.note_events(self.tally.events);
        Ok(())
    }

    /// Waits for bytes, a clock, the client's leaving or the gateway's end.
    async fn turn(&mut self) -> Result<Turn, Stop> {
        let (at, _) = self.clocks.next();
        // Setting a timer anew for each chunk costs more than letting it fire early now and then.
        if at < self.timer.deadline() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(at);
        }
        let client_left = async {
            if let Some(client) = self.outlet.client() {
                client.client_left().await;
            }
        };
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
            () = client_left => Err(NotTaken::Left.into()),
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
