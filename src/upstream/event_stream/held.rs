//! A stream before its commit: what it says is kept.

use std::future::pending;

use super::{Intake, Meaning, Turn, relay::Relay};
use crate::{
    metadata::{Timings, UpstreamMetadata},
    upstream::{
        UpstreamError,
        attempt::{Answered, AttemptPlan, Failure, Opened},
        hold::{HeldEvents, HoldEnd},
        http_client::UpstreamHead,
        messages::UpstreamEnd,
        sse_decoder::SseEvent,
        uncommitted::Uncommitted,
    },
};

/// One answer that is an event stream, from its head to its commit.
pub(in crate::upstream) struct HeldStream {
    intake: Intake,
    head: UpstreamHead,
    timings: Timings,
    events: HeldEvents,
    /// Whether the provider has said all already.
    is_over: bool,
}

impl HeldStream {
    /// A stream whose head is in.
    pub(in crate::upstream) fn new(plan: AttemptPlan, opened: Opened) -> Box<Self> {
        let events = HeldEvents::new(&plan.terms.settings.stream);
        let (intake, head, timings) = Intake::new(plan, opened);
        Box::new(Self {
            intake,
            head,
            timings,
            events,
            is_over: false,
        })
    }

    /// Keeps what comes until it is time to commit.
    pub(in crate::upstream) async fn ready(mut self: Box<Self>) -> Result<Box<Self>, Box<Failure>> {
        match self.hold().await {
            Ok(ended) => {
                self.intake.tally.hold = Some(ended);
                if self.intake.has_content || self.is_over {
                    self.intake.note_success();
                }
                Ok(self)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    async fn hold(&mut self) -> Result<HoldEnd, UpstreamError> {
        loop {
            while let Some(event) = self.intake.next_event()? {
                match self.intake.meaning(event)? {
                    Meaning::Events { events, is_content } => {
                        let is_enough = is_content && self.events.note_content();
                        let mut ended = None;
                        for event in events {
                            if self.events.keep(event) {
                                ended = Some(HoldEnd::Bounds);
                            }
                            if is_enough {
                                ended = Some(HoldEnd::Event);
                            }
                        }
                        if let Some(ended) = ended {
                            return Ok(ended);
                        }
                    }
                    Meaning::End(marker) => return Ok(self.end(Some(marker))),
                    Meaning::Error(_, error) => return Err(error),
                }
            }
            match self.intake.turn(pending::<UpstreamError>()).await? {
                Turn::Bytes(chunk) => {
                    if self.intake.take(chunk)? {
                        return Ok(HoldEnd::Clock);
                    }
                }
                Turn::EndOfBytes => {
                    self.intake.end_of_bytes()?;
                    return Ok(self.end(None));
                }
                Turn::Commit => return Ok(HoldEnd::Clock),
                Turn::Nothing => {}
            }
        }
    }

    fn end(&mut self, marker: Option<SseEvent>) -> HoldEnd {
        for event in self.intake.last(marker) {
            // It is committed now, whatever the bounds.
            let _ = self.events.keep(event);
        }
        self.is_over = true;
        HoldEnd::End
    }

    /// It failed before the commit: whatever was held is let go, and so is the provider.
    fn failed(mut self: Box<Self>, error: UpstreamError) -> Box<Failure> {
        self.intake.tally.hold = Some(HoldEnd::Failed);
        let tally = self.intake.tally();
        let Self {
            intake,
            head,
            timings,
            ..
        } = *self;
        let failure = intake.plan.failed(Some(head), timings, error);
        Box::new(Failure { tally, ..*failure })
    }

    /// Commits: announces the metadata, then lets go of what was held, and of all that follows.
    pub(in crate::upstream) async fn serve(self: Box<Self>, uncommitted: Uncommitted) -> Answered {
        let Self {
            mut intake,
            head,
            mut timings,
            mut events,
            is_over,
        } = *self;
        let received = head.status.as_u16();
        timings.first_event = intake.tally.time_to_first_event;
        let target = intake.plan.attempt.target.clone();
        let metadata = UpstreamMetadata::events(target, head, timings);
        let Ok(sender) = uncommitted.announce(metadata).await else {
            intake.tally.hold = None;
            return (UpstreamEnd::ClientLeft, intake.tally(), None);
        };
        intake.clocks.committed();
        Relay::new(intake, sender, received)
            .run(events.take(), is_over)
            .await
    }
}
