//! Herald, a streaming gateway for LLM completions.
//!
//! A client asks for a completion; Herald opens the provider's stream, tells the client first, once
//! and truthfully what the provider said (status, allow-listed headers, who is at fault), and then
//! relays the events. The modules stand in the order in which a request meets them;
//! `docs/architecture.md` has the picture.

// The process: settings in, a running gateway out.
pub mod settings;

mod alive;
pub mod drain;
mod listener;
pub mod readiness;
pub mod reload;
pub mod startup;
pub mod streams;

// Beside the public listener: the one for whoever runs Herald.
mod admin;
mod openapi;

// A request comes in.
mod middleware;
mod routes;

pub mod dialects;

// Admission: is there room at all, who is it, how much, and who is asked?
mod overload;

pub mod auth;

pub mod limits;

pub mod routing;

// Our own words between dialects and providers, and JSON that keeps its bytes.
pub mod completion;

pub mod raw_json;

// What the provider speaks.
pub mod providers;

// Between the two: whether bytes pass as they are, or are told in our words and written anew.
pub mod translation;

// The upstream actor: one call.
pub mod upstream;

// Between the two actors: what a model's settings keep back, and the bounded channel.
pub mod event_filter;

pub mod delivery;

// The one-shot message, and the policy on it.
pub mod metadata;

// The response actor: head, then events, then one outcome.
pub mod response;

// Beside the flow: errors, and what a request leaves behind.
pub mod error;

pub mod telemetry;

pub mod suggest;

// Checks of any gateway from the outside, this one too.
pub mod conformance;

// For test suites: a scripted provider and a started gateway.
#[cfg(feature = "testkit")]
pub mod testkit;

pub use routes::configure;
pub use startup::Gateway;
