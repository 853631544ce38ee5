//! Admission, third part: who is asked?
//!
//! A model has groups of targets: a provider, and what it calls the model. What is known of a target
//! gathers in its [`TargetState`](target_state::TargetState): what is in flight there, whether it answers
//! ([`outliers`]), what is left of its quotas ([`headroom`]), and how long it
//! takes ([`times`]). From that, [`group::pick`] says whom of a
//! group to ask. A [`Route`](route::Route) is one request's way through the groups, attempt by attempt.
//!
//! **Invariants.** Nothing here knows of actors or sockets, and but for the route every moment is handed in. States belong
//! to the process: workers share them, and they outlast reloads. A lock is taken once for an attempt or
//! its verdict, never for an event, and never held across a wait.

pub mod budget;
pub mod choice;
pub mod group;
pub mod headroom;
pub mod outliers;
pub mod retry;
pub mod route;
pub mod target_state;
pub mod targets;
pub mod times;

mod recent;
