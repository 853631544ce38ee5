//! One request at its end: what its line in the log and the metrics are made of.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix_web::http::StatusCode;

use super::request_record::Outcome;
use crate::{
    metadata::{FailedAttempt, chain::HopFailure},
    settings::ClientKey,
    streams::Phase,
    upstream::messages::Tally,
};

/// All that is known of a request that is over. It holds no header, no prompt and no completion.
#[derive(Debug)]
pub(super) struct FinishedRequest<'a> {
    pub(super) id: &'a str,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Whose key it came with.
    pub(super) key: Option<&'a ClientKey>,
    pub(super) outcome: Outcome,
    pub(super) status: Option<StatusCode>,
    pub(super) upstream_status: Option<u16>,
    /// Under which id the next Herald logged it.
    pub(super) next_request_id: Option<String>,
    /// What failed behind it.
    pub(super) hop_failure: Option<HopFailure>,
    pub(super) served: Option<&'a Served>,
    pub(super) attempts: u32,
    /// Those of them that others followed.
    pub(super) failed_attempts: &'a [FailedAttempt],
    pub(super) time_to_head: Option<Duration>,
    pub(super) duration: Duration,
    pub(super) bytes: u64,
    pub(super) tally: Tally,
    /// Over the caps, and invalid.
    pub(super) lost_headers: (usize, usize),
    /// Sorts of things in the request that could not be carried.
    pub(super) lost_fields: usize,
    /// How far its stream had come.
    pub(super) phase: Option<Phase>,
}

/// Who was asked for what, and under which settings.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) generation: u64,
    pub(super) model: Arc<str>,
    pub(super) provider: Arc<str>,
    pub(super) upstream_model: String,
    pub(super) stream: bool,
}

impl FinishedRequest<'_> {
    /// Writes the one line of the request.
    pub(super) fn log(&self) {
        let (code, origin) = match self.outcome {
            Outcome::Failed { code, origin } => (Some(code), Some(origin.name())),
            _ => (None, None),
        };
        let far = self.hop_failure.as_ref();
        let (served, tally) = (self.served, self.tally);
        let (over_cap, invalid) = self.lost_headers;
        tracing::info!(
            target: "herald::request",
            request_id = self.id,
            method = self.method,
            path = self.path,
            key = self.key.map(|key| key.id.as_str()),
            key_labels = self.key.and_then(|key| labels(&key.labels)),
            outcome = self.outcome.name(),
            error_code = code,
            error_origin = origin,
            origin_code = far.map(|far| far.code.as_str()),
            origin_hop = far.and_then(|far| far.hop.as_deref()),
            origin_provider = far.and_then(|far| far.provider.as_deref()),
            status = self.status.map(|status| status.as_u16()),
            upstream_status = self.upstream_status,
            next_request_id = self.next_request_id.as_deref(),
            provider = served.map(|served| &*served.provider),
            model = served.map(|served| &*served.model),
            upstream_model = served.map(|served| served.upstream_model.as_str()),
            stream = served.map(|served| served.stream),
            settings_generation = served.map(|served| served.generation),
            attempts = served.map(|_| self.attempts),
            failed_attempts = failures(self.failed_attempts),
            time_to_head_ms = millis(self.time_to_head),
            time_to_first_event_ms = millis(tally.time_to_first_event),
            duration_ms = millis(Some(self.duration)),
            events = served.map(|_| tally.events),
            bytes = self.bytes,
            prompt_tokens = tally.usage.map(|usage| usage.prompt_tokens),
            completion_tokens = tally.usage.map(|usage| usage.completion_tokens),
            empty_events = (tally.empty_events > 0).then_some(tally.empty_events),
            replaced_utf8_events = (tally.replaced_utf8 > 0).then_some(tally.replaced_utf8),
            lost_fields = positive(self.lost_fields),
            lost_parts = positive(tally.lost_parts),
            headers_over_cap = positive(over_cap),
            headers_invalid = positive(invalid),
            "request finished"
        );
    }
}

/// A key's labels as the line has them: `team=search,tier=gold`.
fn labels(labels: &BTreeMap<String, String>) -> Option<String> {
    let pairs = labels.iter().map(|(name, value)| format!("{name}={value}"));
    (!labels.is_empty()).then(|| pairs.collect::<Vec<_>>().join(","))
}

/// The attempts that others followed as the line has them: `a:upstream_refused,b:upstream_overloaded`.
fn failures(failed: &[FailedAttempt]) -> Option<String> {
    let told = failed
        .iter()
        .map(|failed| format!("{}:{}", failed.target.provider.id, failed.error.code()));
    (!failed.is_empty()).then(|| told.collect::<Vec<_>>().join(","))
}

/// A count that is told only where there is something to tell.
fn positive(count: usize) -> Option<usize> {
    (count > 0).then_some(count)
}

fn millis(length: Option<Duration>) -> Option<f64> {
    length.map(|length| (length.as_secs_f64() * 1_000_000.0).round() / 1000.0)
}
