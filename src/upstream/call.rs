//! One call: an attempt, and others after it as long as the client has been told nothing.

use std::{rc::Rc, sync::Arc};

use actix::Recipient;
use futures_util::future::LocalBoxFuture;
use tokio::time::{Instant, sleep, timeout};

use super::{
    attempt::{Answered, Failure, Ready},
    clocks::ClockLengths,
    document, hedge,
    http_client::HttpClient,
    messages::{CompletionFinished, Tally, UpstreamEnd},
    uncommitted::Uncommitted,
};
use crate::{
    completion::CompletionRequest,
    delivery::ClientLeft,
    dialects::Dialect,
    metadata::UpstreamMetadata,
    routing::route::Attempt,
    settings::VerifiedSettings,
    streams::{OpenStream, Phase, StopSignal},
};

/// One call for a completion, and whom to tell of it.
pub struct Call {
    /// What holds for all of its attempts.
    pub terms: CallTerms,
    /// The first attempt.
    pub first: Attempt,
    /// Where metadata and events go, and whom else to ask.
    pub uncommitted: Uncommitted,
    /// Tells when the call must end although both sides go on.
    pub stop: StopSignal,
    /// Where the end is reported.
    pub finished: Recipient<CompletionFinished>,
}

/// What holds for all attempts of a call.
pub struct CallTerms {
    /// This worker's client.
    pub http_client: HttpClient,
    /// The settings that the request began with.
    pub settings: Arc<VerifiedSettings>,
    /// What the client asked for; its body is let go.
    pub request: CompletionRequest,
    /// How the client is told of a failure in the stream.
    pub dialect: &'static dyn Dialect,
    /// The clocks, with `total` as the client's `x-timeout-ms` has it.
    pub clocks: ClockLengths,
    /// When the client's request had been parsed.
    pub started: Instant,
    /// Where operators see how far it has come.
    pub stream: Arc<OpenStream>,
}

impl CallTerms {
    /// When `clocks.total` runs out, whatever attempt runs.
    #[must_use]
    pub fn total_at(&self) -> Instant {
        self.started + self.clocks.total
    }
}

impl Call {
    /// Runs the call to its end and reports it.
    ///
    /// A stream may be open for half an hour. So all that it takes to come to the commit has a box of its
    /// own, which is gone by then, and what serves gets one of its own size.
    pub(super) fn run(self) -> LocalBoxFuture<'static, ()> {
        let Self {
            terms,
            first,
            uncommitted,
            stop,
            finished,
        } = self;
        let drain_after_end = terms.settings.upstream.drain_after_end;
        let stream = Arc::clone(&terms.stream);
        let opening = Box::pin(open(terms, first, uncommitted, stop));
        Box::pin(async move {
            let (end, tally, rest) = match opening.await {
                Ok((ready, uncommitted)) => ready.serve(uncommitted).await,
                Err(answered) => answered,
            };
            // A client who left is remembered where it left.
            if !matches!(end, UpstreamEnd::ClientLeft) {
                stream.reach(Phase::Ending);
            }
            // A response actor that is gone has told its client already.
            let _ = finished.send(CompletionFinished { end, tally }).await;
            if let Some(mut rest) = rest {
                // The provider has said all; what is left is framing. Reading it lets the connection
                // serve the next request.
                let _ = timeout(drain_after_end, document::read_away(&mut rest)).await;
            }
        })
    }
}

/// Runs attempts until one of them is ready to commit. Where none will be, the client is told.
async fn open(
    terms: CallTerms,
    first: Attempt,
    mut uncommitted: Uncommitted,
    mut stop: StopSignal,
) -> Result<(Ready, Uncommitted), Answered> {
    let terms = Rc::new(terms);
    let mut attempt = first;
    loop {
        let Uncommitted { announcer, route } = &mut uncommitted;
        let client = announcer.client();
        let ready = tokio::select! {
            biased;
            () = client.client_left() => return Err(client_left()),
            ready = hedge::ready(&terms, attempt, &stop, route) => ready,
        };
        let mut failure = match ready {
            Ok(ready) => return Ok((ready, uncommitted)),
            Err(failure) => failure,
        };
        let left = terms.total_at().saturating_duration_since(Instant::now());
        let Some((next, place, wait)) = route.after(&failure.error, left) else {
            return Err(tell(uncommitted, *failure).await);
        };
        let failed = failure.as_failed_attempt();
        terms.stream.reach(Phase::AwaitingHead);
        if !wait.is_zero() {
            tokio::select! {
                biased;
                () = client.client_left() => return Err(client_left()),
                reason = stop.stopped() => {
                    failure.error = reason;
                    return Err(tell(uncommitted, *failure).await);
                }
                () = sleep(wait) => {}
            }
        }
        // Up to here it was the last one.
        route.go_on(failed, place);
        let provider = next.target.provider.id.as_str();
        terms.stream.note_provider(provider);
        attempt = next;
    }
}

fn client_left() -> Answered {
    (UpstreamEnd::ClientLeft, Tally::default(), None)
}

/// Tells the client of the attempt that was the last.
async fn tell(uncommitted: Uncommitted, failure: Failure) -> Answered {
    let Failure {
        target,
        head,
        timings,
        tally,
        error,
        ..
    } = failure;
    let metadata = UpstreamMetadata::failed(target, head, timings, error.clone());
    match uncommitted.announce(metadata).await {
        Ok(_) => (UpstreamEnd::Failed(error), tally, None),
        Err(ClientLeft) => (UpstreamEnd::ClientLeft, tally, None),
    }
}
