//! What the scripted provider was sent.

use bytes::Bytes;
use serde_json::Value;

/// A request that arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// The method as written.
    pub method: String,
    /// The request target as written: path and query.
    pub path: String,
    /// Names as spelled on the wire and values, in order; bytes that are not UTF-8 became U+FFFD.
    pub headers: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: Bytes,
    /// On which connection it came, counted from 1 in the order of connecting.
    pub connection: usize,
    /// Which request of that connection it is, counted from 1.
    pub request: usize,
}

impl ReceivedRequest {
    /// The first value of a header, whatever the name's case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_values(name).first().copied()
    }

    /// All values of a header in order, whatever the name's case.
    #[must_use]
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        let is_named = |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(is_named)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The body as text, for messages: bytes that are not UTF-8 become U+FFFD.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON, showing it.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!(
                "{} {} came with a body that is not JSON ({error}): {:?}",
                self.method,
                self.path,
                self.text()
            )
        })
    }

    /// Whether the caller asks for the connection to be closed after the answer.
    pub(super) fn says_close(&self) -> bool {
        self.header_values("connection")
            .iter()
            .any(|value| value.eq_ignore_ascii_case("close"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &'static str) -> ReceivedRequest {
        ReceivedRequest {
            method: "POST".to_owned(),
            path: "/v1/chat/completions".to_owned(),
            headers: vec![
                ("X-Tag".to_owned(), "a".to_owned()),
                ("x-tag".to_owned(), "b".to_owned()),
            ],
            body: Bytes::from_static(body.as_bytes()),
            connection: 1,
            request: 1,
        }
    }

    #[test]
    fn headers_are_found_whatever_their_case_and_in_order() {
        let request = request("{}");
        assert_eq!(request.header("X-TAG"), Some("a"));
        assert_eq!(request.header_values("x-tag"), ["a", "b"]);
        assert_eq!(request.header("host"), None);
    }

    #[test]
    #[should_panic(expected = r#"a body that is not JSON (EOF"#)]
    fn a_body_that_is_not_json_is_shown_by_the_panic() {
        let _ = request("{").json();
    }
}
