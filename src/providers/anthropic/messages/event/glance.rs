//! Tells the many events that only carry on from the few that must be read.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// How the data of a piece of content begins, as Anthropic and those who copy it write it.
const BEGINNINGS: [&str; 2] = [
    r#"{"type":"content_block_delta","#,
    r#"{"type": "content_block_delta","#,
];

/// A member or a type of that name; inside a text its last quote would be escaped.
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));

/// Whether an event may be passed on unread: it is a piece of content as its name and the beginning of
/// its data say, and holds no error.
///
/// Reading an event costs more than all else that is done to it. Whoever calls this has seen content
/// already, so that one more piece of it changes nothing. What is written in another way is read.
pub(super) fn carries_on(name: Option<&str>, data: &str) -> bool {
    name.is_none_or(|name| name == "content_block_delta")
        && BEGINNINGS.iter().any(|begins| data.starts_with(begins))
        && data.ends_with('}')
        && ERROR.find(data.as_bytes()).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Option<&str> = Some("content_block_delta");

    #[test]
    fn a_piece_of_content_carries_on_whatever_its_text_says() {
        for data in [
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"H"}}"#,
            r#"{"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta"}}"#,
            r#"{"type":"content_block_delta","delta":{"text":"{\"type\":\"error\"}"}}"#,
        ] {
            assert!(carries_on(NAME, data), "{data}");
            assert!(carries_on(None, data), "{data}");
        }
    }

    #[test]
    fn what_is_another_event_or_may_be_one_is_read() {
        let piece = r#"{"type":"content_block_delta","index":0}"#;
        assert!(!carries_on(Some("error"), piece));
        for data in [
            "",
            "<html>",
            r#"{"type":"content_block_delta","index":0"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
            r#"{"type":"error","error":{"type":"overloaded_error"}}"#,
            r#"{"type":"content_block_delta","type":"error"}"#,
            r#"{"index":0,"type":"content_block_delta"}"#,
        ] {
            assert!(!carries_on(NAME, data), "{data}");
        }
    }
}
