//! What the provider is asked.

use bytes::Bytes;
use herald::{
    completion::CompletionRequest,
    dialects::openai::parse_request,
    raw_json::{RawObject, cut},
};

/// Which answers are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// What the body's `stream` says; a stream if it says nothing.
    AsWritten,
    /// The one without a stream.
    Document,
    /// Both, the stream first.
    Both,
}

/// A request as a client would send it, but for `stream`.
#[derive(Debug)]
pub(super) struct Request(CompletionRequest);

impl Request {
    /// Reads a body; `model` stands over the one that it names.
    pub(super) fn new(model: Option<&str>, body: &str) -> Result<Self, String> {
        let body = match model {
            Some(model) => with_member(body, "model", &serde_json::Value::from(model).to_string())?,
            None => body.to_owned(),
        };
        read(body).map(Self)
    }

    pub(super) fn model(&self) -> &str {
        &self.0.model
    }

    /// The requests to send, one after the other.
    pub(super) fn completions(&self, want: Want) -> Result<Vec<CompletionRequest>, String> {
        let body = String::from_utf8_lossy(&self.0.body);
        let says_stream = RawObject::parse(&body)
            .map_err(|error| error.to_string())?
            .get("stream")
            .is_some_and(|value| value.get() != "null");
        let streams: &[bool] = match want {
            Want::AsWritten if says_stream && !self.0.stream => &[false],
            Want::AsWritten => &[true],
            Want::Document => &[false],
            Want::Both => &[true, false],
        };
        streams
            .iter()
            .map(|stream| read(with_stream(&body, *stream)?))
            .collect()
    }
}

fn read(body: String) -> Result<CompletionRequest, String> {
    parse_request(Bytes::from(body)).map_err(|error| format!("the request: {error}"))
}

/// Providers refuse options of a stream where there is none.
fn with_stream(body: &str, stream: bool) -> Result<String, String> {
    let body = with_member(body, "stream", if stream { "true" } else { "false" })?;
    if stream {
        return Ok(body);
    }
    let object = RawObject::parse(&body).map_err(|error| error.to_string())?;
    Ok(cut(&body, &object.removals(&["stream_options"])))
}

/// The body with this member, all else as it is written.
fn with_member(body: &str, name: &str, value: &str) -> Result<String, String> {
    let object = RawObject::parse(body).map_err(|error| format!("the request: {error}"))?;
    let (place, text) = match object.get(name) {
        Some(old) => (object.span(old), value.to_owned()),
        None => {
            let comma = if object.is_empty() { "" } else { "," };
            (
                object.start()..object.start(),
                format!(r#""{name}":{value}{comma}"#),
            )
        }
    };
    Ok(format!(
        "{}{text}{}",
        &body[..place.start],
        &body[place.end..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(model: Option<&str>, body: &str, want: Want) -> Vec<String> {
        let request = Request::new(model, body).unwrap();
        let completions = request.completions(want).unwrap();
        let bodies = completions
            .iter()
            .map(|completion| completion.body.to_vec());
        bodies
            .map(|body| String::from_utf8(body).unwrap())
            .collect()
    }

    #[test]
    fn a_stream_is_asked_for_unless_the_body_or_the_command_line_says_otherwise() {
        let body = r#"{"model":"a"}"#;
        assert_eq!(
            sent(None, body, Want::AsWritten),
            [r#"{"stream":true,"model":"a"}"#]
        );
        assert_eq!(
            sent(None, body, Want::Document),
            [r#"{"stream":false,"model":"a"}"#]
        );
        let body = r#"{"model":"a","stream":false}"#;
        assert_eq!(sent(None, body, Want::AsWritten), [body]);
        let body = r#"{"model":"a","stream":null}"#;
        assert_eq!(
            sent(None, body, Want::AsWritten),
            [r#"{"model":"a","stream":true}"#]
        );
        let body = r#"{"model":"a","stream":true}"#;
        let both = [body, r#"{"model":"a","stream":false}"#];
        assert_eq!(sent(None, body, Want::Both), both);
    }

    #[test]
    fn the_model_of_the_command_line_takes_the_place_of_the_bodys_and_nothing_else_changes() {
        let body = "{ \"model\": \"a\",\n \"x\" : 1.0 , \"stream\":true}";
        let expected = "{ \"model\": \"b/\\\"c\",\n \"x\" : 1.0 , \"stream\":true}";
        assert_eq!(sent(Some("b/\"c"), body, Want::AsWritten), [expected]);
        assert_eq!(
            sent(Some("b"), "{}", Want::Document),
            [r#"{"stream":false,"model":"b"}"#]
        );
    }

    #[test]
    fn a_document_is_asked_for_without_the_options_of_a_stream() {
        let body = r#"{"stream_options":{"include_usage":true},"model":"a","stream":true}"#;
        let both = [body, r#"{"model":"a","stream":false}"#];
        assert_eq!(sent(None, body, Want::Both), both);
    }

    #[test]
    fn a_body_that_is_no_request_is_refused() {
        assert!(Request::new(None, "{}").is_err());
        assert!(Request::new(Some("a"), "[]").is_err());
        let twice = r#"{"model":"a","stream":true,"stream":false}"#;
        assert!(Request::new(None, twice).is_err());
    }
}
