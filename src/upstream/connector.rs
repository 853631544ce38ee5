//! The connector under awc.
pub mod memory;
pub mod tls;
