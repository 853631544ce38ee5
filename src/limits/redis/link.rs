//! The thread with the connection.

use std::{cell::RefCell, collections::BTreeMap, io, rc::Rc, sync::Arc, thread, time::Duration};

use redis::{AsyncConnectionConfig, RedisResult, aio::MultiplexedConnection};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::{LocalSet, spawn_local},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    Away, Question, RedisLease, RedisSettings,
    scripts::{SERVERS_NOW, Scripts},
};
use crate::limits::{
    counters::Counters,
    limit::Limit,
    reservation::{Counter, Estimate, Held, Reservation},
};

/// How the connection is.
#[derive(Clone)]
enum State {
    /// It is being made for the first time: a question waits for it.
    Opening,
    Up(MultiplexedConnection),
    /// There is none: a question is answered so at once.
    Down,
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("herald-limits".to_owned())
        .spawn(move || {
            let link = Rc::new(Link {
                settings,
                counters,
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
                        self.noted(told.await)
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
        let asker = self.asker.upgrade().ok_or(Away)?;
        let lease = RedisLease::new(asker, Arc::clone(&self.counters));
        let asked = self.scripts.reserve(
            &mut connection,
            &self.settings,
            SERVERS_NOW,
            &lease.id,
            &wishes,
        );
        let (at_ms, readings) = self.noted(asked.await)?;
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
                State::Opening | State::Down => Err(Away),
            },
            Ok(Err(_)) | Err(_) => Err(Away),
        }
    }

    /// After a failure the connection is made anew: what was asked may still be answered on the old one.
    fn noted<T>(&self, result: RedisResult<T>) -> Result<T, Away> {
        result.map_err(|error| {
            let was_up = self.state.send_if_modified(|state| {
                let was_up = matches!(state, State::Up(_));
                if was_up {
                    *state = State::Down;
                }
                was_up
            });
            if was_up {
                self.counters.backend_is(false);
                // Of its text only the sort: the rest is the server's.
                tracing::warn!(reason = error.category(), "Redis failed");
            }
            Away
        })
    }

    async fn keep_connected(self: Rc<Self>) {
        let clocks = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.settings.connect))
            .set_response_timeout(Some(self.settings.command));
        let mut pause = PAUSES.0;
        loop {
            let made = match self.settings.client() {
                Ok(client) => {
                    client
                        .get_multiplexed_async_connection_with_config(&clocks)
                        .await
                }
                Err(error) => Err(error),
            };
            match made {
                Ok(connection) => {
                    pause = PAUSES.0;
                    self.counters.backend_is(true);
                    self.state.send_replace(State::Up(connection));
                    tracing::info!("limits are counted in Redis");
                    let mut state = self.state.subscribe();
                    // The sender is this link's own.
                    let _ = state.wait_for(|state| matches!(state, State::Down)).await;
                }
                Err(_) => {
                    self.state.send_replace(State::Down);
                    sleep(pause).await;
                    pause = (2 * pause).min(PAUSES.1);
                }
            }
        }
    }

    /// Renews what runs three times as often as it must be.
    async fn keep_leases(self: Rc<Self>) {
        let mut ticks = interval(self.settings.lease / 3);
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
                if self.noted(renewed.await).is_err() {
                    break;
                }
            }
        }
    }
}
