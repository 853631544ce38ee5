//! One request's way through the targets of its model.

use std::{rc::Rc, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest,
    http::header::{HeaderName, HeaderValue},
    web,
};
use bytes::Bytes;
use fastrand::Rng;
use tokio::time::Instant;

use super::{
    group::{self, Member},
    retry,
    target_state::{InFlight, Standing, TargetState},
    times::Awaited,
};
use crate::{
    completion::CompletionRequest,
    dialects::{AnswerContext, Dialect},
    error::{GatewayError, HeraldError},
    limits::ceilings::{OpenPermit, WaitingPermit},
    metadata::FailedAttempt,
    providers::{Api, outgoing_headers},
    settings::{ClientKey, VerifiedModel, VerifiedSettings, VerifiedTarget},
    startup::Gateway,
    telemetry::request_record::RequestRecord,
    translation::{Losses, Passage, Translation},
    upstream::UpstreamError,
};

/// One attempt, made ready: whom to ask, and with what.
pub struct Attempt {
    /// Who is asked, for what.
    pub target: Arc<VerifiedTarget>,
    /// Which of the provider's APIs is called.
    pub api: &'static dyn Api,
    /// The body of the call, in pieces.
    pub body: Vec<Bytes>,
    /// How the answer is written anew for the client; `None` where it passes as it is.
    pub translation: Option<Translation>,
    /// The headers of the call.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its place among those that wait for a head; given back when the head is in.
    pub waiting: Option<WaitingPermit>,
    /// Its place among the target's attempts, which also takes what came of it.
    pub in_flight: InFlight,
    /// Which of the request's attempts it is, counted from 1.
    pub number: u32,
}

/// What the record says of an attempt, and the attempt's place among those that are open at its provider.
///
/// A request is about one attempt at a time: that which serves, or may still do so. Of a second one beside it
/// nothing is said, and its place is only its own, until it is [`settled`](Route::settle).
#[must_use = "dropping it gives the place back"]
pub struct Place {
    target: Arc<VerifiedTarget>,
    lost: Losses,
    open: OpenPermit,
}

/// What a route is made for.
pub struct Journey {
    /// Where states, limits and budgets are.
    pub gateway: web::Data<Gateway>,
    /// The settings that the request began with.
    pub settings: Arc<VerifiedSettings>,
    /// Whose key it came with.
    pub key: Option<Arc<ClientKey>>,
    /// What the client speaks.
    pub dialect: &'static dyn Dialect,
    /// What it asks for, with the body.
    pub completion: CompletionRequest,
    /// When it did, in seconds since 1970.
    pub created: u64,
    /// The request itself, for its headers.
    pub request: HttpRequest,
    /// Where is noted who is asked.
    pub record: Rc<RequestRecord>,
}

/// The targets that one request may still ask, and what it needs to ask them.
///
/// Groups are asked in their order; within a group those come first that were asked least often. A target
/// that cannot serve this very request, or must not be asked again for it, is passed over.
pub struct Route {
    journey: Journey,
    groups: Vec<Vec<Stop>>,
}

/// A target as this request sees it.
struct Stop {
    target: Arc<VerifiedTarget>,
    state: Arc<TargetState>,
    asked: u32,
    /// Whether it is passed over from now on.
    is_shut: bool,
}

impl Route {
    /// The way to a model's targets.
    #[must_use]
    pub fn new(model: &VerifiedModel, journey: Journey) -> Self {
        let targets = journey.gateway.targets();
        let stop = |target: &Arc<VerifiedTarget>| Stop {
            target: Arc::clone(target),
            state: targets.state(&target.provider.id, &target.upstream_model),
            asked: 0,
            is_shut: false,
        };
        let groups = model.groups.iter();
        Self {
            groups: groups
                .map(|group| group.iter().map(stop).collect())
                .collect(),
            journey,
        }
    }

    /// The first attempt. It is made even where all targets are left out or rest: whoever has nobody else
    /// to ask may as well ask.
    ///
    /// # Errors
    /// No target serves what is asked, or all that do are at a ceiling. Why, is told of the first.
    pub fn first(&mut self) -> Result<Attempt, HeraldError> {
        let (now, mut rng) = (Instant::now(), Rng::new());
        self.journey.gateway.targets().budget().note_request(now);
        let mut refused = None;
        let next = self.next(now, Duration::MAX, &mut rng, &mut refused);
        let next = next.or_else(|| self.anyway(now, Duration::MAX, &mut rng, &mut refused));
        // A model has a target at least, which is asked if nothing speaks against it.
        let Some((attempt, place, _)) = next else {
            return Err(refused.unwrap_or(GatewayError::Internal.into()));
        };
        self.settle(place);
        Ok(attempt)
    }

    /// The attempt that may follow a failed one, and how long to wait before it. `left` is what is left of
    /// the call's time.
    pub fn after(
        &mut self,
        error: &UpstreamError,
        left: Duration,
    ) -> Option<(Attempt, Place, Duration)> {
        let rules = &self.journey.settings.attempts;
        let class = retry::class_of(error, rules)?;
        if !rules.mends(class) || self.journey.record.attempts() >= rules.max {
            return None;
        }
        let (now, mut rng) = (Instant::now(), Rng::new());
        let longest = rules.retry_after_max.min(left);
        let mut refused = None;
        // The place at the last provider is free before one at the next is asked for.
        self.journey.record.hold_open(None);
        let next = self.next(now, left, &mut rng, &mut refused);
        next.or_else(|| self.anyway(now, longest, &mut rng, &mut refused))
    }

    /// Notes that an attempt begins behind one that failed, and makes it the one that the request is about.
    pub fn go_on(&self, failed: FailedAttempt, place: Place) {
        self.note_failed(failed);
        self.journey.record.note_attempt();
        self.settle(place);
    }

    /// How long an attempt is waited for before another one begins beside it; `None` where none does: the
    /// settings want none, nobody else can be asked, or too little is known of the target.
    #[must_use]
    pub fn hedge_after(&self, attempt: &Attempt) -> Option<Duration> {
        let rules = self.journey.settings.attempts.hedge.as_ref()?;
        let mut others = self.groups.iter().flatten();
        if !others.any(|stop| stop.asked == 0 && !stop.is_shut) {
            return None;
        }
        let awaited = Awaited::of(self.journey.completion.stream);
        let target = attempt.in_flight.target();
        let usual = target.usual_time(awaited, rules.percentile)?;
        Some(usual.max(rules.min))
    }

    /// An attempt beside one that is slow: at a target that was not asked yet and may be asked now, if the
    /// budget has room.
    pub fn hedge(&mut self) -> Option<(Attempt, Place)> {
        let attempts = &self.journey.settings.attempts;
        let rules = attempts.hedge.as_ref()?;
        if self.journey.record.attempts() >= attempts.max {
            return None;
        }
        let (now, mut rng) = (Instant::now(), Rng::new());
        let budget = self.journey.gateway.targets().budget();
        if !budget.try_hedge(now, &rules.budget) {
            return None;
        }
        let (attempt, place, _) = self.next_of(1, now, Duration::MAX, &mut rng, &mut None)?;
        self.journey.record.note_attempt();
        Some((attempt, place))
    }

    /// Makes an attempt the one that the request is about; the last one's place is given back.
    pub fn settle(&self, place: Place) {
        let Journey {
            settings,
            completion,
            record,
            ..
        } = &self.journey;
        record.hold_open(Some(place.open));
        record.note_route(settings.generation, &place.target, completion.stream);
        record.note_lost(place.lost);
    }

    /// Notes an attempt that does not serve.
    pub fn note_failed(&self, failed: FailedAttempt) {
        tracing::debug!(
            target: "herald::attempt",
            provider = %failed.target.provider.id,
            upstream_model = failed.target.upstream_model,
            upstream_status = failed.received,
            error_code = failed.error.code(),
            took_ms = failed.took.as_secs_f64() * 1000.0,
            "an attempt does not serve"
        );
        self.journey.record.note_failed_attempt(failed);
    }

    /// An attempt at one that may be asked now, or after its backoff.
    fn next(
        &mut self,
        now: Instant,
        left: Duration,
        rng: &mut Rng,
        refused: &mut Option<HeraldError>,
    ) -> Option<(Attempt, Place, Duration)> {
        let per_target = self.journey.settings.attempts.per_target;
        self.next_of(per_target, now, left, rng, refused)
    }

    /// The same, at one that was asked less often than this.
    fn next_of(
        &mut self,
        per_target: u32,
        now: Instant,
        left: Duration,
        rng: &mut Rng,
        refused: &mut Option<HeraldError>,
    ) -> Option<(Attempt, Place, Duration)> {
        let headroom = self.journey.settings.headroom;
        for index in 0..self.groups.len() {
            let group = &self.groups[index];
            let has_fallback = index + 1 < self.groups.len();
            let outliers = &self.journey.settings.outliers;
            let most_out = outliers.most_out(group.len(), has_fallback);
            while let Some((place, in_flight)) = group::pick(
                &self.members(index, per_target),
                most_out,
                &headroom,
                now,
                rng,
            ) {
                let asked = self.groups[index][place].asked;
                let rules = &self.journey.settings.attempts;
                let wait = match asked {
                    0 => Duration::ZERO,
                    asked => retry::backoff(asked, rules, rng),
                };
                let asked = self.ask((index, place), in_flight, wait, left, refused);
                if let Some((attempt, place)) = asked {
                    return Some((attempt, place, wait));
                }
            }
        }
        None
    }

    /// An attempt at one that may not be asked now: the first at once, another one when its target has
    /// rested, `longest` from now at the latest.
    fn anyway(
        &mut self,
        now: Instant,
        longest: Duration,
        rng: &mut Rng,
        refused: &mut Option<HeraldError>,
    ) -> Option<(Attempt, Place, Duration)> {
        let per_target = self.journey.settings.attempts.per_target;
        for index in 0..self.groups.len() {
            while let Some((place, in_flight)) =
                group::pick_anyway(&self.members(index, per_target), now)
            {
                let stop = &self.groups[index][place];
                let rest = match stop.state.standing(now) {
                    // The first attempt has nobody else, and waits for nobody.
                    _ if stop.asked == 0 && longest == Duration::MAX => Duration::ZERO,
                    Standing::Resting { until } => until - now,
                    Standing::In | Standing::Trial => Duration::ZERO,
                    Standing::Probing if in_flight.is_probe() => Duration::ZERO,
                    // Whether it is back by then is not known.
                    Standing::Ejected { .. } | Standing::Probing => Duration::MAX,
                };
                let rules = &self.journey.settings.attempts;
                let wait = match stop.asked {
                    0 => rest,
                    asked => rest.max(retry::backoff(asked, rules, rng)),
                };
                let asked = self.ask((index, place), in_flight, wait, longest, refused);
                if let Some((attempt, place)) = asked {
                    return Some((attempt, place, wait));
                }
            }
        }
        None
    }

    /// The group as this request sees it: those that were asked least often, and not too often.
    fn members(&self, group: usize, per_target: u32) -> Vec<Member<'_>> {
        let group = &self.groups[group];
        let open = group.iter().filter(|stop| !stop.is_shut);
        let least = open.map(|stop| stop.asked).min().unwrap_or(u32::MAX);
        let may_be_asked =
            |stop: &Stop| !stop.is_shut && stop.asked == least && stop.asked < per_target;
        let members = group.iter().map(|stop| Member {
            target: &stop.state,
            weight: stop.target.weight,
            may_be_asked: may_be_asked(stop),
        });
        members.collect()
    }

    /// Makes an attempt ready, or shuts the target for this request.
    fn ask(
        &mut self,
        (group, place): (usize, usize),
        in_flight: InFlight,
        wait: Duration,
        left: Duration,
        refused: &mut Option<HeraldError>,
    ) -> Option<(Attempt, Place)> {
        let stop = &self.groups[group][place];
        // A wait that would use up the call's time is not begun.
        let is_in_time = wait.is_zero() || wait < left;
        let attempt = match is_in_time && self.may_repeat(stop) {
            true => self.prepare(stop, in_flight),
            false => Err(GatewayError::Internal.into()),
        };
        let stop = &mut self.groups[group][place];
        match attempt {
            Ok(attempt) => {
                stop.asked += 1;
                Some(attempt)
            }
            Err(error) => {
                stop.is_shut = true;
                refused.get_or_insert(error);
                None
            }
        }
    }

    /// Whether the budget has room, where the provider was asked for this request before.
    fn may_repeat(&self, stop: &Stop) -> bool {
        let provider = &stop.target.provider.id;
        let mut asked = self.groups.iter().flatten().filter(|stop| stop.asked > 0);
        if !asked.any(|asked| asked.target.provider.id == *provider) {
            return true;
        }
        let rules = &self.journey.settings.attempts.budget;
        let budget = self.journey.gateway.targets().budget();
        budget.try_retry(Instant::now(), rules)
    }

    /// What it takes to ask a target.
    fn prepare(&self, stop: &Stop, in_flight: InFlight) -> Result<(Attempt, Place), HeraldError> {
        let Journey {
            gateway,
            settings,
            key,
            dialect,
            completion,
            created,
            request,
            record,
        } = &self.journey;
        let target = for_key(&stop.target, key.as_deref());
        let about = AnswerContext {
            id: record.id(),
            model: &target.upstream_model,
            created: *created,
        };
        let passage = Passage::find(*dialect, completion, &target, about)?;
        let headers = outgoing_headers(&target.provider, request.headers(), completion.stream);
        let (open, waiting) = gateway.limits().enter(settings, &target.provider)?;
        let place = Place {
            target: Arc::clone(&target),
            lost: passage.lost,
            open,
        };
        let attempt = Attempt {
            target,
            api: passage.api,
            body: passage.body,
            translation: passage.translation,
            headers,
            waiting: Some(waiting),
            in_flight,
            number: record.attempts() + 1,
        };
        Ok((attempt, place))
    }
}

/// The target as this key sees it: what its own filter drops, is dropped as well, and its own header rules
/// stand behind the provider's.
fn for_key(target: &Arc<VerifiedTarget>, key: Option<&ClientKey>) -> Arc<VerifiedTarget> {
    match key {
        Some(key) if !key.filter.is_empty() || key.headers.is_some() => Arc::new(VerifiedTarget {
            filter: target.filter.joined(&key.filter),
            key_headers: key.headers.clone(),
            ..VerifiedTarget::clone(target)
        }),
        _ => Arc::clone(target),
    }
}
