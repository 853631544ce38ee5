//! Herald held to the text of its promises by clients and providers that mean it no good.
//!
//! Written without a look at the code: each test quotes what was promised and tries to break it over
//! real sockets. A file an attacker; `wire` has the client, `log` all that Herald says of itself.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod log;
mod translation;
mod wire;

mod client_bytes;
mod client_headers;
mod client_json;
mod client_leaves;
mod client_patience;
mod crowd;
mod ends;
mod error_events;
mod events;
mod filters;
mod mutations;
mod pages;
mod provider_bodies;
mod provider_heads;
mod provider_statuses;
mod recordings;
mod rules;
mod secrets;
mod stopping;
mod translation_bounds;
mod translation_bytes;
mod translation_carried;
mod translation_ends;
mod translation_errors;
mod translation_filters;
mod translation_metadata;
mod translation_mutations;
mod translation_names;
mod translation_oddities;
mod translation_promises;
mod translation_refusals;
mod translation_silence;
mod translation_silence_values;
mod translation_usage;
mod translation_verbatim;
