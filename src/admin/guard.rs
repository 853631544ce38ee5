//! What every request to the admin listener passes first: pace, web pages, size, token.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Uri,
        header::{
            AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, HOST, HeaderMap, HeaderValue,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    web,
};
use tokio::time::Instant;

use super::{
    MAX_BODY_BYTES, Problem,
    pace::{Pace, Rate},
};
use crate::{
    middleware::foreign_page::is_from_a_page_elsewhere, reload::routes, settings::AdminSettings,
    startup::Gateway,
};

/// What the guard remembers of the peers that came lately.
#[derive(Debug, Default)]
pub(super) struct Peers {
    requests: Mutex<Pace>,
    failures: Mutex<Pace>,
}

/// Lets in who comes at a fair pace, from no web page of elsewhere, and with no more than a small
/// body; and keeps every answer out of caches.
pub(super) async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let checked = check(&request).inspect_err(|problem| count(&request, problem));
    let mut response = match checked {
        Ok(()) => next.call(request).await?.map_into_left_body(),
        Err(problem) => request.error_response(problem).map_into_right_body(),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// Lets in who shows the token, where there is one.
pub(super) async fn require_token(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    match check_token(&request).inspect_err(|problem| count(&request, problem)) {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(problem) => Ok(request.error_response(problem).map_into_right_body()),
    }
}

fn count(request: &ServiceRequest, problem: &Problem) {
    if let Some(gateway) = request.app_data::<web::Data<Gateway>>() {
        gateway.metrics().refused_admin(problem.code());
    }
}

fn check(request: &ServiceRequest) -> Result<(), Problem> {
    let (settings, peers) = parts(request);
    let rate = Rate::new(settings.requests_per_second, Duration::from_secs(1));
    let mut pace = peers
        .requests
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    pace.take(peer(request), rate, Instant::now())
        .map_err(too_many)?;
    drop(pace);
    if is_from_a_page_elsewhere(request.headers())
        || (settings.token.is_none() && !is_asked_by_address(request.headers()))
    {
        return Err(Problem::ForeignPage);
    }
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let most = most_bytes(request.path());
    if length.is_some_and(|length| length > most) {
        return Err(Problem::BodyTooLarge { most });
    }
    Ok(())
}

/// Settings may be large: a hundred thousand keys are. Nothing else here reads a body.
fn most_bytes(path: &str) -> u64 {
    let most = match path {
        routes::VALIDATE => routes::MAX_BODY_BYTES,
        _ => MAX_BODY_BYTES,
    };
    most as u64
}

fn check_token(request: &ServiceRequest) -> Result<(), Problem> {
    let (settings, peers) = parts(request);
    let Some(token) = &settings.token else {
        return Ok(());
    };
    let (peer, now) = (peer(request), Instant::now());
    let rate = Rate::new(settings.failures_per_minute, Duration::from_secs(60));
    let mut failures = peers
        .failures
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    // Above the bound a right token is not let in either: else guessing would go on unhindered.
    failures.check(peer, rate, now).map_err(too_many)?;
    let problem = match bearer(request.headers()) {
        Some(shown) if token.is(shown) => return Ok(()),
        Some(_) => Problem::TokenWrong,
        None => Problem::TokenMissing,
    };
    tracing::warn!(%peer, "refused at the admin listener: {problem}");
    // There was room for it a line above.
    let _ = failures.take(peer, rate, now);
    Err(problem)
}

fn parts(request: &ServiceRequest) -> (AdminSettings, &Arc<Peers>) {
    let gateway = request.app_data::<web::Data<Gateway>>();
    let gateway = gateway.expect("the admin app holds its gateway");
    let peers = request.app_data::<Arc<Peers>>();
    let peers = peers.expect("the admin app holds the guard's memory");
    (gateway.settings().admin.clone(), peers)
}

fn too_many(wait: Duration) -> Problem {
    let retry_after = wait.as_millis().div_ceil(1000).try_into();
    Problem::TooMany {
        retry_after: retry_after.unwrap_or(u64::MAX),
    }
}

/// Who asks. A request without an address, which only tests make, counts as this machine's.
fn peer(request: &ServiceRequest) -> IpAddr {
    let address = request.peer_addr();
    address.map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip())
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"Bearer ";
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(SCHEME) && !token.is_empty()).then_some(token)
}

/// Whether the caller knows the listener by an address or as this machine: a page whose name was
/// made to point here (DNS rebinding) sends its own name.
fn is_asked_by_address(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else {
        // HTTP/1.0, which no browser speaks.
        return true;
    };
    let authority = host.to_str().ok().and_then(|host| host.parse::<Uri>().ok());
    let Some(name) = authority.as_ref().and_then(Uri::host) else {
        return false;
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_an_address_and_localhost_are_names_that_nobody_else_can_point_here() {
        for (host, expected) in [
            ("127.0.0.1:8081", true),
            ("[::1]:8081", true),
            ("localhost:8081", true),
            ("LOCALHOST", true),
            ("10.0.0.7", true),
            ("evil.test:8081", false),
            ("localhost.evil.test", false),
            ("127.0.0.1.evil.test", false),
            ("", false),
        ] {
            let headers = headers(&[("host", host)]);
            assert_eq!(is_asked_by_address(&headers), expected, "{host:?}");
        }
    }

    #[test]
    fn a_bearer_token_is_read_as_it_stands_and_nothing_else_is_one() {
        for (value, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Bearer ", None),
            ("Basic abc", None),
            ("abc", None),
        ] {
            let headers = headers(&[("authorization", value)]);
            assert_eq!(bearer(&headers), expected.map(str::as_bytes), "{value:?}");
        }
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_as_none() {
        let told = |millis| too_many(Duration::from_millis(millis));
        assert_eq!(told(1), Problem::TooMany { retry_after: 1 });
        assert_eq!(told(1001), Problem::TooMany { retry_after: 2 });
    }
}
