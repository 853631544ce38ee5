//! Herald over real sockets, in front of a scripted provider.
//!
//! A file a resource or a promise; `support` has the client.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;
mod tls;

mod admin;
mod anthropic;
mod anthropic_provider;
mod anthropic_translated;
mod attempts;
mod bounds;
mod buffer;
mod cancel;
mod chat_completions;
mod clocks;
mod commit;
mod cors;
mod headers;
mod hedge;
mod keys;
mod limits;
mod matrix;
mod metadata_event;
mod models;
mod mounted;
mod openai_endpoints;
mod outcome;
mod overload;
mod reload;
mod requests;
mod settings;
mod shutdown;
mod sockets;
mod sourcegraph;
mod status;
mod stream_end;
mod unread_body;
mod upstream_bytes;
