//! The head that the client gets: our status, and each header for a reason.

mod plain_limits;
pub mod provider_headers;

use std::{fmt::Write, ops::Range, time::Duration};

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
        },
    },
};

use crate::{
    error::respond::{Rescue, X_SHOULD_RETRY, proxy_error, retry_after},
    metadata::{
        FailedAttempt, Opening, Timings, UpstreamMetadata,
        chain::{HopFailure, NextHop},
        proxy_status::{Member, PROXY_STATUS, proxy_status},
    },
    settings::VerifiedSettings,
    telemetry::request_record::RequestRecord,
    upstream::UpstreamError,
};

pub(super) const X_UPSTREAM_STATUS: HeaderName = HeaderName::from_static("x-upstream-status");
pub(super) const X_UPSTREAM_PROVIDER: HeaderName = HeaderName::from_static("x-upstream-provider");
pub(super) const X_UPSTREAM_MODEL: HeaderName = HeaderName::from_static("x-upstream-model");
pub(super) const X_UPSTREAM_TIME_TO_FIRST_TOKEN: HeaderName =
    HeaderName::from_static("x-upstream-time-to-first-token");
pub(super) const X_HERALD_SETTINGS_GENERATION: HeaderName =
    HeaderName::from_static("x-herald-settings-generation");
pub(super) const X_HERALD_ATTEMPTS: HeaderName = HeaderName::from_static("x-herald-attempts");
pub(super) const X_HERALD_DROPPED: HeaderName = HeaderName::from_static("x-herald-dropped");
pub(super) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Tells nginx in front of Herald not to collect the stream in its buffers.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Status and headers of an answer.
///
/// Streams, documents and errors are built here alike, so that each carries the same headers. The
/// request's own id is added to every response by `middleware`.
#[derive(Debug)]
pub struct ResponseHead {
    /// Ours; the provider's own stands in `x-upstream-status`.
    pub status: StatusCode,
    /// Values of one name go out in this order.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Which of them are the provider's, let through by a rule.
    pub forwarded: Range<usize>,
}

impl ResponseHead {
    /// Applies the metadata policy to what the provider said. `rescue` is there where it failed.
    #[must_use]
    pub fn build(
        settings: &VerifiedSettings,
        metadata: &UpstreamMetadata,
        rescue: Option<Rescue>,
        opening: &Opening,
        record: &RequestRecord,
    ) -> Self {
        let target = &metadata.target;
        let provider = &target.provider;
        let status = rescue
            .as_ref()
            .map_or(StatusCode::OK, |rescue| rescue.status);
        let mut headers = Vec::with_capacity(24);
        headers.push((CONTENT_TYPE, content_type(opening)));
        headers.push((
            CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-transform"),
        ));
        if matches!(opening, Opening::Events) {
            headers.push((X_ACCEL_BUFFERING, HeaderValue::from_static("no")));
            // In an app that compresses its answers, this one is left alone: it would be collected.
            headers.push((CONTENT_ENCODING, HeaderValue::from_static("identity")));
        }

        let head = metadata.head.as_ref();
        let hop = head.and_then(|head| NextHop::read(provider, &head.headers));
        if let (Some(hop), Opening::Failed(_)) = (&hop, opening) {
            record.note_hop_failure(HopFailure::of_head(hop));
        }
        let mut passed = 0..0;
        if let Some(head) = &metadata.head {
            let taken = provider_headers::take(target, head, status);
            record.note_lost_headers(taken.over_cap, taken.invalid);
            let first = headers.len();
            headers.extend(taken.headers);
            passed = first..headers.len();
            let origin = match &hop {
                Some(hop) => hop.origin_status(head.status),
                None => Some(head.status.as_u16()),
            };
            headers.extend(origin.map(|status| (X_UPSTREAM_STATUS, HeaderValue::from(status))));
        }
        let generation = HeaderValue::from(settings.generation);
        headers.push((X_HERALD_SETTINGS_GENERATION, generation));
        let told = hop.unwrap_or_default();
        let who = told
            .provider
            .unwrap_or_else(|| visible(provider.id.as_str()));
        let what = told
            .model
            .unwrap_or_else(|| visible(&target.upstream_model));
        let failed = record.failed_attempts();
        headers.push((X_UPSTREAM_PROVIDER, who));
        headers.push((X_UPSTREAM_MODEL, what));
        let first = metadata.timings.first_event;
        let first = first.map(|first| u64::try_from(first.as_millis()).unwrap_or(u64::MAX));
        // Where Herald's head did not wait for it, the next one's may have.
        if let Some(millis) = first.or(told.time_to_first_token) {
            headers.push((X_UPSTREAM_TIME_TO_FIRST_TOKEN, HeaderValue::from(millis)));
        }
        headers.push((
            SERVER_TIMING,
            server_timing(&metadata.timings, record.age(), &failed, &told.timings),
        ));
        if !failed.is_empty() {
            headers.push((X_HERALD_ATTEMPTS, HeaderValue::from(failed.len() + 1)));
        }

        let mut lost = record.lost();
        lost.join(&metadata.lost);
        lost.join(&told.lost);
        if !lost.is_empty() {
            headers.push((X_HERALD_DROPPED, visible(&lost.to_string())));
        }

        headers.extend(record.limit_headers());
        let error = match opening {
            Opening::Failed(error) => Some(error),
            Opening::Events | Opening::Document(_) => None,
        };
        // A chain tells of its Heralds when all is well too.
        if error.is_some() || !failed.is_empty() || provider.kind.is_herald() || record.hops() > 0 {
            let code = error.map(UpstreamError::code);
            let mut members = told.members;
            members.extend(
                failed
                    .iter()
                    .map(|failed| of_failed_attempt(&settings.proxy_name, failed)),
            );
            members.push(Member {
                next_hop: provider.kind.is_herald().then(|| provider.id.to_string()),
                received: head.map(|head| head.status.as_u16()),
                ..Member::own(&settings.proxy_name, error.and_then(proxy_error), code)
            });
            headers.push((PROXY_STATUS, proxy_status(&members)));
        }
        if let Some(rescue) = rescue {
            headers.extend(rescue.headers);
        }
        let is_said = headers.iter().any(|(name, _)| name == X_SHOULD_RETRY);
        if told.is_repeat_useless && error.is_some() && !is_said {
            headers.push((X_SHOULD_RETRY, HeaderValue::from_static("false")));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE
            && !headers.iter().any(|(name, _)| name == RETRY_AFTER)
        {
            headers.push(retry_after(settings.retry_after.as_secs().max(1)));
        }
        Self {
            status,
            headers,
            forwarded: passed,
        }
    }

    /// The same, for a body that is of another type than what it tells is in most dialects.
    #[must_use]
    pub fn of_type(mut self, content_type: &'static str) -> Self {
        // It is the first, and no rule adds another.
        if let Some((_, value)) = self.headers.first_mut() {
            *value = HeaderValue::from_static(content_type);
        }
        self
    }

    /// The response under this head; the caller gives it its body.
    #[must_use]
    pub fn into_builder(self) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(self.status);
        for (name, value) in self.headers {
            response.append_header((name, value));
        }
        response
    }
}

fn content_type(opening: &Opening) -> HeaderValue {
    HeaderValue::from_static(match opening {
        Opening::Events => "text/event-stream",
        Opening::Document(_) | Opening::Failed(_) => "application/json",
    })
}

/// A name of ours as a header value: what is not visible ASCII is percent-encoded.
fn visible(name: &str) -> HeaderValue {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_graphic() || byte == b' ' {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    HeaderValue::from_str(&text).expect("visible ASCII is a header value")
}

/// What Herald itself says of an attempt that does not serve.
fn of_failed_attempt(name: &str, failed: &FailedAttempt) -> Member {
    let number = failed.number;
    let provider = &failed.target.provider.id;
    let code = failed.error.code();
    let details = format!("attempt {number}, {provider}: {code}");
    Member {
        received: failed.received,
        ..Member::own(name, proxy_error(&failed.error), Some(&details))
    }
}

/// W3C Server Timing, section 3: durations in milliseconds. `total` is Herald's own time to the head,
/// `failed` the attempts beside the one that the others are of, `behind` what the Heralds of a chain told.
fn server_timing(
    timings: &Timings,
    total: Duration,
    failed: &[FailedAttempt],
    behind: &[(String, f64)],
) -> HeaderValue {
    let mut text = String::with_capacity(96);
    for failed in failed {
        let (number, took) = (failed.number, failed.took.as_secs_f64() * 1000.0);
        // An id is made of letters, digits, `-`, `_` and `.` alone.
        let provider = &failed.target.provider.id;
        let _ = write!(text, "attempt{number};dur={took:.1};desc=\"{provider}\", ");
    }
    let steps = [
        ("connect", timings.connect),
        ("upstream-head", timings.head),
        ("first-event", timings.first_event),
        ("total", Some(total)),
    ];
    let millis = |length: Duration| length.as_secs_f64() * 1000.0;
    let own = steps
        .into_iter()
        .filter_map(|(name, length)| Some((name, millis(length?))));
    let behind = behind.iter().map(|(name, millis)| (&**name, *millis));
    for (name, millis) in own.chain(behind) {
        let comma = if text.is_empty() || text.ends_with(' ') {
            ""
        } else {
            ", "
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{name};dur={millis:.1}");
    }
    HeaderValue::from_str(&text).expect("names and numbers are a header value")
}
