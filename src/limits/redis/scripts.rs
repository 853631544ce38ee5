//! The scripts, and their arguments.

use std::{sync::Arc, time::Duration};

use redis::{RedisResult, Script, aio::MultiplexedConnection};

use super::RedisSettings;
use crate::limits::{
    limit::{Limit, Measure, Scope},
    window::Reading,
};

/// The server's own clock decides, so that the clocks of the fleet need not agree. Tests give another.
pub(super) const SERVERS_NOW: u64 = 0;

/// The three scripts. Redis is handed them once a connection, and knows them by their hash then.
pub(super) struct Scripts {
    reserve: Script,
    correct: Script,
    renew: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            reserve: Script::new(include_str!("reserve.lua")),
            correct: Script::new(include_str!("correct.lua")),
            renew: Script::new(include_str!("renew.lua")),
        }
    }
}

/// How a limit's window is cut, as the scripts take it: zeros for what runs at once.
fn cut(limit: &Limit) -> [u64; 2] {
    limit.cut().map_or([0, 0], |cut| [cut.slice_ms, cut.slices])
}

impl Scripts {
    /// Hands the scripts over, and has one of them write nothing: a Redis that does not let Herald in, is
    /// a replica or has the keys on another node says so here, before anybody is counted.
    pub(super) async fn introduce(
        &self,
        connection: &mut MultiplexedConnection,
        settings: &RedisSettings,
    ) -> RedisResult<()> {
        for script in [&self.reserve, &self.correct, &self.renew] {
            script.load_async(connection).await?;
        }
        let limit = Limit::new(Scope::All, Measure::Concurrent, 1, Duration::ZERO);
        let nobody = [(Arc::new(limit), -1)];
        self.correct(connection, settings, SERVERS_NOW, "nobody", 0, &nobody)
            .await
    }

    /// The moment and the readings, in the order of the wishes.
    pub(super) async fn reserve(
        &self,
        connection: &mut MultiplexedConnection,
        settings: &RedisSettings,
        now_ms: u64,
        lease: &str,
        wishes: &[(Arc<Limit>, u64)],
    ) -> RedisResult<(u64, Vec<Reading>)> {
        let mut call = self.reserve.prepare_invoke();
        let lease_ms = u64::try_from(settings.lease.as_millis()).unwrap_or(u64::MAX);
        call.arg(now_ms).arg(lease).arg(lease_ms);
        for (limit, cost) in wishes {
            let [slice_ms, slices] = cut(limit);
            call.key(settings.key(limit));
            call.arg(limit.most).arg(*cost).arg(slice_ms).arg(slices);
        }
        let reply: Vec<u64> = call.invoke_async(connection).await?;
        let readings = reply[1..].chunks_exact(3).map(|reading| Reading {
            used: reading[0],
            wait_ms: reading[1],
            reset_ms: reading[2],
        });
        Ok((reply[0], readings.collect()))
    }

    pub(super) async fn correct(
        &self,
        connection: &mut MultiplexedConnection,
        settings: &RedisSettings,
        now_ms: u64,
        lease: &str,
        spent_at_ms: u64,
        corrections: &[(Arc<Limit>, i64)],
    ) -> RedisResult<()> {
        let mut call = self.correct.prepare_invoke();
        call.arg(now_ms).arg(lease).arg(spent_at_ms);
        for (limit, by) in corrections {
            let [slice_ms, slices] = cut(limit);
            call.key(settings.key(limit));
            call.arg(*by).arg(slice_ms).arg(slices);
        }
        let _: i64 = call.invoke_async(connection).await?;
        Ok(())
    }

    /// Renews leases, each with the name of where it is counted.
    pub(super) async fn renew(
        &self,
        connection: &mut MultiplexedConnection,
        settings: &RedisSettings,
        leases: &[(String, String)],
    ) -> RedisResult<()> {
        let mut call = self.renew.prepare_invoke();
        call.arg(u64::try_from(settings.lease.as_millis()).unwrap_or(u64::MAX));
        for (key, lease) in leases {
            call.key(key).arg(lease);
        }
        let _: i64 = call.invoke_async(connection).await?;
        Ok(())
    }
}
