//! One attempt: asks one target, and takes the way that its answer calls for.

mod stages;

use std::{cell::Cell, pin::pin, rc::Rc, sync::Arc, time::Duration};

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use bytes::Bytes;
use bytestring::ByteString;
use futures_util::future::LocalBoxFuture;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use self::stages::Stages;
use super::{
    UpstreamError,
    call::CallTerms,
    clocks::AnswerClocks,
    document,
    event_stream::HeldStream,
    http_client::{UpstreamBody, UpstreamHead, UpstreamRequest},
    messages::{Tally, UpstreamEnd},
    request_body::{RequestBody, Sending},
    uncommitted::Uncommitted,
};
use crate::{
    completion::TokenUsage,
    event_filter::EventFilter,
    metadata::{FailedAttempt, Timings, UpstreamMetadata, clean_text},
    providers::{self, BadDocument},
    routing::{outliers::AttemptResult, retry, route::Attempt, times::Awaited},
    settings::VerifiedTarget,
    streams::{Phase, StopSignal},
    translation::Losses,
};

/// How long the whole answer may take, in milliseconds: clients tell Herald, and Herald those that obey it.
pub const X_TIMEOUT_MS: HeaderName = HeaderName::from_static("x-timeout-ms");

/// Longest content type that an error names, in bytes.
const MAX_CONTENT_TYPE: usize = 64;

/// One attempt at one target, under the terms of its call.
///
/// It has nothing by which it could reach the client: that is handed to it when it is [`Ready`] to commit.
pub(super) struct AttemptPlan {
    pub(super) terms: Rc<CallTerms>,
    pub(super) attempt: Attempt,
    pub(super) stop: StopSignal,
    pub(super) began: Instant,
    /// Whether what is awaited has come, for whoever would begin another attempt beside it.
    has_answered: Option<Rc<Cell<bool>>>,
}

/// An attempt that has come to its commit.
pub(super) enum Ready {
    /// A stream, and what it has said.
    Stream(Box<HeldStream>),
    /// A whole document.
    Document(Box<ReadyDocument>),
}

/// How a call ended, what passed, and the rest of a body that ended well.
pub(super) type Answered = (UpstreamEnd, Tally, Option<UpstreamBody>);

/// An attempt that failed before the commit.
pub(super) struct Failure {
    pub(super) number: u32,
    pub(super) target: Arc<VerifiedTarget>,
    /// `None` where no answer came.
    pub(super) head: Option<UpstreamHead>,
    pub(super) timings: Timings,
    pub(super) tally: Tally,
    pub(super) error: UpstreamError,
    pub(super) took: Duration,
}

/// An answer whose head is in.
pub(super) struct Opened {
    pub(super) head: UpstreamHead,
    pub(super) body: UpstreamBody,
    pub(super) timings: Timings,
    pub(super) head_at: Instant,
}

/// A whole answer as the client gets it, and the end of its body.
pub(super) struct ReadyDocument {
    plan: AttemptPlan,
    opened: Opened,
    document: Document,
}

struct Document {
    text: Bytes,
    /// What it took, if it tells.
    usage: Option<TokenUsage>,
    /// What of it could not be carried.
    lost: Losses,
}

impl AttemptPlan {
    pub(super) fn new(terms: &Rc<CallTerms>, attempt: Attempt, stop: &StopSignal) -> Self {
        Self {
            terms: Rc::clone(terms),
            attempt,
            stop: stop.clone(),
            began: Instant::now(),
            has_answered: None,
        }
    }

    /// Tells from now on whether what is awaited has come.
    pub(super) fn watch(&mut self) -> Rc<Cell<bool>> {
        Rc::clone(self.has_answered.get_or_insert_default())
    }

    /// Notes that what is awaited has come: of a stream its first content, of a document its head.
    pub(super) fn note_answer(&self, now: Instant) {
        if self.terms.settings.attempts.hedge.is_none() {
            return;
        }
        if let Some(has_answered) = &self.has_answered {
            has_answered.set(true);
        }
        let awaited = Awaited::of(self.terms.request.stream);
        let target = self.attempt.in_flight.target();
        target.note_time(awaited, now - self.began);
    }

    /// Runs the attempt up to its commit.
    pub(super) async fn ready(mut self) -> Result<Ready, Box<Failure>> {
        let mut stop = self.stop.clone();
        let opened = tokio::select! {
            biased;
            reason = stop.stopped() => Err(reason),
            opened = self.open() => opened,
        };
        self.attempt.waiting = None;
        let mut opened = match opened {
            Ok(opened) => opened,
            Err(error) => return Err(self.failed(None, Timings::default(), error)),
        };
        if !self.terms.request.stream && opened.head.status.is_success() {
            self.note_answer(opened.head_at);
        }
        self.terms.stream.reach(Phase::Held);
        if self.terms.request.stream && is_event_stream(&opened.head) {
            // Boxed, so that a call whose answer is a document does not carry the room of a stream.
            let held = Box::pin(HeldStream::new(self, opened).ready()).await?;
            return Ok(Ready::Stream(held));
        }
        let document = tokio::select! {
            biased;
            reason = stop.stopped() => Err(reason),
            document = self.read_whole(&mut opened) => document,
        };
        match document {
            Ok(document) => {
                self.note_result(AttemptResult::Succeeded);
                Ok(Ready::Document(Box::new(ReadyDocument {
                    plan: self,
                    opened,
                    document,
                })))
            }
            Err(error) => Err(self.failed(Some(opened.head), opened.timings, error)),
        }
    }

    /// Makes an end of it.
    pub(super) fn failed(
        mut self,
        head: Option<UpstreamHead>,
        timings: Timings,
        error: UpstreamError,
    ) -> Box<Failure> {
        self.note_failure(&error);
        Box::new(Failure {
            number: self.attempt.number,
            target: self.attempt.target,
            head,
            timings,
            tally: Tally::default(),
            error,
            took: self.began.elapsed(),
        })
    }

    /// Notes what came of it, where that speaks of the target.
    pub(super) fn note_result(&mut self, result: AttemptResult) {
        let rules = &self.terms.settings.outliers;
        self.attempt.in_flight.note(result, Instant::now(), rules);
    }

    /// Notes a failure, where it is the target's own.
    pub(super) fn note_failure(&mut self, error: &UpstreamError) {
        if retry::is_of_target(error) {
            self.note_result(AttemptResult::Failed);
        }
    }

    /// Connects, sends the request, waits for the head.
    async fn open(&mut self) -> Result<Opened, UpstreamError> {
        let (terms, attempt) = (&*self.terms, &mut self.attempt);
        let provider = &attempt.target.provider;
        let protocol = providers::protocol(&provider.kind);
        let path = protocol.path(attempt.api, &attempt.target);
        let (body, progress) = RequestBody::new(std::mem::take(&mut attempt.body));
        let began = Instant::now();
        let mut headers = std::mem::take(&mut attempt.headers);
        if protocol.takes_timeout() {
            let left = terms.total_at().saturating_duration_since(began);
            headers.push((X_TIMEOUT_MS, timeout_of_next_hop(left)));
        }
        let request = UpstreamRequest {
            provider: provider.id.clone(),
            path: ByteString::from(format!("{}{path}", provider.base_path)),
            headers,
            body,
        };
        let mut stages = Stages::new(began, terms.total_at(), terms.clocks);
        let mut sending = pin!(terms.http_client.send(request));
        let mut progress = Some(progress);
        let (mut head, body) = loop {
            let (at, clock) = stages.next();
            tokio::select! {
                biased;
                answer = &mut sending => break answer?,
                stage = next_stage(&mut progress) => stages.reach(stage, Instant::now()),
                () = sleep_until(at) => return Err(terms.clocks.expired(clock)),
            }
        };
        let head_at = Instant::now();
        protocol.mend_headers(&mut head.headers);
        let target = attempt.in_flight.target();
        let rules = &terms.settings.headroom;
        target.note_head(head.status.as_u16(), &head.headers, head_at, rules);
        let connected_at = stages.connected_at.unwrap_or(head_at);
        let timings = Timings {
            connect: Some(connected_at - began),
            head: Some(head_at - connected_at),
            first_event: None,
        };
        Ok(Opened {
            head,
            body,
            timings,
            head_at,
        })
    }

    /// Reads an answer that is no event stream.
    async fn read_whole(&mut self, opened: &mut Opened) -> Result<Document, UpstreamError> {
        let Opened {
            head,
            body,
            head_at,
            ..
        } = opened;
        let (terms, attempt) = (&*self.terms, &mut self.attempt);
        let clocks = AnswerClocks::start_document(terms.clocks, *head_at, terms.total_at());
        let bounds = &terms.settings.upstream;
        if !head.status.is_success() {
            let mut account = Bytes::new();
            if !is_encoded(head) {
                // What can be read of the account is used; that it broke off changes no status.
                account = document::read_start(body, clocks, bounds).await;
            }
            let error = providers::protocol(&attempt.target.provider.kind).read_error(&account);
            return Err(UpstreamError::Status {
                status: head.status.as_u16(),
                error,
            });
        }
        if is_encoded(head) {
            return Err(UpstreamError::ContentEncoding);
        }
        if !terms.request.stream {
            let text = document::read_to_end(body, clocks, bounds.max_body_bytes).await?;
            let document = attempt.api.check_document(&text)?;
            let usage = attempt.api.document_usage(&document);
            return Ok(match &mut attempt.translation {
                None => {
                    let filter = EventFilter::new(terms.dialect, &attempt.target.filter, false);
                    let text = filter.apply_document(text);
                    let lost = Losses::default();
                    Document { text, usage, lost }
                }
                Some(translation) => {
                    let text = translation.document(&text)?;
                    let lost = translation.lost().clone();
                    Document { text, usage, lost }
                }
            });
        }
        let Some(essence) = content_type(head) else {
            return Err(UpstreamError::NotAStream(
                "an answer without a content type".to_owned(),
            ));
        };
        if essence.ends_with("json") {
            let account = document::read_start(body, clocks, bounds).await;
            if let Err(BadDocument::Error(error)) = attempt.api.check_document(&account) {
                return Err(UpstreamError::ErrorEvent(error));
            }
        }
        Err(UpstreamError::NotAStream(clean_text::clean(
            essence.as_bytes(),
            MAX_CONTENT_TYPE,
        )))
    }
}

impl Failure {
    /// What is told of it where another attempt follows.
    pub(super) fn as_failed_attempt(&self) -> FailedAttempt {
        FailedAttempt {
            number: self.number,
            target: Arc::clone(&self.target),
            received: self.head.as_ref().map(|head| head.status.as_u16()),
            error: self.error.clone(),
            took: self.took,
        }
    }
}

impl Ready {
    /// Commits, and serves to the end. Each sort has a box of its own size.
    pub(super) fn serve(self, uncommitted: Uncommitted) -> LocalBoxFuture<'static, Answered> {
        match self {
            Self::Stream(stream) => Box::pin(stream.serve(uncommitted)),
            Self::Document(document) => Box::pin(document.serve(uncommitted)),
        }
    }
}

impl ReadyDocument {
    async fn serve(self: Box<Self>, uncommitted: Uncommitted) -> Answered {
        let Self {
            plan,
            opened,
            document: Document { text, usage, lost },
        } = *self;
        let lost_parts = lost.names().len();
        let target = plan.attempt.target;
        let Opened {
            head,
            timings,
            body,
            ..
        } = opened;
        let metadata = UpstreamMetadata::document(target, head, timings, text, lost);
        if uncommitted.announce(metadata).await.is_err() {
            return (UpstreamEnd::ClientLeft, Tally::default(), None);
        }
        let tally = Tally {
            usage,
            lost_parts,
            ..Tally::default()
        };
        (UpstreamEnd::Completed, tally, Some(body))
    }
}

/// What a gateway behind this one is told of the time that is left: a tenth less, though no more than
/// 100 ms, so that it is the one to give up first. It knows better what it was waiting for.
fn timeout_of_next_hop(left: Duration) -> HeaderValue {
    const MOST: Duration = Duration::from_millis(100);
    let left = left.saturating_sub((left / 10).min(MOST));
    let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    HeaderValue::from(millis.max(1))
}

/// The next step of sending; never resolves once there is none to come.
async fn next_stage(progress: &mut Option<watch::Receiver<Sending>>) -> Sending {
    if let Some(receiver) = progress {
        if receiver.changed().await.is_ok() {
            return *receiver.borrow_and_update();
        }
        *progress = None;
    }
    std::future::pending().await
}

fn content_type(head: &UpstreamHead) -> Option<&str> {
    let value = head.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim())
}

/// Whether an answer is a stream of events, as far as its head tells.
#[must_use]
pub fn is_event_stream(head: &UpstreamHead) -> bool {
    let is_stream =
        content_type(head).is_some_and(|essence| essence.eq_ignore_ascii_case("text/event-stream"));
    head.status.is_success() && is_stream && !is_encoded(head)
}

/// Whether a body is compressed, or encoded otherwise: Herald asks for none that is.
#[must_use]
pub fn is_encoded(head: &UpstreamHead) -> bool {
    let mut codings = head.headers.get_all(CONTENT_ENCODING);
    codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}
