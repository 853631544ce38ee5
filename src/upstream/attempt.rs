//! One attempt: asks one target, and takes the way that its answer calls for.

mod stages;

use std::{pin::pin, rc::Rc, time::Duration};

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use bytes::Bytes;
use bytestring::ByteString;
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
    event_stream::EventStream,
    http_client::{UpstreamBody, UpstreamHead, UpstreamRequest},
    messages::{Tally, UpstreamEnd},
    request_body::{RequestBody, SendProgress},
    uncommitted::Uncommitted,
};
use crate::{
    completion::TokenUsage,
    delivery::ClientLeft,
    event_filter::EventFilter,
    metadata::{Timings, UpstreamMetadata, clean_text},
    providers::{self, BadDocument},
    routing::{outliers::AttemptResult, retry, route::Attempt},
    streams::{Phase, StopSignal},
    translation::Losses,
};

/// How long the whole answer may take, in milliseconds: clients tell Herald, and Herald those that obey it.
pub const X_TIMEOUT_MS: HeaderName = HeaderName::from_static("x-timeout-ms");

/// Longest content type that an error names, in bytes.
const MAX_CONTENT_TYPE: usize = 64;

/// One attempt at one target, under the terms of its call.
pub(super) struct AttemptPlan {
    pub(super) terms: Rc<CallTerms>,
    pub(super) attempt: Attempt,
    pub(super) stop: StopSignal,
}

/// What an attempt came to.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of a call, and the common end of it needs no box"
)]
pub(super) enum Attempted {
    /// The client was told, or is gone: there is no other.
    Answered(Answered),
    /// It failed before the commit, and the client knows nothing of it.
    Failed(Box<Failure>),
}

/// How a call ended, what passed, and the rest of a body that ended well.
pub(super) type Answered = (UpstreamEnd, Tally, Option<UpstreamBody>);

/// An attempt that failed before the commit, and what another one needs.
pub(super) struct Failure {
    pub(super) uncommitted: Uncommitted,
    /// `None` where no answer came.
    pub(super) head: Option<UpstreamHead>,
    pub(super) timings: Timings,
    pub(super) tally: Tally,
    pub(super) error: UpstreamError,
}

/// An answer whose head is in.
pub(super) struct Opened {
    pub(super) head: UpstreamHead,
    pub(super) body: UpstreamBody,
    pub(super) timings: Timings,
    pub(super) head_at: Instant,
}

/// A whole answer as the client gets it.
struct Document {
    text: Bytes,
    /// What it took, if it tells.
    usage: Option<TokenUsage>,
    /// What of it could not be carried.
    lost: Losses,
}

impl AttemptPlan {
    /// Runs the attempt to its end.
    pub(super) async fn run(mut self, uncommitted: Uncommitted) -> Attempted {
        let mut stop = self.stop.clone();
        let opened = tokio::select! {
            biased;
            () = uncommitted.client().client_left() => return client_left(),
            reason = stop.stopped() => Err(reason),
            opened = self.open() => opened,
        };
        self.attempt.waiting = None;
        let mut opened = match opened {
            Ok(opened) => opened,
            Err(error) => return self.failed(uncommitted, None, Timings::default(), error),
        };
        self.terms.stream.reach(Phase::Held);
        if self.terms.request.stream && is_event_stream(&opened.head) {
            return EventStream::new(self, opened, uncommitted).relay().await;
        }
        let answered = tokio::select! {
            biased;
            () = uncommitted.client().client_left() => return client_left(),
            reason = stop.stopped() => Err(reason),
            answered = self.read_whole(&mut opened) => answered,
        };
        let Opened {
            head,
            body,
            timings,
            ..
        } = opened;
        let Document { text, usage, lost } = match answered {
            Ok(document) => document,
            Err(error) => return self.failed(uncommitted, Some(head), timings, error),
        };
        let lost_parts = lost.names().len();
        self.note_result(AttemptResult::Succeeded);
        let target = self.attempt.target;
        let metadata = UpstreamMetadata::document(target, head, timings, text, lost);
        match uncommitted.announce(metadata).await {
            Ok(_) => {
                let tally = Tally {
                    usage,
                    lost_parts,
                    ..Tally::default()
                };
                Attempted::Answered((UpstreamEnd::Completed, tally, Some(body)))
            }
            Err(ClientLeft) => client_left(),
        }
    }

    fn failed(
        mut self,
        uncommitted: Uncommitted,
        head: Option<UpstreamHead>,
        timings: Timings,
        error: UpstreamError,
    ) -> Attempted {
        self.note_failure(&error);
        Attempted::Failed(Box::new(Failure {
            uncommitted,
            head,
            timings,
            tally: Tally::default(),
            error,
        }))
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
            attempt.api.check_document(&text)?;
            let usage = attempt.api.document_usage(&text);
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

fn client_left() -> Attempted {
    Attempted::Answered((UpstreamEnd::ClientLeft, Tally::default(), None))
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
async fn next_stage(progress: &mut Option<watch::Receiver<SendProgress>>) -> SendProgress {
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
