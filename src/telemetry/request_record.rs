//! What is known of one request, gathered by those who meet it, written when the last lets go.

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_web::http::{
    StatusCode,
    header::{HeaderName, HeaderValue},
};
use tokio::time::Instant;
use tracing::Span;

use super::{
    finished_request::{FinishedRequest, Served},
    metrics::Metrics,
};
use crate::{
    drain::Running,
    error::{GatewayError, HeraldError, Origin},
    limits::{
        ceilings::OpenPermit,
        reservation::{Reservation, tokens_of},
    },
    metadata::{FailedAttempt, UpstreamMetadata, chain::HopFailure},
    settings::{ClientKey, VerifiedTarget},
    streams::Registration,
    translation::Losses,
    upstream::messages::Tally,
};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client got a whole answer.
    Completed,
    /// It got an error, before the head or inside the stream.
    Failed {
        /// See [`HeraldError::code`].
        code: &'static str,
        /// Whose fault it was.
        origin: Origin,
    },
    /// The client left before the end.
    Cancelled,
    /// The client took nothing for as long as `clocks.client_write` allows.
    Stalled,
    /// It was a health probe: they come every few seconds, and leave no line.
    Probed,
}

impl Outcome {
    /// The outcome of an error.
    #[must_use]
    pub fn failed(error: &HeraldError) -> Self {
        Self::Failed {
            code: error.code(),
            origin: error.origin(),
        }
    }

    /// As logs and metrics have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
            Self::Stalled => "stalled",
            Self::Probed => "probed",
        }
    }
}

/// One request. Shared by the middleware, the body and the response actor; when the last of them is
/// done the line is written, so it stands at the request's true end, whichever came last.
///
/// It holds no header, no prompt and no completion.
#[derive(Debug)]
pub struct RequestRecord {
    id: String,
    method: String,
    path: String,
    began: Instant,
    span: Span,
    outcome: Cell<Option<Outcome>>,
    broke_off: Cell<bool>,
    status: Cell<Option<StatusCode>>,
    bytes: Cell<u64>,
    time_to_head: Cell<Option<Duration>>,
    key: RefCell<Option<Arc<ClientKey>>>,
    served: RefCell<Option<Served>>,
    upstream_status: Cell<Option<u16>>,
    /// How many Heralds it had passed, and its id in the next one.
    hops: Cell<usize>,
    next_request_id: RefCell<Option<String>>,
    hop_failure: RefCell<Option<HopFailure>>,
    attempts: Cell<u32>,
    failed_attempts: RefCell<Vec<FailedAttempt>>,
    /// Over the caps, and invalid.
    lost_headers: Cell<(usize, usize)>,
    lost: RefCell<Losses>,
    tally: Cell<Tally>,
    /// Makes a shutdown wait until this request is over.
    running: RefCell<Option<Running>>,
    /// Keeps it among the open streams until the very end.
    registration: OnceCell<Registration>,
    /// Where it is counted; nowhere outside of a gateway.
    metrics: OnceCell<Arc<Metrics>>,
    open: RefCell<Option<OpenPermit>>,
    reserved: RefCell<Option<Reservation>>,
}

impl RequestRecord {
    /// A request that has just come in.
    #[must_use]
    pub fn new(id: String, method: String, path: String) -> Rc<Self> {
        Rc::new(Self {
            id,
            method,
            path,
            began: Instant::now(),
            span: Span::current(),
            outcome: Cell::default(),
            broke_off: Cell::default(),
            status: Cell::default(),
            bytes: Cell::default(),
            time_to_head: Cell::default(),
            key: RefCell::default(),
            served: RefCell::default(),
            upstream_status: Cell::default(),
            hops: Cell::default(),
            next_request_id: RefCell::default(),
            hop_failure: RefCell::default(),
            attempts: Cell::default(),
            failed_attempts: RefCell::default(),
            lost_headers: Cell::default(),
            lost: RefCell::default(),
            tally: Cell::default(),
            running: RefCell::default(),
            registration: OnceCell::default(),
            metrics: OnceCell::default(),
            open: RefCell::default(),
            reserved: RefCell::default(),
        })
    }

    /// Has it counted at its end; the first word counts.
    pub fn count_in(&self, metrics: &Arc<Metrics>) {
        let _ = self.metrics.set(Arc::clone(metrics));
    }

    /// The id that clients see as `x-herald-request-id`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How long ago the request came in.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Notes that the request was let in; it runs until the record is dropped.
    pub fn note_running(&self, running: Running) {
        *self.running.borrow_mut() = Some(running);
    }

    /// Notes whose key the caller sent.
    pub fn note_key(&self, key: &Arc<ClientKey>) {
        *self.key.borrow_mut() = Some(Arc::clone(key));
    }

    /// Notes who is asked for what, and under which settings.
    pub fn note_route(&self, generation: u64, target: &VerifiedTarget, stream: bool) {
        *self.served.borrow_mut() = Some(Served {
            generation,
            model: target.model.as_str().into(),
            provider: target.provider.id.as_str().into(),
            upstream_model: target.upstream_model.clone(),
            stream,
        });
    }

    /// Whether a stream was asked for, as far as it came to that.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.served.borrow().as_ref().is_some_and(|it| it.stream)
    }

    /// Whether a provider is asked, so that the response actor says how it ended.
    #[must_use]
    pub fn is_completion(&self) -> bool {
        self.served.borrow().is_some()
    }

    /// Keeps the request's place among those that are open at a provider until its end, or until it is
    /// given up for one at another provider.
    pub fn hold_open(&self, open: Option<OpenPermit>) {
        *self.open.borrow_mut() = open;
    }

    /// Keeps what the request holds of its limits until its end, which settles it.
    pub fn hold(&self, reserved: Reservation) {
        *self.reserved.borrow_mut() = Some(reserved);
    }

    /// `RateLimit-Policy` and `RateLimit`, where a limit of ours applies.
    #[must_use]
    pub fn limit_headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let reserved = self.reserved.borrow();
        let headers = reserved.as_ref().map(Reservation::headers);
        headers.unwrap_or_default()
    }

    /// What the request came to in tokens: what the provider told; else the prompt's estimate and what
    /// passed of the answer, an event of a stream counting as one. Of a call that failed before anything
    /// passed, nothing.
    fn spent_tokens(&self, outcome: Outcome, prompt: u64) -> u64 {
        let tally = self.tally.get();
        if let Some(usage) = tally.usage {
            return usage.prompt_tokens.saturating_add(usage.completion_tokens);
        }
        let is_stream = self.is_stream();
        // The event that tells of a failure is counted among the others, and is none of the answer.
        let failures = u64::from(matches!(outcome, Outcome::Failed { .. }));
        let events = tally.events.saturating_sub(failures);
        let passed = match outcome {
            Outcome::Failed { .. } if events == 0 => return 0,
            _ if is_stream => events,
            _ => tokens_of(self.bytes.get()),
        };
        prompt.saturating_add(passed)
    }

    /// Notes what the provider said.
    pub fn note_metadata(&self, metadata: &UpstreamMetadata) {
        self.upstream_status
            .set(metadata.head.as_ref().map(|head| head.status.as_u16()));
    }

    /// Notes that an attempt begins.
    pub fn note_attempt(&self) {
        self.attempts.set(self.attempts.get() + 1);
    }

    /// How many attempts have begun.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts.get()
    }

    /// Notes an attempt that another one follows.
    pub fn note_failed_attempt(&self, failed: FailedAttempt) {
        self.failed_attempts.borrow_mut().push(failed);
    }

    /// The attempts before the one that serves, or that was the last, in their order.
    #[must_use]
    pub fn failed_attempts(&self) -> Vec<FailedAttempt> {
        self.failed_attempts.borrow().clone()
    }

    /// Notes how many Heralds the request had passed before this one.
    pub fn note_hops(&self, hops: usize) {
        self.hops.set(hops);
    }

    /// How many Heralds the request had passed before this one.
    #[must_use]
    pub fn hops(&self) -> usize {
        self.hops.get()
    }

    /// Notes under which id the next Herald logs the request.
    pub fn note_next_request_id(&self, id: Option<String>) {
        *self.next_request_id.borrow_mut() = id;
    }

    /// Notes what failed behind the next Herald; the first word counts, which has most to say.
    pub fn note_hop_failure(&self, failure: Option<HopFailure>) {
        let mut noted = self.hop_failure.borrow_mut();
        *noted = noted.take().or(failure);
    }

    /// Notes what passed.
    pub fn note_tally(&self, tally: &Tally) {
        self.tally.set(*tally);
    }

    /// Notes how many of the provider's header values the caps kept back, and how many were invalid.
    pub fn note_lost_headers(&self, over_cap: usize, invalid: usize) {
        self.lost_headers.set((over_cap, invalid));
    }

    /// Notes what of the request could not be carried to the provider that is asked now.
    pub fn note_lost(&self, lost: Losses) {
        *self.lost.borrow_mut() = lost;
    }

    /// What of the request could not be carried to its provider.
    #[must_use]
    pub fn lost(&self) -> Losses {
        self.lost.borrow().clone()
    }

    /// Notes the head that went out.
    pub fn note_head(&self, status: StatusCode) {
        self.status.set(Some(status));
        self.time_to_head.set(Some(self.age()));
    }

    /// Notes bytes of the body that went out.
    pub fn note_bytes(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes as u64);
        if let Some(registration) = self.registration.get() {
            registration.stream().note_bytes(self.bytes.get());
        }
    }

    /// Keeps a stream among the open ones as long as this record lives; the first one counts.
    pub fn keep_open(&self, registration: Registration) {
        // A second one is dropped, which closes it.
        let _ = self.registration.set(registration);
    }

    /// Notes how it ended; the first word counts.
    pub fn conclude(&self, outcome: Outcome) {
        if self.outcome.get().is_none() {
            self.outcome.set(Some(outcome));
        }
    }

    /// Notes that the body was not taken to its end.
    pub fn note_broken_off(&self) {
        self.broke_off.set(true);
    }

    /// The outcome that was noted so far.
    #[cfg(test)]
    pub(crate) fn noted(&self) -> Option<Outcome> {
        self.outcome.get()
    }

    /// A success that the client did not wait for is none; of another end its cause is known best by
    /// whoever noted it.
    fn outcome(&self) -> Outcome {
        match self.outcome.get() {
            Some(Outcome::Completed) if self.broke_off.get() => Outcome::Cancelled,
            Some(outcome) => outcome,
            None => Outcome::Cancelled,
        }
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        let outcome = self.outcome();
        if let Some(mut reserved) = self.reserved.take() {
            let spent = self.spent_tokens(outcome, reserved.estimate().prompt);
            reserved.settle(spent);
        }
        if outcome == Outcome::Probed {
            return;
        }
        let served = self.served.borrow();
        let key = self.key.borrow();
        let failed_attempts = self.failed_attempts.take();
        // Gone from the open streams before anybody reads that it is over.
        let registration = self.registration.take();
        let phase = registration.map(|registration| registration.stream().phase());
        let finished = FinishedRequest {
            id: &self.id,
            method: &self.method,
            path: &self.path,
            key: key.as_deref(),
            outcome,
            status: self.status.get(),
            upstream_status: self.upstream_status.get(),
            next_request_id: self.next_request_id.take(),
            hop_failure: self.hop_failure.take(),
            served: served.as_ref(),
            attempts: self.attempts.get(),
            failed_attempts: &failed_attempts,
            time_to_head: self.time_to_head.get(),
            duration: self.age(),
            bytes: self.bytes.get(),
            tally: self.tally.get(),
            lost_headers: self.lost_headers.get(),
            lost_fields: self.lost.borrow().names().len(),
            phase,
        };
        if let Some(running) = self.running.get_mut()
            && outcome == Outcome::failed(&GatewayError::Draining.into())
        {
            running.note_cut();
        }
        // Whoever reads the line finds the request counted.
        if let Some(metrics) = self.metrics.get() {
            metrics.record(&finished);
        }
        self.span.in_scope(|| finished.log());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_that_the_client_did_not_wait_for_is_none() {
        let failed = Outcome::Failed {
            code: "upstream_idle",
            origin: Origin::Upstream,
        };
        for (noted, broke_off, expected) in [
            (Some(Outcome::Completed), false, Outcome::Completed),
            (Some(Outcome::Completed), true, Outcome::Cancelled),
            (Some(failed), true, failed),
            (Some(Outcome::Stalled), true, Outcome::Stalled),
            (None, true, Outcome::Cancelled),
        ] {
            let record = RequestRecord::new("id".into(), "POST".into(), "/".into());
            if let Some(outcome) = noted {
                record.conclude(outcome);
            }
            if broke_off {
                record.note_broken_off();
            }
            assert_eq!(record.outcome(), expected);
        }
    }
}
