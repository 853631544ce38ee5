//! The `Proxy-Status` field (RFC 9209): who failed, and what the provider had said.

use actix_web::http::header::{HeaderName, HeaderValue};
use sfv::{ItemSerializer, KeyRef, StringRef, TokenRef, key_ref, token_ref};

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
        }
    }
}

const HERALD: &TokenRef = token_ref("herald");
const RECEIVED_STATUS: &KeyRef = key_ref("received-status");
const ERROR: &KeyRef = key_ref("error");
const DETAILS: &KeyRef = key_ref("details");

/// Longest `details`, in characters, so that the field stays small beside the others.
const MAX_DETAILS: usize = 256;

/// Writes Herald's member of the field, such as `herald;received-status=429`.
///
/// `received` is the provider's own status (section 2.1.5), `error` what went wrong (section 2.1.1),
/// `details` a sentence for people (section 2.1.2): what is not printable ASCII in it becomes `?`,
/// and it is cut after 256 characters.
pub fn proxy_status(
    received: Option<u16>,
    error: Option<ProxyError>,
    details: Option<&str>,
) -> HeaderValue {
    let mut item = ItemSerializer::new().bare_item(HERALD);
    if let Some(status) = received {
        item = item.parameter(RECEIVED_STATUS, status);
    }
    if let Some(error) = error {
        item = item.parameter(ERROR, TokenRef::constant(error.as_str()));
    }
    if let Some(details) = details {
        let details = printable(details);
        let details = StringRef::from_str(&details).expect("only printable ASCII is left");
        item = item.parameter(DETAILS, details);
    }
    HeaderValue::try_from(item.finish()).expect("structured fields are visible ASCII and spaces")
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

    #[test]
    fn the_field_names_the_status_the_error_and_the_details_in_that_order() {
        let value = proxy_status(
            Some(429),
            Some(ProxyError::HttpResponseTimeout),
            Some("head: 300 s"),
        );
        assert_eq!(
            value,
            r#"herald;received-status=429;error=http_response_timeout;details="head: 300 s""#
        );
        assert_eq!(
            proxy_status(Some(529), None, None),
            "herald;received-status=529"
        );
        assert_eq!(proxy_status(None, None, None), "herald");
    }

    #[test]
    fn details_are_escaped_and_kept_to_printable_ascii() {
        let value = proxy_status(
            None,
            None,
            Some("say \"hi\\\"\r\nSet-Cookie: caf\u{e9}\u{0}"),
        );
        assert_eq!(value, r#"herald;details="say \"hi\\\"  Set-Cookie: caf??""#);
    }

    proptest! {
        #[test]
        fn whatever_the_details_a_structured_field_parser_reads_them_back(
            status in any::<Option<u16>>(),
            details in any::<String>(),
        ) {
            let value = proxy_status(status, Some(ProxyError::DnsError), Some(&details));
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
