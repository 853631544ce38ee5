//! The targets: how each does.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::{
    openapi,
    routing::{
        headroom::{Quota, QuotaKind},
        target_state::{Standing, TargetSnapshot},
    },
    startup::Gateway,
};

/// What is known of one target.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetView {
    /// Who is asked.
    provider: String,
    /// For which model, by the provider's name of it.
    upstream_model: String,
    /// Attempts that are on their way.
    in_flight: usize,
    /// Whether it may be asked.
    standing: StandingWord,
    /// When it may be asked again, in milliseconds; null where that is now, or a probe decides.
    back_in_ms: Option<u64>,
    /// Failures since the last success.
    consecutive_failures: u32,
    /// Attempts within `outliers.window` whose result is known.
    requests: u64,
    /// Failures among them.
    failures: u64,
    /// The share of these, 0 to 1; null without requests.
    failure_ratio: Option<f64>,
    /// How often it was left out since it is known.
    ejections: u64,
    /// The share of its scarcest quota that is left, 0 to 1; null where it has not told.
    headroom: Option<f64>,
    /// What it told of its quotas and still counts.
    quotas: Vec<QuotaView>,
}

/// Whether a target may be asked.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StandingWord {
    /// It may.
    In,
    /// It was left out; the next request proves it.
    Trial,
    /// That request is on its way; the others go elsewhere.
    Probing,
    /// It is left out because it failed.
    Ejected,
    /// It is left alone: nothing is left of a quota, or it asked for it.
    Resting,
}

/// What a target told of one quota.
#[derive(Debug, Serialize, ToSchema)]
struct QuotaView {
    /// What it counts: `requests`, `tokens`, `input_tokens`, `output_tokens`, or `unnamed`.
    quota: &'static str,
    /// How much there is of it.
    limit: u64,
    /// How much of that was left.
    remaining: u64,
    /// When it is full again, in milliseconds.
    resets_in_ms: u64,
}

/// The targets, by provider and model.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetList {
    /// Each that the settings name, or that something is in flight to.
    targets: Vec<TargetView>,
}

impl TargetView {
    fn new(target: &TargetSnapshot, now: Instant) -> Self {
        let (standing, back) = match target.standing {
            Standing::In => (StandingWord::In, None),
            Standing::Trial => (StandingWord::Trial, None),
            Standing::Probing => (StandingWord::Probing, None),
            Standing::Ejected { until } => (StandingWord::Ejected, Some(until)),
            Standing::Resting { until } => (StandingWord::Resting, Some(until)),
        };
        let quotas = target.quotas.iter();
        Self {
            provider: target.key.provider.to_string(),
            upstream_model: target.key.upstream_model.to_string(),
            in_flight: target.in_flight,
            standing,
            back_in_ms: back.map(|back| millis(back.saturating_duration_since(now))),
            consecutive_failures: target.consecutive_failures,
            requests: target.lately.requests,
            failures: target.lately.failures,
            failure_ratio: target.lately.failure_ratio(),
            ejections: target.ejections,
            headroom: target.headroom,
            quotas: quotas
                .map(|(kind, quota)| QuotaView::new(*kind, quota, now))
                .collect(),
        }
    }
}

impl QuotaView {
    fn new(kind: QuotaKind, quota: &Quota, now: Instant) -> Self {
        Self {
            quota: kind.name(),
            limit: quota.limit,
            remaining: quota.remaining,
            resets_in_ms: millis(quota.reset.saturating_duration_since(now)),
        }
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// What is known of each target: whether it may be asked, how it did lately, and what is left of its quotas.
#[utoipa::path(
    get,
    path = "/targets",
    tag = openapi::ADMIN,
    responses((status = 200, description = "All that the settings name", body = TargetList))
)]
pub(super) async fn list_targets(gateway: web::Data<Gateway>) -> HttpResponse {
    let now = Instant::now();
    let targets = gateway.targets().snapshots(now);
    let targets = targets.iter().map(|target| TargetView::new(target, now));
    HttpResponse::Ok().json(TargetList {
        targets: targets.collect(),
    })
}
