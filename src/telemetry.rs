//! What a request leaves behind: one line, at its true end.

pub mod colours;
pub mod request_record;
pub mod subscriber;
