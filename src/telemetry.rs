//! What a request leaves behind: one line and its share in the metrics, at its true end.

pub mod colours;
mod finished_request;
mod json_lines;
pub mod metrics;
pub mod request_record;
pub mod subscriber;
