//! Errors as Cody is told of them: a text before the head, two events after it.

use bytes::Bytes;
use serde::Serialize;

use super::{ascii, wire};
use crate::{error::ErrorReport, upstream::sse_decoder::SseEvent};

/// The whole of it is what Cody shows, as Go's `http.Error` writes it.
pub(super) fn document(report: &ErrorReport) -> Bytes {
    Bytes::from(format!("{}\n", report.message))
}

/// `error`, and then `done`: without it the next request of the same client never ends.
pub(crate) fn events(message: &str) -> Vec<SseEvent> {
    #[derive(Serialize)]
    struct Told<'a> {
        error: &'a str,
    }
    let data = ascii::to_string(&Told { error: message });
    vec![wire::event("error", data), wire::done()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_a_stream_is_a_text_and_done_comes_after_it() {
        let [error, done] = &events("no \"crab\" 🦀\n")[..] else {
            panic!("two events");
        };
        assert_eq!(error.event.as_deref(), Some("error"));
        assert_eq!(&*error.data, r#"{"error":"no \"crab\" \ud83e\udd80\n"}"#);
        assert_eq!(done.event.as_deref(), Some("done"));
        assert_eq!(&*done.data, "{}");
    }
}
