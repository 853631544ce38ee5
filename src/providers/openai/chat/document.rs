//! Whether a document is a whole answer.

use crate::providers::error_body;
use crate::{providers::BadDocument, raw_json::RawObject};

/// Checks the syntax to the end, and that it is no error in the place of an answer: some providers
/// tell of one under status 200. `answer` is the member that an answer has.
pub(in crate::providers::openai) fn check<'d>(
    document: &'d [u8],
    answer: &str,
) -> Result<RawObject<'d>, BadDocument> {
    let text = std::str::from_utf8(document).map_err(|_| BadDocument::NoDocument)?;
    // awc could take a body that was cut short for a whole one, so the text itself must tell.
    let object = RawObject::parse(text).map_err(|error| BadDocument::of_syntax(&error))?;
    let has_answer = object
        .get(answer)
        .is_some_and(|choices| choices.get() != "null");
    let is_error = || {
        let wraps = object
            .get("error")
            .is_some_and(|error| error.get() != "null");
        let is = object
            .get("object")
            .is_some_and(|object| object.get() == "\"error\"");
        wraps || is
    };
    if !has_answer && is_error() {
        return Err(BadDocument::Error(error_body::from_body(document)));
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &[u8]) -> Result<(), BadDocument> {
        super::check(document, "choices").map(drop)
    }

    #[test]
    fn an_answer_is_told_from_what_only_looks_like_one() {
        assert_eq!(check(br#"{"choices":[],"error":null} "#), Ok(()));
        assert_eq!(check(br#"{"choices":["#), Err(BadDocument::CutShort));
        assert_eq!(check(b""), Err(BadDocument::CutShort));
        for text in ["<html>", "{} {}", "[]", "\"text\""] {
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
        let Err(BadDocument::Error(error)) = check(br#"{"error":{"message":"slow","code":429}}"#)
        else {
            panic!("an error");
        };
        assert_eq!((error.message.as_str(), error.status), ("slow", Some(429)));
    }
}
