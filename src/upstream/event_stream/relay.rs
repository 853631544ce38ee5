//! A stream after its commit: what it says goes to the client.

use std::{pin::pin, rc::Rc, time::Duration};

use futures_util::future::poll_immediate;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{
    Intake, Meaning, Turn,
    stop::{NotTaken, Stop},
};
use crate::{
    completion::CompletionEvent,
    error::respond::rescue_upstream,
    metadata::clean_text,
    streams::Phase,
    upstream::{
        UpstreamError, announcer::EventSender, attempt::Answered, clocks::Clock,
        messages::UpstreamEnd, sse_decoder::SseEvent,
    },
};

/// One answer that is an event stream, from its commit to its end.
pub(super) struct Relay {
    intake: Intake,
    sender: EventSender,
    /// The provider's status.
    received: u16,
}

/// What an event means for the relay.
#[derive(PartialEq, Eq)]
enum Flow {
    GoesOn,
    Ended,
}

impl Relay {
    pub(super) fn new(intake: Intake, sender: EventSender, received: u16) -> Self {
        intake.plan.terms.stream.reach(Phase::Streaming);
        Self {
            intake,
            sender,
            received,
        }
    }

    /// Sends what was held, and pumps until the provider ended, failed, or the client takes no more; tells
    /// the client which. The rest of the body comes back where the provider ended well.
    pub(super) async fn run(mut self, held: Vec<SseEvent>, is_over: bool) -> Answered {
        let pumped = self.pump(held, is_over).await;
        let Self {
            mut intake,
            sender,
            received,
        } = self;
        let terms = Rc::clone(&intake.plan.terms);
        let client_write = terms.clocks.client_write;
        if !matches!(pumped, Err(Stop::NotTaken(NotTaken::Left))) {
            terms.stream.reach(Phase::Ending);
        }
        let stop = match pumped {
            Ok(()) => match close(sender, client_write).await {
                Ok(()) => return (UpstreamEnd::Completed, intake.tally(), intake.body),
                Err(reason) => {
                    return (not_taken(reason, client_write), intake.tally(), None);
                }
            },
            Err(stop) => stop,
        };
        if let Stop::NotTaken(NotTaken::Left) = stop {
            drop(sender);
            let rest = intake.read_on().await;
            return (UpstreamEnd::ClientLeft, intake.tally(), rest);
        }
        // The provider is let go before a client is told who may be slow to listen.
        intake.body = None;
        let (told, error) = match stop {
            Stop::Failed(error) => {
                intake.plan.note_failure(&error);
                let told = tell(&mut intake, sender, received, &error).await;
                (told, error)
            }
            Stop::ToldItself(error) => {
                intake.plan.note_failure(&error);
                (close(sender, client_write).await, error)
            }
            Stop::NotTaken(reason) => {
                return (not_taken(reason, client_write), intake.tally(), None);
            }
        };
        let end = match told {
            Ok(()) => UpstreamEnd::Failed(error),
            Err(reason) => not_taken(reason, client_write),
        };
        (end, intake.tally(), None)
    }

    async fn pump(&mut self, held: Vec<SseEvent>, is_over: bool) -> Result<(), Stop> {
        for event in held {
            self.send(event).await?;
        }
        if is_over {
            return Ok(());
        }
        loop {
            while let Some(event) = self.intake.next_event()? {
                if self.pass(event).await? == Flow::Ended {
                    return Ok(());
                }
            }
            let client = self.sender.client();
            let client_left = async {
                client.client_left().await;
                Stop::NotTaken(NotTaken::Left)
            };
            match self.intake.turn(client_left).await? {
                Turn::Bytes(chunk) => {
                    self.intake.take(chunk)?;
                    if self.sender.client().client_has_left() {
                        return Err(NotTaken::Left.into());
                    }
                }
                Turn::EndOfBytes => {
                    self.intake.end_of_bytes()?;
                    return self.end(None).await;
                }
                Turn::Commit | Turn::Nothing => {}
            }
        }
    }

    async fn pass(&mut self, event: CompletionEvent) -> Result<Flow, Stop> {
        match self.intake.meaning(event)? {
            Meaning::Events { events, is_content } => {
                if is_content {
                    self.intake.note_success();
                }
                for event in events {
                    self.send(event).await?;
                }
                Ok(Flow::GoesOn)
            }
            Meaning::End(marker) => {
                self.end(Some(marker)).await?;
                Ok(Flow::Ended)
            }
            Meaning::Error(raw, error) => Err(self.pass_error(raw, error).await?),
        }
    }

    async fn end(&mut self, marker: Option<SseEvent>) -> Result<(), Stop> {
        self.intake.note_success();
        for event in self.intake.last(marker) {
            self.send(event).await?;
        }
        Ok(())
    }

    /// An error event ends the stream. The provider's own words go out as they came, unless they hold what
    /// no client may see.
    async fn pass_error(&mut self, raw: SseEvent, error: UpstreamError) -> Result<Stop, Stop> {
        let plan = &self.intake.plan;
        let is_fit = plan.attempt.translation.is_none()
            && plan.terms.dialect.is_error_event(&raw)
            && !clean_text::holds_markup_or_secret(&raw.data)
            && !plan
                .attempt
                .target
                .provider
                .repeats_key(raw.data.as_bytes());
        if !is_fit {
            return Ok(Stop::Failed(error));
        }
        self.send(raw).await?;
        Ok(Stop::ToldItself(error))
    }

    /// Hands one event to the client. Nearly always there is room at once; where there is none, the
    /// clocks that a reader cannot stop run on.
    async fn send(&mut self, event: SseEvent) -> Result<(), Stop> {
        let mut handing = pin!(self.sender.send(event));
        if let Some(handed) = poll_immediate(&mut handing).await {
            handed?;
        } else {
            let asked = Instant::now();
            let (clocks, terms) = (&self.intake.clocks, &self.intake.plan.terms);
            tokio::select! {
                biased;
                handed = &mut handing => handed?,
                reason = self.intake.plan.stop.stopped() => return Err(reason.into()),
                () = sleep_until(clocks.total_at()) => {
                    return Err(terms.clocks.expired(Clock::Total).into());
                }
                () = sleep(terms.clocks.client_write) => return Err(NotTaken::Stalled.into()),
            }
            self.intake.clocks.waited(asked.elapsed());
        }
        self.intake.note_sent();
        Ok(())
    }
}

impl Intake {
    fn note_sent(&mut self) {
        self.tally.events += 1;
        self.plan.terms.stream.note_events(self.tally.events);
    }
}

fn not_taken(reason: NotTaken, client_write: Duration) -> UpstreamEnd {
    match reason {
        NotTaken::Left => UpstreamEnd::ClientLeft,
        NotTaken::Stalled => UpstreamEnd::ClientStalled(client_write),
    }
}

/// Says that all has been said.
async fn close(sender: EventSender, client_write: Duration) -> Result<(), NotTaken> {
    let ended = timeout(client_write, sender.end()).await;
    Ok(ended.map_err(|_| NotTaken::Stalled)??)
}

/// Tells the client of a failure by an error event, which no end marker follows.
async fn tell(
    intake: &mut Intake,
    sender: EventSender,
    received: u16,
    error: &UpstreamError,
) -> Result<(), NotTaken> {
    let terms = &intake.plan.terms;
    let client_write = terms.clocks.client_write;
    let mut rescue = rescue_upstream(error, &intake.plan.attempt.target, Some(received));
    rescue.report.events_before = intake.tally.events;
    for event in terms.dialect.error_events(&rescue.report) {
        let told = timeout(client_write, sender.send(event)).await;
        told.map_err(|_| NotTaken::Stalled)??;
    }
    close(sender, client_write).await?;
    // However many tell of it, a failure counts as one.
    intake.note_sent();
    Ok(())
}
