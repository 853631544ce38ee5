//! Reads a request for a message or for a count: what Herald acts on, and where it stands.

use bytes::Bytes;

use crate::{
    completion::{CompletionRequest, FieldPlaces},
    dialects::members::{member, members, model},
    error::RequestError,
    raw_json::RawObject,
};

/// Reads the fields of a request for a message that Herald acts on; all others travel as they stand.
///
/// # Errors
/// Where the body is no JSON object, or a field that Herald acts on is missing or of another type.
pub(super) fn of_message(body: Bytes) -> Result<CompletionRequest, RequestError> {
    let object = members(&body)?;
    let stream = member(&object, "stream", "true or false")?.unwrap_or(false);
    // What is no number is the provider's to refuse.
    let most = object.get("max_tokens");
    let most = most.and_then(|most| serde_json::from_str(most.get()).ok());
    read(&body, &object, stream, most)
}

/// The same of a request for a count: one document, for which no token is answered.
///
/// # Errors
/// As [`of_message`].
pub(super) fn of_count(body: Bytes) -> Result<CompletionRequest, RequestError> {
    read(&body, &members(&body)?, false, Some(0))
}

fn read(
    body: &Bytes,
    object: &RawObject<'_>,
    stream: bool,
    max_tokens: Option<u64>,
) -> Result<CompletionRequest, RequestError> {
    let (model, model_place) = model(object)?;
    Ok(CompletionRequest {
        model,
        stream,
        // A message always tells it, and its clients fail without.
        wants_usage: true,
        choices: 1,
        max_tokens,
        places: FieldPlaces {
            first_member: object.start(),
            model: model_place,
            stream_options: None,
        },
        body: body.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{ "stream":true,"max_tokens":9,"model":"a","messages":[]}"#;

    #[test]
    fn a_message_is_read_and_the_place_of_its_model_found() {
        let request = of_message(Bytes::from_static(BODY.as_bytes())).unwrap();
        assert_eq!(request.model, "a");
        assert!(request.stream && request.wants_usage);
        assert_eq!((request.choices, request.max_tokens), (1, Some(9)));
        assert_eq!(&BODY[request.places.model.clone()], r#""a""#);
        assert_eq!(request.body.as_ptr(), BODY.as_ptr());
    }

    #[test]
    fn a_count_never_streams_and_asks_for_no_token() {
        let request = of_count(Bytes::from_static(BODY.as_bytes())).unwrap();
        assert!(!request.stream);
        assert_eq!(request.max_tokens, Some(0));
    }

    #[test]
    fn what_herald_does_not_act_on_is_the_providers_to_refuse() {
        for body in [
            r#"{"model":"a"}"#,
            r#"{"model":"a","max_tokens":"many","messages":7,"stream":null}"#,
        ] {
            let request = of_message(Bytes::from_static(body.as_bytes())).unwrap();
            assert_eq!(
                (request.stream, request.max_tokens),
                (false, None),
                "{body}"
            );
        }
    }

    #[test]
    fn wrong_fields_are_named() {
        for (body, param) in [
            (r#"{"model":7}"#, "model"),
            ("{}", "model"),
            (r#"{"model":"a","model":"a"}"#, "model"),
            (r#"{"model":"a","stream":1}"#, "stream"),
        ] {
            let error = of_message(Bytes::from_static(body.as_bytes())).unwrap_err();
            assert_eq!(error.param(), Some(param), "{body}");
        }
    }
}
