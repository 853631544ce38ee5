//! The `Proxy-Status` field (RFC 9209): who failed, and what the provider had said.

use actix_web::http::header::HeaderValue;
use sfv::{ItemSerializer, KeyRef, StringRef, TokenRef, key_ref, token_ref};

/// Why no answer of the provider stands behind ours: the error types of RFC 9209 that Herald uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyError {
    /// The name lookup took too long (section 2.3.1).
    DnsTimeout,
    /// The name lookup failed (section 2.3.2).
    DnsError,
    /// No target is configured for the request (section 2.3.3).
    DestinationNotFound,
    /// Herald holds the provider to be down and did not call it (section 2.3.4).
    DestinationUnavailable,
    /// Settings forbid the address (section 2.3.5).
    DestinationIpProhibited,
    /// No route leads to the address (section 2.3.6).
    DestinationIpUnroutable,
    /// The provider refused the connection (section 2.3.7).
    ConnectionRefused,
    /// The connection broke before the answer was complete (section 2.3.8).
    ConnectionTerminated,
    /// Connecting took longer than the clock `connect` (section 2.3.9).
    ConnectionTimeout,
    /// Nothing came for longer than the clock `idle` (section 2.3.10).
    ConnectionReadTimeout,
    /// The provider did not take the request in time (section 2.3.11).
    ConnectionWriteTimeout,
    /// No connection was free within Herald's own bound (section 2.3.12).
    ConnectionLimitReached,
    /// The TLS handshake failed (section 2.3.13).
    TlsProtocolError,
    /// The provider's certificate was not accepted (section 2.3.14).
    TlsCertificateError,
    /// The provider answered the TLS handshake with an alert (section 2.3.15).
    TlsAlertReceived,
    /// The request was at fault and Herald answered it (section 2.3.16).
    HttpRequestError,
    /// Herald refused the request, by a limit or a policy (section 2.3.17).
    HttpRequestDenied,
    /// The answer ended before its end (section 2.3.18).
    HttpResponseIncomplete,
    /// The answer's header section was too large (section 2.3.19).
    HttpResponseHeaderSectionSize,
    /// The answer's body was too large (section 2.3.21).
    HttpResponseBodySize,
    /// The answer's chunks could not be read (section 2.3.24).
    HttpResponseTransferCoding,
    /// The answer was compressed although identity was asked for (section 2.3.25).
    HttpResponseContentCoding,
    /// The answer took longer than the clock `head`, `first_event` or `total` (section 2.3.26).
    HttpResponseTimeout,
    /// The provider spoke something else than HTTP/1.1 (section 2.3.28).
    HttpProtocolError,
    /// Herald answered by itself although nothing failed (section 2.3.29).
    ProxyInternalResponse,
    /// Herald itself failed (section 2.3.30).
    ProxyInternalError,
    /// Herald's settings are at fault (section 2.3.31).
    ProxyConfigurationError,
    /// The request had passed through this Herald before (section 2.3.32).
    ProxyLoopDetected,
}

impl ProxyError {
    /// The registered name of the error type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DnsTimeout => "dns_timeout",
            Self::DnsError => "dns_error",
            Self::DestinationNotFound => "destination_not_found",
            Self::DestinationUnavailable => "destination_unavailable",
            Self::DestinationIpProhibited => "destination_ip_prohibited",
            Self::DestinationIpUnroutable => "destination_ip_unroutable",
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionTerminated => "connection_terminated",
            Self::ConnectionTimeout => "connection_timeout",
            Self::ConnectionReadTimeout => "connection_read_timeout",
            Self::ConnectionWriteTimeout => "connection_write_timeout",
            Self::ConnectionLimitReached => "connection_limit_reached",
            Self::TlsProtocolError => "tls_protocol_error",
            Self::TlsCertificateError => "tls_certificate_error",
            Self::TlsAlertReceived => "tls_alert_received",
            Self::HttpRequestError => "http_request_error",
            Self::HttpRequestDenied => "http_request_denied",
            Self::HttpResponseIncomplete => "http_response_incomplete",
            Self::HttpResponseHeaderSectionSize => "http_response_header_section_size",
            Self::HttpResponseBodySize => "http_response_body_size",
            Self::HttpResponseTransferCoding => "http_response_transfer_coding",
            Self::HttpResponseContentCoding => "http_response_content_coding",
            Self::HttpResponseTimeout => "http_response_timeout",
            Self::HttpProtocolError => "http_protocol_error",
            Self::ProxyInternalResponse => "proxy_internal_response",
            Self::ProxyInternalError => "proxy_internal_error",
            Self::ProxyConfigurationError => "proxy_configuration_error",
            Self::ProxyLoopDetected => "proxy_loop_detected",
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
