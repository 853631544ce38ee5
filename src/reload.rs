//! Changing the settings while Herald runs: as a transaction, by one actor.
//!
//! [`SettingsActor`] owns where settings come from and which there were. A file that changes, a SIGHUP
//! and an admin's request are messages to it, taken one after the other: the settings are loaded and
//! verified on a thread of their own, and then either all of them are in force for every request that
//! begins from now on, or none. Requests never wait for it: they take a snapshot from the
//! [`Gateway`](crate::Gateway).
//!
//! **Invariant.** Only the actor's ledger replaces the settings of a gateway that has one.

mod actor;
pub mod generation;
mod ledger;
pub mod messages;
pub mod source;
pub mod status;
mod watch;

pub mod routes;

pub use actor::{SettingsActor, SettingsControl};
