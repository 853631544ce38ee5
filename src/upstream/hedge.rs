//! A second attempt beside one that is slow.
//!
//! Neither has the client: both run up to their commit, and the call gives what it takes to commit to the one
//! that is returned. The other one is dropped before that, with its connection and its places.

use std::{pin::pin, rc::Rc, sync::Arc};

use tokio::time::{Duration, Instant, sleep};

use super::{
    UpstreamError,
    attempt::{AttemptPlan, Failure, Ready},
    call::CallTerms,
};
use crate::{
    metadata::FailedAttempt,
    routing::{
        retry,
        route::{Attempt, Place, Route},
        times::Awaited,
    },
    settings::VerifiedTarget,
    streams::StopSignal,
};

/// Runs an attempt up to its commit. Where it says nothing for longer than its target usually takes, and the
/// settings want it, another one runs beside it: whichever is ready first comes back.
pub(super) async fn ready(
    terms: &Rc<CallTerms>,
    attempt: Attempt,
    stop: &StopSignal,
    route: &mut Route,
) -> Result<Ready, Box<Failure>> {
    let hedge_after = route.hedge_after(&attempt);
    let plan = AttemptPlan::new(terms, attempt, stop);
    match hedge_after {
        None => plan.ready().await,
        // In a box, so that a call which is not hedged has no room for two attempts.
        Some(wait) => Box::pin(hedged(plan, wait, route)).await,
    }
}

async fn hedged(
    mut plan: AttemptPlan,
    wait: Duration,
    route: &mut Route,
) -> Result<Ready, Box<Failure>> {
    let has_answered = plan.watch();
    let (terms, stop) = (Rc::clone(&plan.terms), plan.stop.clone());
    let slow = GivenUp::of(&plan);
    let slow_state = Arc::clone(plan.attempt.in_flight.target());
    let mut first = pin!(plan.ready());
    tokio::select! {
        biased;
        ready = &mut first => return ready,
        () = sleep(wait) => {}
    }
    if has_answered.get() {
        return first.await;
    }
    let Some((attempt, place)) = route.hedge() else {
        return first.await;
    };
    let route = &*route;
    let plan = AttemptPlan::new(&terms, attempt, &stop);
    let beside = Beside::new(route, &plan, place);
    let mut second = pin!(plan.ready());
    tokio::select! {
        biased;
        ready = &mut first => match ready {
            // The refusal of a request stands, as it would without a hedge; what another attempt may mend
            // is mended by the one that runs already.
            Err(failure) if retry::class_of(&failure.error, &terms.settings.attempts).is_some() => {
                route.note_failed(failure.as_failed_attempt());
                beside.settle(&terms);
                second.await
            }
            ready => ready,
        },
        ready = &mut second => match ready {
            Ok(ready) => {
                // So long at least: without it the slow times would be missing among its times.
                let awaited = Awaited::of(terms.request.stream);
                if !has_answered.get() {
                    slow_state.note_time(awaited, slow.began.elapsed());
                }
                route.note_failed(slow.as_failed_attempt());
                beside.settle(&terms);
                Ok(ready)
            }
            Err(failure) => {
                beside.failed(&failure);
                first.await
            }
        },
    }
}

/// What is told of an attempt that is dropped for another one.
struct GivenUp {
    number: u32,
    target: Arc<VerifiedTarget>,
    began: Instant,
}

impl GivenUp {
    fn of(plan: &AttemptPlan) -> Self {
        Self {
            number: plan.attempt.number,
            target: Arc::clone(&plan.attempt.target),
            began: plan.began,
        }
    }

    fn as_failed_attempt(&self) -> FailedAttempt {
        FailedAttempt {
            number: self.number,
            target: Arc::clone(&self.target),
            received: None,
            error: UpstreamError::Hedged,
            took: self.began.elapsed(),
        }
    }
}

/// The second attempt as long as the request is about the first. Dropped, it was given up: the first one
/// serves, or the client left.
struct Beside<'r> {
    route: &'r Route,
    told: GivenUp,
    /// `None` once it has come to something.
    place: Option<Place>,
}

impl<'r> Beside<'r> {
    fn new(route: &'r Route, plan: &AttemptPlan, place: Place) -> Self {
        Self {
            route,
            told: GivenUp::of(plan),
            place: Some(place),
        }
    }

    /// From now on the request is about it.
    fn settle(mut self, terms: &CallTerms) {
        let provider = &self.told.target.provider.id;
        terms.stream.note_provider(provider.as_str());
        if let Some(place) = self.place.take() {
            self.route.settle(place);
        }
    }

    /// It failed by itself.
    fn failed(mut self, failure: &Failure) {
        self.place = None;
        self.route.note_failed(failure.as_failed_attempt());
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        if self.place.is_some() {
            self.route.note_failed(self.told.as_failed_attempt());
        }
    }
}
