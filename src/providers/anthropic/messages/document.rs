//! Whether a document is whole, and what it took.

use crate::{
    completion::TokenUsage,
    providers::{BadDocument, error_body},
    raw_json::RawObject,
};

/// Checks the syntax to the end, and that it is no error in the place of an answer.
pub(in crate::providers::anthropic) fn check(
    document: &[u8],
) -> Result<RawObject<'_>, BadDocument> {
    let text = std::str::from_utf8(document).map_err(|_| BadDocument::NoDocument)?;
    // awc could take a body that was cut short for a whole one, so the text itself must tell.
    let object = RawObject::parse(text).map_err(|error| BadDocument::of_syntax(&error))?;
    let is_named_error = object
        .get("type")
        .is_some_and(|kind| kind.get() == "\"error\"");
    // A proxy before the provider may write its errors in another shape.
    let is_error_alone = || {
        let error = object
            .get("error")
            .is_some_and(|error| error.get() != "null");
        error && object.get("content").is_none()
    };
    if is_named_error || is_error_alone() {
        return Err(BadDocument::Error(error_body::from_body(document)));
    }
    Ok(object)
}

/// The usage that a whole message tells.
pub(super) fn usage(document: &RawObject<'_>) -> Option<TokenUsage> {
    super::usage::Counts::default().join(document.get("usage")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &[u8]) -> Result<(), BadDocument> {
        super::check(document).map(drop)
    }

    #[test]
    fn a_message_is_told_from_what_only_looks_like_one() {
        assert_eq!(check(br#"{"type":"message","content":[]} "#), Ok(()));
        assert_eq!(check(br#"{"content":[],"error":{"a":1}}"#), Ok(()));
        assert_eq!(check(br#"{"content":["#), Err(BadDocument::CutShort));
        assert_eq!(check(b""), Err(BadDocument::CutShort));
        for text in ["<html>", "{} {}", "[]"] {
            assert_eq!(
                check(text.as_bytes()),
                Err(BadDocument::NoDocument),
                "{text}"
            );
        }
        assert_eq!(check(b"{\"a\":\"\xff\"}"), Err(BadDocument::NoDocument));
    }

    #[test]
    fn an_error_under_a_success_is_an_error() {
        for text in [
            r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#,
            r#"{"error":{"code":529,"message":"busy"}}"#,
        ] {
            let Err(BadDocument::Error(error)) = check(text.as_bytes()) else {
                panic!("an error: {text}");
            };
            assert_eq!((error.message.as_str(), error.status), ("busy", Some(529)));
        }
    }

    #[test]
    fn the_usage_of_a_message_is_read() {
        let usage = |text: &str| super::usage(&RawObject::parse(text).unwrap());
        let told = usage(r#"{"content":[],"usage":{"input_tokens":3,"output_tokens":5}}"#);
        let told = told.unwrap();
        assert_eq!((told.prompt_tokens, told.completion_tokens), (3, 5));
        assert_eq!(usage(r#"{"content":[]}"#), None);
    }
}
