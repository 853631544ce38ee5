//! The connector and the client over it, against peers that speak raw bytes.

#![expect(
    clippy::unwrap_used,
    reason = "clippy sees tests, but not their helpers"
)]

mod peer;

mod answers;
mod connecting;
mod early;
mod names;
mod pool;
mod proxies;
