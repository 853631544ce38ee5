//! Herald, a streaming gateway for LLM completions.
//!
//! A client asks for a completion; Herald opens the provider's stream, tells the client first, once
//! and truthfully what the provider said (status, allow-listed headers, who is at fault), and then
//! relays the events. The modules below stand in the order in which a request meets them.

// The process: settings in, a running gateway out.
pub mod settings;

pub mod listener;

// Translation: what a provider speaks.
pub mod providers;

// Upstream: one call to a provider.
pub mod upstream;

// Metadata: what the provider said, before any event.
pub mod metadata;

// Beside the flow: a scripted provider and a started gateway, for test suites.
#[cfg(feature = "testkit")]
pub mod testkit;
