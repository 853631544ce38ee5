//! Tells the many chunks that only carry on from the few that must be read.

use std::sync::LazyLock;

use memchr::{
    memchr,
    memmem::{self, Finder},
};

/// The members that change what a stream means, with the quote that ends their name: inside a text
/// it would be escaped, so no content is taken for them.
///
/// Three searches, because one automaton for all of them looks at every quote on its way: it was
/// measured to take twenty times as long.
static TELLING: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| ["\"error\"", "finish_reason\"", "\"usage\""].map(Finder::new));

/// How an escape begins that could hide the name of one.
const HIDING: &[u8] = b"\\u00";

/// Whether a chunk may be passed on unread: it is an object, and has no error, finish reason or
/// usage but null.
///
/// Reading a chunk costs more than all else that is done to it. Whoever calls this has seen content
/// already, so that one more piece of it changes nothing. It errs on one side only: an escape could
/// hide a member's name, so a chunk with one is read.
pub(super) fn carries_on(data: &str) -> bool {
    let bytes = data.as_bytes();
    let is_object = bytes.first() == Some(&b'{') && bytes.last() == Some(&b'}');
    is_object
        // A single byte is sought in a fraction of the time, and few chunks have it.
        && (memchr(b'\\', bytes).is_none() || memmem::find(bytes, HIDING).is_none())
        && TELLING.iter().all(|member| {
            let length = member.needle().len();
            let mut places = member.find_iter(bytes);
            places.all(|at| is_null(&bytes[at + length..]))
        })
}

/// Whether what follows a member's name is a colon and null.
fn is_null(rest: &[u8]) -> bool {
    let value = rest.trim_ascii_start().strip_prefix(b":");
    value.is_some_and(|value| value.trim_ascii_start().starts_with(b"null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_content_carries_on_whatever_its_text_says() {
        for data in [
            r#"{"choices":[{"index":0,"delta":{"content":"H"},"finish_reason":null}]}"#,
            r#"{"choices":[{"delta":{"content":"H"},"finish_reason" : null}],"usage":null,"error": null}"#,
            r#"{"choices":[{"delta":{"content":"\"error\": 1, \"finish_reason\": 2, \"usage\": 3"}}]}"#,
        ] {
            assert!(carries_on(data), "{data}");
        }
    }

    #[test]
    fn what_changes_the_streams_meaning_is_read() {
        for data in [
            "[DONE]",
            "",
            "<html>",
            r#"{"error":{"message":"m"}}"#,
            r#"{"error" :"m"}"#,
            r#"{"choices":[{"finish_reason":null},{"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":1}}"#,
            r#"{"err\u006fr":"m"}"#,
        ] {
            assert!(!carries_on(data), "{data}");
        }
    }
}
