//! The thread with the connection.

use std::{cell::RefCell, collections::BTreeMap, io, rc::Rc, sync::Arc, thread, time::Duration};

use redis::{RedisResult, aio::MultiplexedConnection};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::{LocalSet, spawn_local},
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};

use super::{
    Away, Question, RedisLease, RedisSettings,
    away::Failure,
    scripts::{SERVERS_NOW, Scripts},
};
use crate::limits::{
    counters::{Backend, Counters},
    limit::Limit,
    reservation::{Counter, Estimate, Held, Reservation},
};

/// How the connection is.
#[derive(Clone)]
enum State {
    /// It is being made for the first time: a question waits for it.
    Opening,
    Up(MultiplexedConnection),
    /// There is none, for this reason: a question is answered so at once.
    Down(Away),
}

/// Most leases that are renewed by one call, so that no call keeps Redis from others for long.
const RENEWED_AT_ONCE: usize = 500;

/// Pauses between two attempts to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Starts the thread; it ends when the channel does.
pub(super) fn start(
    settings: RedisSettings,
    questions: mpsc::Receiver<Question>,
    asker: mpsc::WeakSender<Question>,
    counters: Arc<Counters>,
) -> io::Result<()> {
    let backend = counters.new_backend();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("herald-limits".to_owned())
        .spawn(move || {
            let link = Rc::new(Link {
                settings,
                counters,
                backend,
                asker,
                scripts: Scripts::default(),
                state: watch::Sender::new(State::Opening),
                leases: RefCell::default(),
            });
            LocalSet::new().block_on(&runtime, link.serve(questions));
        })?;
    Ok(())
}

struct Link {
    settings: RedisSettings,
    counters: Arc<Counters>,
    backend: Backend,
    asker: mpsc::WeakSender<Question>,
    scripts: Scripts,
    state: watch::Sender<State>,
    /// What runs, by lease: where it is counted.
    leases: RefCell<BTreeMap<String, Vec<String>>>,
}

impl Link {
    async fn serve(self: Rc<Self>, mut questions: mpsc::Receiver<Question>) {
        let connecting = spawn_local(Rc::clone(&self).keep_connected());
        let renewing = spawn_local(Rc::clone(&self).keep_leases());
        let room = Arc::new(Semaphore::new(self.settings.queue));
        while let Some(question) = questions.recv().await {
            // It is never closed; and with no room the channel fills, which its senders see.
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
                break;
            };
            let link = Rc::clone(&self);
            spawn_local(async move {
                link.answer(question).await;
                drop(permit);
            });
        }
        // What is still to be corrected is not dropped with the last who asked.
        let all = u32::try_from(self.settings.queue).unwrap_or(u32::MAX);
        let _ = room.acquire_many(all).await;
        connecting.abort();
        renewing.abort();
    }

    async fn answer(&self, question: Question) {
        match question {
            Question::Reserve {
                wishes,
                estimate,
                reply,
            } => {
                // Who does not wait for it any more gives it back by dropping it.
                let _ = reply.send(self.reserve(wishes, estimate).await);
            }
            Question::Correct {
                lease,
                spent_at_ms,
                corrections,
            } => {
                self.leases.borrow_mut().remove(&lease);
                let told = match self.connection().await {
                    Ok(mut connection) => {
                        let told = self.scripts.correct(
                            &mut connection,
                            &self.settings,
                            SERVERS_NOW,
                            &lease,
                            spent_at_ms,
                            &corrections,
                        );
                        self.noted("correct", told).await
                    }
                    Err(away) => Err(away),
                };
                if told.is_err() {
                    self.counters.lost_correction();
                }
            }
        }
    }

    async fn reserve(
        &self,
        wishes: Vec<(Arc<Limit>, u64)>,
        estimate: Estimate,
    ) -> Result<Reservation, Away> {
        let mut connection = self.connection().await?;
        let asker = self.asker.upgrade().ok_or(Away::Lost)?;
        let lease = RedisLease::new(asker, Arc::clone(&self.counters));
        let asked = self.scripts.reserve(
            &mut connection,
            &self.settings,
            SERVERS_NOW,
            &lease.id,
            &wishes,
        );
        let (at_ms, readings) = self.noted("reserve", asked).await?;
        let is_counted = readings.iter().all(|reading| reading.wait_ms == 0);
        let running = wishes.iter().filter(|(limit, _)| limit.cut().is_none());
        let running: Vec<_> = running.map(|(limit, _)| self.settings.key(limit)).collect();
        let held = Held {
            wishes,
            readings,
            at_ms,
            estimate,
        };
        if !is_counted {
            return Ok(Reservation::new(held, Counter::Nobody));
        }
        if !running.is_empty() {
            self.leases.borrow_mut().insert(lease.id.clone(), running);
        }
        Ok(Reservation::new(held, Counter::Redis(lease)))
    }

    /// The connection; while the first is being made it is waited for, as long as for an answer.
    async fn connection(&self) -> Result<MultiplexedConnection, Away> {
        let mut state = self.state.subscribe();
        let opened = state.wait_for(|state| !matches!(state, State::Opening));
        match timeout(self.settings.command, opened).await {
            Ok(Ok(state)) => match &*state {
                State::Up(connection) => Ok(connection.clone()),
                State::Opening => Err(Away::Unreachable),
                State::Down(away) => Err(*away),
            },
            Ok(Err(_)) | Err(_) => Err(Away::Unreachable),
        }
    }

    /// After a failure the connection is made anew: what was asked may still be answered on the old one.
    async fn noted<T>(
        &self,
        asked: &'static str,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Away> {
        let began = Instant::now();
        let answer = answer.await.map_err(|error| {
            let failure = Failure::of_asking(&error);
            self.failed(&failure);
            failure.away
        })?;
        let round_trips = self.counters.round_trips();
        round_trips.observe(asked, began.elapsed());
        Ok(answer)
    }

    /// The connection is over; whoever notices first tells the log.
    fn failed(&self, failure: &Failure) {
        let was_up = self.state.send_if_modified(|state| {
            let was_up = matches!(state, State::Up(_));
            if was_up {
                *state = State::Down(failure.away);
            }
            was_up
        });
        if was_up {
            self.counters.backend_is(self.backend, false);
            failure.log();
        }
    }

    async fn keep_connected(self: Rc<Self>) {
        let mut pause = PAUSES.0;
        let mut told = None;
        loop {
            match self.settings.connect(&self.scripts).await {
                Ok((connection, driver)) => {
                    (pause, told) = (PAUSES.0, None);
                    self.counters.backend_is(self.backend, true);
                    self.state.send_replace(State::Up(connection));
                    tracing::info!("limits are counted in Redis");
                    let mut state = self.state.subscribe();
                    tokio::select! {
                        // Seen at once, not only by the next who asks.
                        _ = driver => self.failed(&Failure::new(Away::Lost, "end of the connection")),
                        // The sender is this link's own.
                        _ = state.wait_for(|state| matches!(state, State::Down(_))) => {}
                    }
                }
                Err(failure) => {
                    self.state.send_replace(State::Down(failure.away));
                    // Once, not at each attempt.
                    if told.as_ref() != Some(&failure) {
                        failure.log();
                        told = Some(failure);
                    }
                    sleep(pause).await;
                    pause = (2 * pause).min(PAUSES.1);
                }
            }
        }
    }

    /// Renews what runs three times as often as it must be.
    async fn keep_leases(self: Rc<Self>) {
        let between = self.settings.lease / 3;
        let mut ticks = interval_at(Instant::now() + between, between);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let running: Vec<_> = {
                let leases = self.leases.borrow();
                let pairs = leases.iter().flat_map(|(lease, keys)| {
                    keys.iter().map(move |key| (key.clone(), lease.clone()))
                });
                pairs.collect()
            };
            for some in running.chunks(RENEWED_AT_ONCE) {
                let Ok(mut connection) = self.connection().await else {
                    break;
                };
                let renewed = self.scripts.renew(&mut connection, &self.settings, some);
                if self.noted("renew", renewed).await.is_err() {
                    break;
                }
            }
        }
    }
}
