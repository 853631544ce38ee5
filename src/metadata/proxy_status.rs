//! The `Proxy-Status` field (RFC 9209): who failed, and what the provider had said.

use std::borrow::Cow;

use actix_web::http::header::{HeaderName, HeaderValue};
use sfv::{KeyRef, ListSerializer, StringRef, TokenRef, key_ref};

/// The field's name.
pub const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Why no answer of the provider stands behind ours: the error types of RFC 9209 that Herald uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyError {
    /// The name lookup failed (section 2.3.2).
    DnsError,
    /// The provider, or the forward proxy before it, could not be reached (section 2.3.4).
    DestinationUnavailable,
    /// The provider refused the connection (section 2.3.7).
    ConnectionRefused,
    /// The connection broke before the answer was complete (section 2.3.8).
    ConnectionTerminated,
    /// Connecting took longer than the clock `connect` (section 2.3.9).
    ConnectionTimeout,
    /// A ceiling of ours on what is open is met (section 2.3.12).
    ConnectionLimitReached,
    /// The TLS handshake failed (section 2.3.13).
    TlsProtocolError,
    /// The provider's certificate was not accepted (section 2.3.14).
    TlsCertificateError,
    /// The request itself is at fault: Herald answered it with a 4xx (section 2.3.16).
    HttpRequestError,
    /// A limit of ours refused the request (section 2.3.17).
    HttpRequestDenied,
    /// The answer ended before its end (section 2.3.18).
    HttpResponseIncomplete,
    /// The answer's body was too large (section 2.3.21).
    HttpResponseBodySize,
    /// The answer was compressed although identity was asked for (section 2.3.25).
    HttpResponseContentCoding,
    /// The answer took longer than the clock `head`, `first_event`, `idle` or `total` (section 2.3.26).
    HttpResponseTimeout,
    /// The provider spoke something else than HTTP/1.1, or than its own protocol (section 2.3.28).
    HttpProtocolError,
    /// Herald ended the answer by itself: it is shutting down (section 2.3.29).
    ProxyInternalResponse,
    /// Herald cannot do its part at the moment (section 2.3.30).
    ProxyInternalError,
    /// The request has passed too many Heralds (section 2.3.32).
    ProxyLoopDetected,
}

impl ProxyError {
    /// The registered name of the error type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DnsError => "dns_error",
            Self::DestinationUnavailable => "destination_unavailable",
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionTerminated => "connection_terminated",
            Self::ConnectionTimeout => "connection_timeout",
            Self::ConnectionLimitReached => "connection_limit_reached",
            Self::HttpRequestError => "http_request_error",
            Self::HttpRequestDenied => "http_request_denied",
            Self::TlsProtocolError => "tls_protocol_error",
            Self::TlsCertificateError => "tls_certificate_error",
            Self::HttpResponseIncomplete => "http_response_incomplete",
            Self::HttpResponseBodySize => "http_response_body_size",
            Self::HttpResponseContentCoding => "http_response_content_coding",
            Self::HttpResponseTimeout => "http_response_timeout",
            Self::HttpProtocolError => "http_protocol_error",
            Self::ProxyInternalResponse => "proxy_internal_response",
            Self::ProxyInternalError => "proxy_internal_error",
            Self::ProxyLoopDetected => "proxy_loop_detected",
        }
    }
}

const NEXT_HOP: &KeyRef = key_ref("next-hop");
const RECEIVED_STATUS: &KeyRef = key_ref("received-status");
const ERROR: &KeyRef = key_ref("error");
const DETAILS: &KeyRef = key_ref("details");

/// Longest `details`, in characters, so that the field stays small beside the others.
const MAX_DETAILS: usize = 256;

/// What one intermediary says of an answer: a member of the field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Who says it: printable ASCII.
    pub name: String,
    /// Whom it asked, where that is an intermediary too (section 2.1.3).
    pub next_hop: Option<String>,
    /// The status that it got from there (section 2.1.5).
    pub received: Option<u16>,
    /// The error type, a token (section 2.1.1).
    pub error: Option<Cow<'static, str>>,
    /// A sentence for people (section 2.1.2): what is not printable ASCII in it becomes `?`, and it is
    /// cut after 256 characters.
    pub details: Option<String>,
}

impl Member {
    /// Herald's own, under the name that `metadata.proxy_name` gives it.
    #[must_use]
    pub fn own(name: &str, error: Option<ProxyError>, code: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            error: error.map(|error| error.as_str().into()),
            details: code.map(str::to_owned),
            ..Self::default()
        }
    }
}

/// Writes the field, such as `herald;received-status=429`: the members in their order, which is that of
/// section 2, from the one that is nearest to the origin to Herald's own.
///
/// # Panics
/// If there is no member.
#[must_use]
pub fn proxy_status(members: &[Member]) -> HeaderValue {
    let mut list = ListSerializer::new();
    for member in members {
        // A name is a token where it can be one, else a string.
        let mut item = match TokenRef::from_str(&member.name) {
            Ok(name) => list.bare_item(name),
            Err(_) => {
                let name = printable(&member.name);
                list.bare_item(string(&name))
            }
        };
        if let Some(next_hop) = &member.next_hop {
            item = item.parameter(NEXT_HOP, string(&printable(next_hop)));
        }
        if let Some(status) = member.received {
            item = item.parameter(RECEIVED_STATUS, status);
        }
        let error = member.error.as_deref();
        if let Some(Ok(error)) = error.map(TokenRef::from_str) {
            item = item.parameter(ERROR, error);
        }
        if let Some(details) = &member.details {
            // Each parameter is written at once; what comes back is only for a further one.
            let _ = item.parameter(DETAILS, string(&printable(details)));
        }
    }
    let text = list.finish().expect("there is a member");
    HeaderValue::try_from(text).expect("structured fields are visible ASCII and spaces")
}

fn string(printable: &str) -> &StringRef {
    StringRef::from_str(printable).expect("only printable ASCII is left")
}

fn printable(text: &str) -> String {
    text.chars()
        .take(MAX_DETAILS)
        .map(|char| match char {
            ' '..='~' => char,
            _ if char.is_whitespace() => ' ',
            _ => '?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sfv::{BareItem, List, ListEntry, Parser};

    use super::*;

    fn own(received: Option<u16>, error: Option<ProxyError>, details: Option<&str>) -> Member {
        Member {
            received,
            ..Member::own("herald", error, details)
        }
    }

    #[test]
    fn the_field_names_the_status_the_error_and_the_details_in_that_order() {
        let member = own(
            Some(429),
            Some(ProxyError::HttpResponseTimeout),
            Some("head: 300 s"),
        );
        assert_eq!(
            proxy_status(&[member]),
            r#"herald;received-status=429;error=http_response_timeout;details="head: 300 s""#
        );
        assert_eq!(
            proxy_status(&[own(Some(529), None, None)]),
            "herald;received-status=529"
        );
        assert_eq!(proxy_status(&[own(None, None, None)]), "herald");
    }

    #[test]
    fn several_members_stand_in_their_order_and_a_name_that_is_no_token_is_a_string() {
        let origin = Member {
            name: "at home".to_owned(),
            ..own(Some(200), None, None)
        };
        let nearest = Member {
            next_hop: Some("eu".to_owned()),
            ..own(Some(502), None, None)
        };
        assert_eq!(
            proxy_status(&[origin, nearest]),
            r#""at home";received-status=200, herald;next-hop="eu";received-status=502"#
        );
    }

    #[test]
    fn details_are_escaped_and_kept_to_printable_ascii() {
        let details = "say \"hi\\\"\r\nSet-Cookie: caf\u{e9}\u{0}";
        assert_eq!(
            proxy_status(&[own(None, None, Some(details))]),
            r#"herald;details="say \"hi\\\"  Set-Cookie: caf??""#
        );
    }

    proptest! {
        #[test]
        fn whatever_the_details_a_structured_field_parser_reads_them_back(
            status in any::<Option<u16>>(),
            details in any::<String>(),
        ) {
            let member = own(status, Some(ProxyError::DnsError), Some(&details));
            let value = proxy_status(&[member]);
            let list: List = Parser::new(value.as_bytes()).parse().unwrap();
            let [ListEntry::Item(item)] = &list[..] else { panic!("one member, not {list:?}") };
            let read = item.params[DETAILS].as_string().unwrap().as_str();
            prop_assert_eq!(read, printable(&details));
            prop_assert_eq!(
                item.params.get(RECEIVED_STATUS).cloned(),
                status.map(|status| BareItem::Integer(status.into()))
            );
        }
    }
}
