//! awc's errors in our words.

use std::{error::Error, io};

use actix_web::error::ParseError;
use awc::error::{ConnectError as AwcConnectError, PayloadError, SendRequestError};

use crate::upstream::{
    connector::{BadHead, StaleConnection},
    error::{ConnectError, UpstreamError},
};

/// Why there is no head.
pub(super) fn send_error(error: &SendRequestError) -> UpstreamError {
    match error {
        SendRequestError::Connect(error) => connect_error(error),
        SendRequestError::Response(error) => parse_error(error),
        SendRequestError::Url(_) | SendRequestError::Http(_) => ConnectError::Unreachable.into(),
        // What is left is a broken connection (`Send`), or cannot be: our bodies do not fail,
        // awc's clocks are off, and there are neither tunnels nor HTTP/2.
        _ => UpstreamError::Reset,
    }
}

/// Whether the request met a pooled connection that the provider had closed, so that nobody has it.
pub(super) fn is_stale(error: &SendRequestError) -> bool {
    match error {
        SendRequestError::Response(ParseError::Io(error)) => {
            carried::<StaleConnection>(error).is_some()
        }
        _ => false,
    }
}

/// Why the body goes no further.
pub(super) fn body_error(error: &PayloadError) -> UpstreamError {
    match error {
        PayloadError::Incomplete(Some(error)) | PayloadError::Io(error)
            if error.kind() == io::ErrorKind::UnexpectedEof =>
        {
            UpstreamError::Truncated
        }
        PayloadError::Incomplete(None) => UpstreamError::Truncated,
        _ => UpstreamError::Reset,
    }
}

fn connect_error(error: &AwcConnectError) -> UpstreamError {
    match error {
        AwcConnectError::Io(error) => match carried::<ConnectError>(error) {
            Some(error) => (*error).into(),
            None => UpstreamError::Reset,
        },
        // awc says this of a connection that ended before a head.
        AwcConnectError::Disconnected => UpstreamError::Reset,
        // The others belong to the connector that ours stands in for.
        _ => ConnectError::Unreachable.into(),
    }
}

fn parse_error(error: &ParseError) -> UpstreamError {
    UpstreamError::BadHead(match error {
        ParseError::Io(error) => match carried::<BadHead>(error) {
            Some(BadHead(reason)) => reason,
            None => return UpstreamError::Reset,
        },
        // The head filter has been stricter before; these stand should awc grow stricter still.
        ParseError::Version => "its HTTP version is unknown",
        ParseError::Status => "its status is none",
        ParseError::TooLarge => "it is too large",
        ParseError::Incomplete => "it is incomplete",
        _ => "a header field is malformed",
    })
}

/// What the connector or the head filter put into an I/O error.
fn carried<E: Error + 'static>(error: &io::Error) -> Option<&E> {
    error.get_ref().and_then(|cause| cause.downcast_ref())
}
