//! The event `metadata`: what the head says, told once more for clients that cannot read headers.

use std::collections::BTreeMap;

use actix_web::http::header::{HeaderName, HeaderValue};
use bytes::Bytes;
use serde::Serialize;

use super::head::{
    ResponseHead, SERVER_TIMING, X_HERALD_SETTINGS_GENERATION, X_UPSTREAM_MODEL,
    X_UPSTREAM_PROVIDER, X_UPSTREAM_STATUS, X_UPSTREAM_TIME_TO_FIRST_TOKEN,
};

/// The data of the event.
#[derive(Serialize)]
struct Metadata<'a> {
    status: u16,
    upstream: Upstream<'a>,
    request_id: &'a str,
    settings_generation: Option<u64>,
    timings_ms: BTreeMap<String, f64>,
    headers: BTreeMap<&'a str, String>,
}

/// As beside an error, with what only a stream has.
#[derive(Serialize)]
struct Upstream<'a> {
    provider: Option<&'a str>,
    model: Option<&'a str>,
    status: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_to_first_token_ms: Option<u64>,
}

/// The event under a stream's head, as one item of its body.
///
/// All of it but the request's id, which `middleware` adds to every response, is read off the head
/// that goes out. So the event cannot say what the head does not, and no policy is asked twice.
#[must_use]
pub fn metadata_event(head: &ResponseHead, request_id: &str) -> Bytes {
    let number = |name| value_of(head, name)?.parse().ok();
    let metadata = Metadata {
        status: head.status.as_u16(),
        upstream: Upstream {
            provider: value_of(head, X_UPSTREAM_PROVIDER),
            model: value_of(head, X_UPSTREAM_MODEL),
            status: number(X_UPSTREAM_STATUS),
            time_to_first_token_ms: number(X_UPSTREAM_TIME_TO_FIRST_TOKEN),
        },
        request_id,
        settings_generation: number(X_HERALD_SETTINGS_GENERATION),
        timings_ms: value_of(head, SERVER_TIMING).map_or_else(BTreeMap::new, timings),
        headers: joined(&head.headers[head.forwarded.clone()]),
    };
    let data = serde_json::to_string(&metadata).expect("strings and numbers always serialise");
    Bytes::from(format!("event: metadata\ndata: {data}\n\n"))
}

/// The value of a header of Herald's own; each of them stands there once.
fn value_of(head: &ResponseHead, name: HeaderName) -> Option<&str> {
    let mut headers = head.headers.iter();
    headers.find(|(known, _)| *known == name).map(text)
}

fn text((_, value): &(HeaderName, HeaderValue)) -> &str {
    value
        .to_str()
        .expect("the policy lets visible ASCII, spaces and tabs pass, and Herald writes no other")
}

/// By name, the members of a `server-timing` that Herald wrote.
fn timings(value: &str) -> BTreeMap<String, f64> {
    let read = |member: &str| {
        let (name, length) = member.split_once(";dur=")?;
        Some((name.replace('-', "_"), length.parse().ok()?))
    };
    value.split(", ").filter_map(read).collect()
}

/// By name, the values in their order, joined as fetch's `Headers.get` does it (RFC 9110 section 5.3).
fn joined(headers: &[(HeaderName, HeaderValue)]) -> BTreeMap<&str, String> {
    let mut by_name: BTreeMap<_, String> = BTreeMap::new();
    for header in headers {
        let value = text(header);
        by_name
            .entry(header.0.as_str())
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }
    by_name
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;

    use super::*;

    /// A head of Herald's own headers, and these of the provider among them.
    fn head(forwarded: &[(&'static str, &'static str)]) -> ResponseHead {
        let header = |&(name, value): &(&'static str, &'static str)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        };
        let mut headers = vec![header(&("content-type", "text/event-stream"))];
        headers.extend(forwarded.iter().map(header));
        let own = [
            ("x-upstream-status", "201"),
            ("x-herald-settings-generation", "7"),
            ("x-upstream-provider", "p"),
            ("x-upstream-model", "gr%C3%BCn"),
            ("x-upstream-time-to-first-token", "12"),
            ("server-timing", "connect;dur=0.0, upstream-head;dur=1800.5"),
        ];
        headers.extend(own.iter().map(header));
        ResponseHead {
            status: StatusCode::OK,
            headers,
            forwarded: 1..1 + forwarded.len(),
        }
    }

    fn said(head: &ResponseHead) -> String {
        String::from_utf8(metadata_event(head, "id-1").to_vec()).unwrap()
    }

    #[test]
    fn the_event_is_one_line_of_json_that_says_what_the_head_says() {
        assert_eq!(
            said(&head(&[("x-request-id", "req-1")])),
            concat!(
                "event: metadata\n",
                r#"data: {"status":200,"#,
                r#""upstream":{"provider":"p","model":"gr%C3%BCn","status":201,"time_to_first_token_ms":12},"#,
                r#""request_id":"id-1","settings_generation":7,"#,
                r#""timings_ms":{"connect":0.0,"upstream_head":1800.5},"#,
                r#""headers":{"x-request-id":"req-1"}}"#,
                "\n\n"
            )
        );
    }

    #[test]
    fn what_the_head_does_not_say_the_event_does_not_say() {
        let mut head = head(&[]);
        let own = |(name, _): &(HeaderName, _)| {
            *name != X_UPSTREAM_TIME_TO_FIRST_TOKEN && *name != SERVER_TIMING
        };
        head.headers.retain(own);
        let said = said(&head);
        assert!(!said.contains("time_to_first_token_ms"), "{said}");
        assert!(said.contains(r#""timings_ms":{},"headers":{}"#), "{said}");
    }

    #[test]
    fn several_values_of_one_name_are_joined_in_their_order_wherever_they_stand() {
        let said = said(&head(&[
            ("x-a", "2"),
            ("x-b", "b"),
            ("x-a", "1"),
            ("x-a", ""),
        ]));
        assert!(
            said.contains(r#""headers":{"x-a":"2, 1, ","x-b":"b"}"#),
            "{said}"
        );
    }

    #[test]
    fn quotes_backslashes_and_tabs_are_escaped_and_the_event_stays_one_line() {
        let said = said(&head(&[("x-a", "a\"b\\\tc")]));
        assert!(said.contains(r#""x-a":"a\"b\\\tc""#), "{said}");
        assert_eq!(said.lines().count(), 3);
        assert!(
            said.bytes()
                .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte))
        );
    }
}
