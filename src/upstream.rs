//! The upstream side: one actor a request, which speaks to the provider.

pub mod announcer;
pub mod attempt;
pub mod call;
pub mod clocks;
pub mod connector;
pub mod document;
pub mod error;
pub mod event_stream;
mod hedge;
pub mod hold;
pub mod http_client;
pub mod messages;
pub mod request_body;
pub mod sse_decoder;
pub mod uncommitted;

pub use error::UpstreamError;

use std::rc::Rc;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use futures_util::future::LocalBoxFuture;
use tracing::{Instrument, Span, instrument::Instrumented};

use call::Call;

use crate::delivery::Pump;

/// Owns one call for a completion, from opening a connection to a provider to the end of the answer.
///
/// Its life: *opening* (connect, send, wait for the head) → *held* (events are kept until commit) →
/// *streaming* (events pass) → gone; from *opening* and *held* the way may lead back to *opening*, at
/// another target. It announces the metadata once, on the way out of *opening* or
/// *held*; it reports [`CompletionFinished`](messages::CompletionFinished) once, at its end; both go
/// to the response actor. All of it is one future on the worker's own thread, because awc's client
/// lives there; when the client leaves, the future returns, and dropping it closes the provider's
/// socket.
pub struct UpstreamActor {
    /// The call as it runs, made before the actor, so that the actor has no room for what it is made of.
    pump: Option<Rc<Pump<Instrumented<LocalBoxFuture<'static, ()>>>>>,
}

impl UpstreamActor {
    /// An actor for one call, which belongs to the current span; [`Actor::start`] sets it going.
    #[must_use]
    pub fn new(call: Call) -> Self {
        let pump = Rc::new_cyclic(|pump| {
            call.uncommitted.announcer.client().filled_by(pump);
            // The actor starts in a task of its own, which has no span.
            Pump::new(call.run().instrument(Span::current()))
        });
        Self { pump: Some(pump) }
    }
}

impl Actor for UpstreamActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let pump = self.pump.take().expect("an actor is started once");
        let run = async move { pump.run().await };
        ctx.spawn(run.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_has_no_room_for_the_call_that_it_runs() {
        assert!(size_of::<UpstreamActor>() < size_of::<Call>() / 8);
    }
}
