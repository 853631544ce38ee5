//! Reads a chat completion request: what Herald acts on, and where it stands.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::{
    completion::{CompletionRequest, FieldPlaces},
    dialects::members::{member, members, model},
    error::RequestError,
    raw_json::RawObject,
};

/// Most alternatives (`n`) that one request may ask for, as in the OpenAI API reference (read
/// November 2026). Herald watches each of them finish.
const MAX_CHOICES: u32 = 128;

/// Reads the fields that Herald acts on; all others travel in the body as they stand.
///
/// # Errors
/// Where the body is no JSON object, or a field that Herald acts on is missing or of another type.
pub fn parse_request(body: Bytes) -> Result<CompletionRequest, RequestError> {
    let object = members(&body)?;
    let (model, model_place) = model(&object)?;
    let stream = member::<bool>(&object, "stream", "true or false")?.unwrap_or(false);
    let choices = member::<u32>(&object, "n", "a whole number of 1 to 128")?.unwrap_or(1);
    if !(1..=MAX_CHOICES).contains(&choices) {
        return Err(RequestError::field("n", "a whole number of 1 to 128"));
    }
    let wants_usage = wants_usage(&object)?;

    let places = FieldPlaces {
        first_member: object.start(),
        model: model_place,
        stream_options: object.get("stream_options").map(|value| object.span(value)),
    };
    Ok(CompletionRequest {
        model,
        stream,
        wants_usage,
        choices,
        max_tokens: max_tokens(&object),
        places,
        body,
    })
}

/// Whether `stream_options.include_usage` is there and true.
fn wants_usage(request: &RawObject<'_>) -> Result<bool, RequestError> {
    const NAME: &str = "stream_options";
    let refused = || RequestError::field(NAME, "an object");
    let Some(options) = member::<&RawValue>(request, NAME, "an object")? else {
        return Ok(false);
    };
    let options = RawObject::parse(options.get()).map_err(|_| refused())?;
    let asked = member(&options, "include_usage", "true or false");
    let asked: Option<bool> = asked.map_err(|error| error.of("stream_options.include_usage"))?;
    Ok(asked.unwrap_or(false))
}

/// The client's bound on the answer. What is none is the provider's to refuse.
fn max_tokens(request: &RawObject<'_>) -> Option<u64> {
    let bound = |name| serde_json::from_str::<u64>(request.get(name)?.get()).ok();
    bound("max_completion_tokens").or_else(|| bound("max_tokens"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CompletionRequest, RequestError> {
        parse_request(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn the_fields_are_read_and_their_places_found() {
        let body = r#"{"stream":true,"model":"a","n":2,"stream_options":{"include_usage":true,"x":1},"messages":[]}"#;
        let request = parse(body).unwrap();
        assert_eq!(request.model, "a");
        assert!(request.stream && request.wants_usage);
        assert_eq!(request.choices, 2);
        assert_eq!(&body[request.places.model.clone()], r#""a""#);
        let options = request.places.stream_options.clone().unwrap();
        assert_eq!(&body[options], r#"{"include_usage":true,"x":1}"#);
        assert_eq!(request.body, body.as_bytes());
    }

    #[test]
    fn null_and_absent_mean_the_default() {
        for body in [
            r#"{"model":"a"}"#,
            r#"{"model":"a","stream":null,"n":null,"stream_options":null}"#,
        ] {
            let request = parse(body).unwrap();
            assert!(!request.stream && !request.wants_usage);
            assert_eq!(request.choices, 1);
        }
    }

    #[test]
    fn malformed_json_is_refused_with_line_and_column() {
        let error = parse("{\n  \"model\": \"a\",\n  \"stream\" true\n}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the request body is not valid JSON: expected `:` at line 3 column 12"
        );
    }

    #[test]
    fn wrong_fields_are_named() {
        for (body, param) in [
            (r#"{"model":7}"#, "model"),
            (r#"{"model":"a","stream":"yes"}"#, "stream"),
            (r#"{"model":"a","n":0}"#, "n"),
            (r#"{"model":"a","n":129}"#, "n"),
            (r#"{"model":"a","n":1.5}"#, "n"),
            (r#"{"model":"a","stream_options":[true]}"#, "stream_options"),
            (r#"{"model":"a","model":"b"}"#, "model"),
            (r#"{"model":"a","stream":true,"stream":false}"#, "stream"),
        ] {
            assert_eq!(parse(body).unwrap_err().param(), Some(param), "{body}");
        }
    }

    #[test]
    fn a_missing_model_is_told_apart_from_a_wrong_one() {
        for body in ["{}", r#"{"model":null}"#] {
            assert!(
                matches!(parse(body), Err(RequestError::ModelMissing)),
                "{body}"
            );
        }
    }

    #[test]
    fn what_is_no_utf8_or_no_object_is_refused() {
        assert_eq!(
            parse_request(Bytes::from_static(b"{\n\"a\":\"\xff\"}")).unwrap_err(),
            RequestError::NotUtf8 { line: 2, column: 6 }
        );
        assert!(matches!(parse("[]"), Err(RequestError::Malformed { .. })));
        assert!(matches!(parse(""), Err(RequestError::Malformed { .. })));
    }
}
