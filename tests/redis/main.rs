//! Two Heralds that share their limits in a real `redis-server`, which is killed and begun anew.
//!
//! Where there is no `redis-server` on `PATH`, each test says so and passes; with
//! `HERALD_REQUIRE_REDIS` set, as in `.ci/run`, it fails.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "../api/support/client.rs"]
#[expect(dead_code, reason = "the suite api reads more of the answers")]
mod client;
mod fleet;
mod server;

mod bounds;
mod outages;
mod reach;
