//! The response side: one actor a request, which answers the client.

pub mod delivery;
pub mod event_filter;
pub mod head;
pub mod sse_body;

use std::{rc::Rc, sync::Arc};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::{
    dialects::Dialect,
    error::{GatewayError, HeraldError, respond::rescue_upstream},
    metadata::{MetadataRefused, Opening, UpstreamMetadata},
    settings::{VerifiedModel, VerifiedSettings},
    telemetry::request_record::{Outcome, RequestRecord},
    upstream::{
        UpstreamError,
        messages::{CompletionFinished, UpstreamEnd},
    },
};
use delivery::DeliveryReport;
use head::ResponseHead;

/// What the handler answers the client with.
#[derive(Debug)]
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
    model: Arc<VerifiedModel>,
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
        model: Arc<VerifiedModel>,
        dialect: &'static dyn Dialect,
        record: Rc<RequestRecord>,
    ) -> Self {
        Self {
            answer: Some(answer),
            settings,
            model,
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
            ResponseHead::build(
                &self.settings,
                &self.model,
                &metadata,
                rescue,
                opening,
                &self.record,
            )
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
                let rescue = rescue_upstream(error, &self.model, received);
                let body = self.dialect.error_document(rescue.status, &rescue.report);
                Answer::Document {
                    head: head(Some(rescue), &metadata.opening),
                    body,
                }
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
            let error = HeraldError::Upstream {
                provider: self.model.provider.id.clone(),
                model: self.model.upstream_model.clone(),
                received: None,
                error,
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
