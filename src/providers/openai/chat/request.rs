//! The edits of a request: the model's name and, where it is understood, `include_usage`.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    completion::CompletionRequest,
    providers::{CallBody, splice},
    raw_json::RawObject,
};

/// The body in pieces: slices of what the client sent, with the edits between them.
pub(in crate::providers::openai) fn edited(
    request: &CompletionRequest,
    call: CallBody<'_>,
) -> Vec<Bytes> {
    let asks = call.ask_for_usage && request.stream && !request.wants_usage;
    splice::splice(request, call.model, asks.then(|| include_usage(request)))
}

/// The edit that sets `stream_options.include_usage` and leaves the other options alone.
fn include_usage(request: &CompletionRequest) -> (Range<usize>, String) {
    const MEMBER: &str = r#""include_usage":true"#;
    let Some(place) = request.places.stream_options.clone() else {
        let at = request.places.first_member;
        return (at..at, format!(r#""stream_options":{{{MEMBER}}},"#));
    };
    let options = std::str::from_utf8(&request.body[place.clone()])
        .ok()
        .and_then(|text| RawObject::parse(text).ok());
    let Some(options) = options else {
        // It is null: the dialect's reader has refused all else that is no object.
        return (place, format!("{{{MEMBER}}}"));
    };
    if let Some(value) = options.get("include_usage") {
        let span = options.span(value);
        return (
            place.start + span.start..place.start + span.end,
            "true".to_owned(),
        );
    }
    let at = place.start + options.start();
    let comma = if options.is_empty() { "" } else { "," };
    (at..at, format!("{MEMBER}{comma}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dialects::openai::parse_request, providers::Terms};

    fn spliced(body: &str, ask_for_usage: bool) -> String {
        let request = parse_request(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        let call = CallBody {
            model: "up/stream",
            stream: request.stream,
            ask_for_usage,
            terms: Terms::default(),
        };
        String::from_utf8(edited(&request, call).concat()).unwrap()
    }

    #[test]
    fn only_the_model_changes_and_every_other_byte_stays() {
        assert_eq!(
            spliced(
                "{ \"messages\" : [ {\"x\":1.0e2} ] ,\n\"model\"\t: \"a\", \"new\": null }",
                false
            ),
            "{ \"messages\" : [ {\"x\":1.0e2} ] ,\n\"model\"\t: \"up/stream\", \"new\": null }",
        );
    }

    #[test]
    fn a_model_name_is_escaped() {
        let request = parse_request(Bytes::from_static(br#"{"model":"a"}"#)).unwrap();
        let pieces = edited(
            &request,
            CallBody {
                model: "a\"b",
                stream: false,
                ask_for_usage: false,
                terms: Terms::default(),
            },
        );
        assert_eq!(pieces.concat(), br#"{"model":"a\"b"}"#);
    }

    #[test]
    fn usage_is_asked_for_without_touching_other_options() {
        for (body, expected) in [
            (
                r#"{"model":"a","stream":true}"#,
                r#"{"stream_options":{"include_usage":true},"model":"up/stream","stream":true}"#,
            ),
            (
                r#"{"stream_options":null,"model":"a","stream":true}"#,
                r#"{"stream_options":{"include_usage":true},"model":"up/stream","stream":true}"#,
            ),
            (
                r#"{"model":"a","stream":true,"stream_options":{}}"#,
                r#"{"model":"up/stream","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"model":"a","stream":true,"stream_options":{"b":2}}"#,
                r#"{"model":"up/stream","stream":true,"stream_options":{"include_usage":true,"b":2}}"#,
            ),
            (
                r#"{"model":"a","stream":true,"stream_options":{"include_usage":false,"b":2}}"#,
                r#"{"model":"up/stream","stream":true,"stream_options":{"include_usage":true,"b":2}}"#,
            ),
        ] {
            assert_eq!(spliced(body, true), expected);
        }
    }

    #[test]
    fn usage_is_not_asked_for_where_it_has_no_place() {
        for body in [
            r#"{"model":"up/stream"}"#,
            r#"{"model":"up/stream","stream":true,"stream_options":{"include_usage":true}}"#,
        ] {
            assert_eq!(spliced(body, true), body);
        }
    }

    #[test]
    fn the_pieces_are_slices_of_the_clients_bytes() {
        let request = parse_request(Bytes::from_static(br#"{"model":"a","messages":[]}"#)).unwrap();
        let pieces = edited(
            &request,
            CallBody {
                model: "b",
                stream: false,
                ask_for_usage: false,
                terms: Terms::default(),
            },
        );
        assert_eq!(pieces[2].as_ptr(), request.body[12..].as_ptr());
    }
}
