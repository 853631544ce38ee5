//! The counts of a fleet, in Redis.
//!
//! A thread of its own has the connection, so that no worker waits for another one's socket: a worker
//! asks over a bounded channel and awaits the answer. Each request is one script and so one round trip;
//! all requests share one connection, which pipelines them. What cannot be asked, or is not answered in
//! time, is [`Away`]; the settings say what then.
//!
//! All keys bear one hash tag, so that a cluster has them on one node; but no `MOVED` is followed.

pub mod away;

mod connect;
mod link;
mod scripts;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use uuid::Uuid;

use super::{
    counters::Counters,
    limit::Limit,
    reservation::{Estimate, Reservation},
};
use away::Away;
pub use connect::RedisTls;

/// How Redis is reached. Settings `[limits.redis]`.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// Setting `limits.redis.url`: its host.
    pub host: String,
    /// Its port, default 6379.
    pub port: u16,
    /// Its database, default 0.
    pub database: i64,
    /// Setting `limits.redis.user`, default none.
    pub user: Option<String>,
    /// Setting `limits.redis.password`, default none.
    pub password: Option<SecretString>,
    /// Whom to trust; `None` is a connection in plain text. Settings `limits.redis.url`, with `rediss:`,
    /// and `limits.redis.ca_file`.
    pub tls: Option<RedisTls>,
    /// What the names of all keys begin with, within braces: a cluster's hash tag. Setting
    /// `limits.redis.prefix`, default "herald".
    pub prefix: String,
    /// Longest wait for a connection. Setting `limits.redis.connect`, default 1 s.
    pub connect: Duration,
    /// Longest wait for an answer. Setting `limits.redis.command`, default 250 ms.
    pub command: Duration,
    /// How long what runs is counted if nobody says that it still does. Setting `limits.redis.lease`,
    /// default 30 s.
    pub lease: Duration,
    /// Most questions that may wait or be on their way. Setting `limits.redis.queue`, default 4096.
    pub queue: usize,
}

/// Passwords are compared as well: another one is another connection.
impl PartialEq for RedisSettings {
    fn eq(&self, other: &Self) -> bool {
        let password = |it: &Self| it.password.as_ref().map(|it| it.expose_secret().to_owned());
        let rest = |it: &Self| {
            let place = (it.host.clone(), it.port, it.database, it.user.clone());
            let clocks = (it.connect, it.command, it.lease, it.queue);
            (place, it.tls.clone(), it.prefix.clone(), clocks)
        };
        rest(self) == rest(other) && password(self) == password(other)
    }
}

impl Eq for RedisSettings {}

impl RedisSettings {
    /// Where a limit is counted.
    fn key(&self, limit: &Limit) -> String {
        format!("{{{}}}:{}", self.prefix, limit.id)
    }
}

/// What a worker asks.
enum Question {
    Reserve {
        wishes: Vec<(Arc<Limit>, u64)>,
        estimate: Estimate,
        reply: oneshot::Sender<Result<Reservation, Away>>,
    },
    Correct {
        lease: String,
        spent_at_ms: u64,
        corrections: Vec<(Arc<Limit>, i64)>,
    },
}

/// The counts in one Redis. The thread ends when the last who holds this, or what was counted by it, is
/// gone.
#[derive(Clone)]
pub(super) struct RedisCounts {
    settings: RedisSettings,
    questions: mpsc::Sender<Question>,
}

impl fmt::Debug for RedisCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisCounts").field(&self.settings).finish()
    }
}

impl RedisCounts {
    /// Starts the thread, which connects at once.
    pub(super) fn start(settings: &RedisSettings, counters: &Arc<Counters>) -> Self {
        let (questions, asked) = mpsc::channel(settings.queue);
        let started = link::start(
            settings.clone(),
            asked,
            questions.downgrade(),
            Arc::clone(counters),
        );
        if let Err(error) = started {
            // The channel is closed, so that every question finds Redis away.
            tracing::error!(%error, "no thread for the limits in Redis");
        }
        Self {
            settings: settings.clone(),
            questions,
        }
    }

    pub(super) fn is_of(&self, settings: &RedisSettings) -> bool {
        self.settings == *settings
    }

    /// Counts a request with all of its limits, if each has room.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, what was counted is given back.
    pub(super) async fn reserve(
        &self,
        wishes: Vec<(Arc<Limit>, u64)>,
        estimate: Estimate,
    ) -> Result<Reservation, Away> {
        let (reply, replied) = oneshot::channel();
        let question = Question::Reserve {
            wishes,
            estimate,
            reply,
        };
        self.questions
            .try_send(question)
            .map_err(|error| match error {
                TrySendError::Full(_) => Away::Queue,
                TrySendError::Closed(_) => Away::Unreachable,
            })?;
        replied.await.map_err(|_| Away::Lost)?
    }
}

/// What a reservation was counted under, and whom to tell of its end.
pub(super) struct RedisLease {
    id: String,
    questions: mpsc::Sender<Question>,
    counters: Arc<Counters>,
}

impl RedisLease {
    fn new(questions: mpsc::Sender<Question>, counters: Arc<Counters>) -> Self {
        Self {
            id: Uuid::now_v7().simple().to_string(),
            questions,
            counters,
        }
    }

    /// Has the counts corrected; what cannot be told is lost, and what ran ends with its lease.
    pub(super) fn correct(&self, spent_at_ms: u64, corrections: Vec<(Arc<Limit>, i64)>) {
        let question = Question::Correct {
            lease: self.id.clone(),
            spent_at_ms,
            corrections,
        };
        if self.questions.try_send(question).is_err() {
            self.counters.lost_correction();
        }
    }
}
