//! One call: opens it, and takes the way that its answer calls for.

use std::{fmt, pin::pin, sync::Arc, time::Duration};

use actix::Recipient;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use bytes::Bytes;
use bytestring::ByteString;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::{
    UpstreamError,
    announcer::Announcer,
    clocks::{AnswerClocks, Clock, ClockLengths},
    document,
    event_stream::EventStream,
    http_client::{HttpClient, UpstreamBody, UpstreamHead, UpstreamRequest},
    messages::{CompletionFinished, Tally, UpstreamEnd},
    request_body::{RequestBody, SendProgress},
};
use crate::{
    completion::{CompletionRequest, TokenUsage},
    delivery::ClientLeft,
    dialects::Dialect,
    event_filter::EventFilter,
    limits::ceilings::WaitingPermit,
    metadata::{Timings, UpstreamMetadata, clean_text},
    providers::{self, Api, BadDocument},
    settings::{VerifiedSettings, VerifiedTarget},
    streams::{OpenStream, Phase, StopSignal},
    translation::{Losses, Translation},
};

/// How long the whole answer may take, in milliseconds: clients tell Herald, and Herald those that obey it.
pub const X_TIMEOUT_MS: HeaderName = HeaderName::from_static("x-timeout-ms");

/// One call to a provider, and whom to tell of it.
#[derive(Debug)]
pub struct Call {
    /// What to ask of whom.
    pub plan: CallPlan,
    /// Where metadata and events go.
    pub announcer: Announcer,
    /// Where the end is reported.
    pub finished: Recipient<CompletionFinished>,
}

/// What to ask, of whom, and under which bounds.
pub struct CallPlan {
    /// This worker's client.
    pub http_client: HttpClient,
    /// The settings that the request began with.
    pub settings: Arc<VerifiedSettings>,
    /// Who is asked, for what.
    pub target: Arc<VerifiedTarget>,
    /// What the client asked for; its body may be let go.
    pub request: CompletionRequest,
    /// Which of the provider's APIs is called.
    pub api: &'static dyn Api,
    /// The body of the call, in pieces.
    pub body: Vec<Bytes>,
    /// How the answer is written anew for the client; `None` where it passes as it is.
    pub translation: Option<Translation>,
    /// Of its headers those that travel upstream.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The clocks, with `total` as the client's `x-timeout-ms` has it.
    pub clocks: ClockLengths,
    /// When the client's request had been parsed.
    pub started: Instant,
    /// The call's place among those that wait for a head; given back when the head is in.
    pub waiting: Option<WaitingPermit>,
    /// How the client is told of a failure in the stream.
    pub dialect: &'static dyn Dialect,
    /// Tells when the call must end although both sides go on.
    pub stop: StopSignal,
    /// Where operators see how far it has come.
    pub stream: Arc<OpenStream>,
}

/// Tells nothing of the headers: they hold the provider's key.
impl fmt::Debug for CallPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallPlan")
            .field("provider", &self.target.provider.id)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
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

/// How a call ended, what passed, and the rest of a body that ended well.
pub(super) type Answered = (UpstreamEnd, Tally, Option<UpstreamBody>);

impl Call {
    /// Runs the call to its end and reports it.
    pub(super) async fn run(self) {
        let finished = self.finished.clone();
        let drain_after_end = self.plan.settings.upstream.drain_after_end;
        let stream = Arc::clone(&self.plan.stream);
        let (end, tally, rest) = self.answer().await;
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
    }

    async fn answer(self) -> Answered {
        let Self {
            mut plan,
            announcer,
            ..
        } = self;
        let mut stop = plan.stop.clone();
        let opened = tokio::select! {
            biased;
            () = announcer.client().client_left() => return client_left(),
            reason = stop.stopped() => Err(reason),
            opened = plan.open() => opened,
        };
        plan.waiting = None;
        let mut opened = match opened {
            Ok(opened) => opened,
            Err(error) => return fail(announcer, None, Timings::default(), error).await,
        };
        plan.stream.reach(Phase::Held);
        if plan.request.stream && is_event_stream(&opened.head) {
            return EventStream::new(plan, opened, announcer).relay().await;
        }
        let answered = tokio::select! {
            biased;
            () = announcer.client().client_left() => return client_left(),
            reason = stop.stopped() => Err(reason),
            answered = plan.read_whole(&mut opened) => answered,
        };
        let Opened {
            head,
            body,
            timings,
            ..
        } = opened;
        let Document { text, usage, lost } = match answered {
            Ok(document) => document,
            Err(error) => return fail(announcer, Some(head), timings, error).await,
        };
        let lost_parts = lost.names().len();
        let metadata = UpstreamMetadata::document(head, timings, text, lost);
        match announcer.announce(metadata).await {
            Ok(_) => {
                let tally = Tally {
                    usage,
                    lost_parts,
                    ..Tally::default()
                };
                (UpstreamEnd::Completed, tally, Some(body))
            }
            Err(ClientLeft) => client_left(),
        }
    }
}

impl CallPlan {
    /// Connects, sends the request, waits for the head.
    async fn open(&mut self) -> Result<Opened, UpstreamError> {
        let provider = &self.target.provider;
        let protocol = providers::protocol(&provider.kind);
        let path = protocol.path(self.api, &self.target);
        let (body, progress) = RequestBody::new(std::mem::take(&mut self.body));
        let began = Instant::now();
        let mut headers = std::mem::take(&mut self.headers);
        if protocol.takes_timeout() {
            let left = (self.started + self.clocks.total).saturating_duration_since(began);
            headers.push((X_TIMEOUT_MS, timeout_of_next_hop(left)));
        }
        let request = UpstreamRequest {
            provider: provider.id.clone(),
            path: ByteString::from(format!("{}{path}", provider.base_path)),
            headers,
            body,
        };
        let mut stages = Stages::new(began, self.started + self.clocks.total, self.clocks);
        let mut sending = pin!(self.http_client.send(request));
        let mut progress = Some(progress);
        let (mut head, body) = loop {
            let (at, clock) = stages.next();
            tokio::select! {
                biased;
                answer = &mut sending => break answer?,
                stage = next_stage(&mut progress) => stages.reach(stage, Instant::now()),
                () = sleep_until(at) => return Err(self.clocks.expired(clock)),
            }
        };
        let head_at = Instant::now();
        protocol.mend_headers(&mut head.headers);
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
        let total_at = self.started + self.clocks.total;
        let clocks = AnswerClocks::start_document(self.clocks, *head_at, total_at);
        let bounds = &self.settings.upstream;
        if !head.status.is_success() {
            let mut account = Bytes::new();
            if !is_encoded(head) {
                // What can be read of the account is used; that it broke off changes no status.
                account = document::read_start(body, clocks, bounds).await;
            }
            let error = providers::protocol(&self.target.provider.kind).read_error(&account);
            return Err(UpstreamError::Status {
                status: head.status.as_u16(),
                error,
            });
        }
        if is_encoded(head) {
            return Err(UpstreamError::ContentEncoding);
        }
        if !self.request.stream {
            let text = document::read_to_end(body, clocks, bounds.max_body_bytes).await?;
            self.api.check_document(&text)?;
            let usage = self.api.document_usage(&text);
            return Ok(match &mut self.translation {
                None => {
                    let filter = EventFilter::new(self.dialect, &self.target.filter, false);
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
            if let Err(BadDocument::Error(error)) = self.api.check_document(&account) {
                return Err(UpstreamError::ErrorEvent(error));
            }
        }
        Err(UpstreamError::NotAStream(clean_text::clean(
            essence.as_bytes(),
            MAX_CONTENT_TYPE,
        )))
    }
}

/// Longest content type that an error names, in bytes.
const MAX_CONTENT_TYPE: usize = 64;

/// Announces that the call failed before commit.
async fn fail(
    announcer: Announcer,
    head: Option<UpstreamHead>,
    timings: Timings,
    error: UpstreamError,
) -> Answered {
    let metadata = UpstreamMetadata::failed(head, timings, error.clone());
    match announcer.announce(metadata).await {
        Ok(_) => (UpstreamEnd::Failed(error), Tally::default(), None),
        Err(ClientLeft) => client_left(),
    }
}

fn client_left() -> Answered {
    (UpstreamEnd::ClientLeft, Tally::default(), None)
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

/// Which clock runs while a call is opened.
struct Stages {
    began: Instant,
    total_at: Instant,
    lengths: ClockLengths,
    connected_at: Option<Instant>,
    written_at: Option<Instant>,
}

impl Stages {
    fn new(began: Instant, total_at: Instant, lengths: ClockLengths) -> Self {
        Self {
            began,
            total_at,
            lengths,
            connected_at: None,
            written_at: None,
        }
    }

    fn reach(&mut self, progress: SendProgress, now: Instant) {
        match progress {
            SendProgress::Connecting => {}
            SendProgress::Writing => {
                self.connected_at.get_or_insert(now);
            }
            SendProgress::Written => {
                self.connected_at.get_or_insert(now);
                self.written_at.get_or_insert(now);
            }
        }
    }

    /// What is due next. A request that cannot be written is bounded by `head` too.
    fn next(&self) -> (Instant, Clock) {
        let stage = match self.written_at.or(self.connected_at) {
            None => (self.began + self.lengths.connect, Clock::Connect),
            Some(since) => (since + self.lengths.head, Clock::Head),
        };
        if self.total_at < stage.0 {
            (self.total_at, Clock::Total)
        } else {
            stage
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn stages(total: Duration) -> (Instant, Stages) {
        let lengths = ClockLengths {
            connect: SECOND,
            head: 5 * SECOND,
            first_event: 9 * SECOND,
            idle: 9 * SECOND,
            total,
            client_write: 9 * SECOND,
            hold: Duration::ZERO,
        };
        let now = Instant::now();
        (now, Stages::new(now, now + total, lengths))
    }

    #[tokio::test(start_paused = true)]
    async fn connect_runs_until_the_connection_stands_and_head_from_the_request_written() {
        let (began, mut stages) = stages(60 * SECOND);
        assert_eq!(stages.next(), (began + SECOND, Clock::Connect));
        stages.reach(SendProgress::Writing, began + SECOND / 2);
        assert_eq!(
            stages.next(),
            (began + SECOND / 2 + 5 * SECOND, Clock::Head)
        );
        stages.reach(SendProgress::Written, began + 3 * SECOND);
        assert_eq!(stages.next(), (began + 8 * SECOND, Clock::Head));
    }

    #[tokio::test(start_paused = true)]
    async fn the_total_is_due_first_where_it_is_shorter() {
        let (began, mut stages) = stages(SECOND / 4);
        assert_eq!(stages.next(), (began + SECOND / 4, Clock::Total));
        stages.reach(SendProgress::Written, began);
        assert_eq!(stages.next(), (began + SECOND / 4, Clock::Total));
    }
}
