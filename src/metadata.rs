//! What the provider said before any event.

pub mod clean_text;
pub mod header_policy;
mod header_rules;
pub mod never_forward;
pub mod proxy_status;
pub mod request_headers;
pub mod status_table;
pub mod trace_context;
