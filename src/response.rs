//! The response side: one actor a request, which answers the client.

pub mod document_body;
pub mod head;
pub mod metadata_event;
pub mod sse_body;

use std::{fmt, rc::Rc, sync::Arc};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::delivery::DeliveryReport;
use crate::{
    dialects::Dialect,
    error::{GatewayError, HeraldError, respond::rescue_upstream},
    metadata::{
        MetadataRefused, Opening, UpstreamMetadata,
        chain::{self, HopFailure},
    },
    settings::{VerifiedSettings, VerifiedTarget},
    telemetry::request_record::{Outcome, RequestRecord},
    upstream::{
        UpstreamError,
        messages::{CompletionFinished, UpstreamEnd},
    },
};
use head::ResponseHead;

/// What the handler answers the client with.
pub enum Answer {
    /// A head, and events after it.
    Events {
        /// The head.
        head: ResponseHead,
        /// Where the body reports how far it was taken.
        report: oneshot::Sender<DeliveryReport>,
    },
    /// A head and all that follows it.
    Document {
        /// The head.
        head: ResponseHead,
        /// JSON.
        body: Bytes,
    },
}

/// Tells of a document only how long it is: it is a completion.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events { head, .. } => write!(f, "Events({})", head.status),
            Self::Document { head, body } => {
                write!(f, "Document({}, {} bytes)", head.status, body.len())
            }
        }
    }
}

/// Owns the answer to one client: its head, once, and its outcome, once.
///
/// Its life: *waiting* → ([`UpstreamMetadata`]) → *answered* → ([`CompletionFinished`] from the
/// upstream actor, and for a stream the body's report of how far it was taken) → gone. The handler
/// waits for the [`Answer`]; if the actor dies without one, the handler's end of the channel tells.
/// Whatever happens, one outcome is noted, at the latest when the actor stops.
#[derive(Debug)]
pub struct ResponseActor {
    answer: Option<oneshot::Sender<Answer>>,
    settings: Arc<VerifiedSettings>,
    /// Who is asked first, and then whose answer it is.
    target: Arc<VerifiedTarget>,
    dialect: &'static dyn Dialect,
    record: Rc<RequestRecord>,
    /// Whether a body is on its way that has not reported yet.
    is_delivering: bool,
    was_taken_whole: bool,
    end: Option<UpstreamEnd>,
}

impl ResponseActor {
    /// An actor that gives its answer to `answer` and notes the outcome in `record`.
    #[must_use]
    pub fn new(
        answer: oneshot::Sender<Answer>,
        settings: Arc<VerifiedSettings>,
        target: Arc<VerifiedTarget>,
        dialect: &'static dyn Dialect,
        record: Rc<RequestRecord>,
    ) -> Self {
        Self {
            answer: Some(answer),
            settings,
            target,
            dialect,
            record,
            is_delivering: false,
            was_taken_whole: true,
            end: None,
        }
    }

    /// Turns what the provider said into an answer.
    fn answer_to(&mut self, metadata: UpstreamMetadata, ctx: &mut Context<Self>) -> Answer {
        let received = metadata.head.as_ref().map(|head| head.status.as_u16());
        let head = |rescue, opening: &Opening| {
            ResponseHead::build(&self.settings, &metadata, rescue, opening, &self.record)
        };
        match &metadata.opening {
            Opening::Events => {
                let head = head(None, &metadata.opening);
                let (report, reported) = oneshot::channel();
                self.is_delivering = true;
                ctx.spawn(reported.into_actor(self).map(|report, actor, ctx| {
                    actor.is_delivering = false;
                    actor.was_taken_whole =
                        report.is_ok_and(|report: DeliveryReport| report.is_whole);
                    actor.stop_if_over(ctx);
                }));
                Answer::Events { head, report }
            }
            Opening::Document(document) => Answer::Document {
                head: head(None, &metadata.opening),
                body: document.clone(),
            },
            Opening::Failed(error) => {
                let customs = self.dialect.customs();
                let rescue = rescue_upstream(error, &metadata.target, received);
                let body = self.dialect.error_document(&rescue.report);
                let mut head = head(Some(rescue), &metadata.opening).of_type(customs.error_type);
                if customs.plain_limits {
                    let (rules, key) = (
                        &self.target.provider.header_policy,
                        &self.target.key_headers,
                    );
                    head = head.with_plain_limits(rules.for_key(key.as_deref()));
                }
                Answer::Document { head, body }
            }
        }
    }

    fn stop_if_over(&self, ctx: &mut Context<Self>) {
        if self.end.is_some() && !self.is_delivering {
            ctx.stop();
        }
    }

    fn outcome(&mut self) -> Outcome {
        let failed = |error: UpstreamError| {
            let words = error.provider_error();
            if let Some(report) = words.and_then(|words| words.origin.as_deref()) {
                let failure = HopFailure::of_report(report, &self.target.provider);
                self.record.note_hop_failure(failure);
            }
            let error = HeraldError::Upstream {
                provider: self.target.provider.id.clone(),
                model: self.target.upstream_model.clone(),
                error: Box::new(error),
            };
            Outcome::failed(&error)
        };
        match self.end.take() {
            Some(UpstreamEnd::Completed) if self.was_taken_whole => Outcome::Completed,
            Some(UpstreamEnd::Completed | UpstreamEnd::ClientLeft) => Outcome::Cancelled,
            Some(UpstreamEnd::Failed(error)) => failed(error),
            Some(UpstreamEnd::ClientStalled(_)) => Outcome::Stalled,
            // The upstream actor died: a defect, and its panic message is in the log.
            None => Outcome::failed(&GatewayError::Internal.into()),
        }
    }
}

impl Actor for ResponseActor {
    type Context = Context<Self>;

    fn stopped(&mut self, _: &mut Self::Context) {
        let outcome = self.outcome();
        self.record.conclude(outcome);
    }
}

impl Handler<UpstreamMetadata> for ResponseActor {
    type Result = Result<(), MetadataRefused>;

    fn handle(&mut self, metadata: UpstreamMetadata, ctx: &mut Self::Context) -> Self::Result {
        let sender = self.answer.take().ok_or(MetadataRefused)?;
        self.record.note_metadata(&metadata);
        self.target = Arc::clone(&metadata.target);
        if self.target.provider.kind.is_herald() {
            let headers = metadata.head.as_ref().map(|head| &head.headers);
            let id = headers.and_then(chain::request_id);
            self.record.note_next_request_id(id);
        }
        let answer = self.answer_to(metadata, ctx);
        sender.send(answer).map_err(|_| MetadataRefused)
    }
}

impl Handler<CompletionFinished> for ResponseActor {
    type Result = ();

    fn handle(&mut self, finished: CompletionFinished, ctx: &mut Self::Context) {
        self.record.note_tally(&finished.tally);
        self.end = Some(finished.end);
        self.stop_if_over(ctx);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use actix_web::http::{StatusCode, header::HeaderMap};

    use super::*;
    use crate::{
        dialects::openai::ChatCompletions,
        metadata::Timings,
        settings::Settings,
        upstream::{http_client::UpstreamHead, messages::Tally},
    };

    fn settings() -> Arc<VerifiedSettings> {
        let settings = Settings::from_toml("").unwrap();
        Arc::new(settings.verify(&HashMap::new()).unwrap())
    }

    fn target() -> Arc<VerifiedTarget> {
        Arc::clone(settings().models.iter().next().unwrap().first_target())
    }

    fn metadata(opening: Opening) -> UpstreamMetadata {
        let head = UpstreamHead {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
        };
        UpstreamMetadata {
            head: Some(head),
            opening,
            target: target(),
            timings: Timings::default(),
            lost: crate::translation::Losses::default(),
        }
    }

    fn finished(end: UpstreamEnd) -> CompletionFinished {
        CompletionFinished {
            end,
            tally: Tally::default(),
        }
    }

    /// A started actor, and what a handler has of it.
    struct Started {
        actor: actix::Addr<ResponseActor>,
        answered: oneshot::Receiver<Answer>,
        record: Rc<RequestRecord>,
    }

    fn start() -> Started {
        let record = RequestRecord::new("id".into(), "POST".into(), "/".into());
        let (answer, answered) = oneshot::channel();
        let actor = ResponseActor::new(
            answer,
            settings(),
            target(),
            &ChatCompletions,
            Rc::clone(&record),
        )
        .start();
        Started {
            actor,
            answered,
            record,
        }
    }

    /// Waits until the actor is gone, and gives the outcome that it noted.
    async fn outcome(started: Started) -> Option<Outcome> {
        let Started { actor, record, .. } = started;
        let gone = actor.downgrade();
        drop(actor);
        while gone.upgrade().is_some() || Rc::strong_count(&record) > 1 {
            tokio::task::yield_now().await;
        }
        record.noted()
    }

    #[actix_web::test]
    async fn a_second_metadata_message_is_refused_and_the_first_stands() {
        let started = start();
        let first = started.actor.send(metadata(Opening::Events)).await;
        assert_eq!(first.unwrap(), Ok(()));
        let refused = UpstreamError::Reset;
        let second = started.actor.send(metadata(Opening::Failed(refused))).await;
        assert_eq!(second.unwrap(), Err(MetadataRefused));
        assert!(matches!(
            started.answered.await.unwrap(),
            Answer::Events { head, .. } if head.status == StatusCode::OK
        ));
    }

    #[actix_web::test]
    async fn metadata_that_nobody_waits_for_is_refused() {
        let Started {
            actor, answered, ..
        } = start();
        drop(answered);
        let sent = actor.send(metadata(Opening::Events)).await;
        assert_eq!(sent.unwrap(), Err(MetadataRefused));
    }

    #[actix_web::test]
    async fn an_upstream_that_dies_before_its_metadata_leaves_the_handler_a_closed_channel() {
        let mut started = start();
        let (_, unanswered) = oneshot::channel();
        let answered = std::mem::replace(&mut started.answered, unanswered);
        let internal = Outcome::failed(&GatewayError::Internal.into());
        assert_eq!(outcome(started).await, Some(internal));
        assert!(answered.await.is_err());
    }

    #[actix_web::test]
    async fn a_stream_is_complete_only_when_both_sides_say_so() {
        for (is_whole, expected) in [(true, Outcome::Completed), (false, Outcome::Cancelled)] {
            let mut started = start();
            let sent = started.actor.send(metadata(Opening::Events)).await;
            assert_eq!(sent.unwrap(), Ok(()));
            let Answer::Events { report, .. } = (&mut started.answered).await.unwrap() else {
                panic!("a stream");
            };
            let done = finished(UpstreamEnd::Completed);
            started.actor.send(done).await.unwrap();
            // The provider is done, the body is not: nothing is noted yet.
            assert_eq!(started.record.noted(), None);
            report.send(DeliveryReport { is_whole }).unwrap();
            assert_eq!(outcome(started).await, Some(expected));
        }
    }

    #[actix_web::test]
    async fn an_upstream_that_dies_in_the_stream_is_our_fault() {
        let mut started = start();
        let sent = started.actor.send(metadata(Opening::Events)).await;
        assert_eq!(sent.unwrap(), Ok(()));
        let Answer::Events { report, .. } = (&mut started.answered).await.unwrap() else {
            panic!("a stream");
        };
        drop(report);
        let internal = Outcome::failed(&GatewayError::Internal.into());
        assert_eq!(outcome(started).await, Some(internal));
    }
}
