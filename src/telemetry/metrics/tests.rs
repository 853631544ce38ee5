use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use actix_web::http::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::Instant;

use super::*;
use crate::{
    Gateway,
    completion::TokenUsage,
    error::Origin,
    limits::redis::away::Away,
    metadata::FailedAttempt,
    providers::ProviderId,
    routing::outliers::AttemptResult,
    settings::Settings,
    streams::Phase,
    telemetry::finished_request::Served,
    upstream::{UpstreamError, hold::HoldEnd, messages::Tally},
};

fn gateway() -> Gateway {
    let settings = Settings::from_toml("").unwrap();
    Gateway::new(settings.verify(&HashMap::new()).unwrap())
}

fn served() -> Served {
    Served {
        generation: 1,
        model: "m".into(),
        provider: "p".into(),
        upstream_model: "theirs".to_owned(),
        stream: true,
    }
}

/// A stream of two seconds that ended so.
fn stream(served: &Served, outcome: Outcome) -> FinishedRequest<'_> {
    let second = Duration::from_secs(1);
    FinishedRequest {
        lost_fields: 0,
        id: "id-of-a-request",
        method: "POST",
        key: None,
        path: "/path-of-a-request",
        outcome,
        status: Some(StatusCode::OK),
        upstream_status: Some(200),
        next_request_id: None,
        hop_failure: None,
        served: Some(served),
        attempts: 1,
        failed_attempts: &[],
        time_to_head: Some(second / 2),
        duration: 2 * second,
        bytes: 70,
        tally: Tally {
            lost_parts: 0,
            events: 3,
            empty_events: 1,
            replaced_utf8: 2,
            time_to_first_event: Some(second),
            hold: Some(HoldEnd::Event),
            usage: Some(TokenUsage {
                prompt_tokens: 5,
                completion_tokens: 7,
                ..TokenUsage::default()
            }),
        },
        lost_headers: (4, 6),
        phase: Some(Phase::Streaming),
    }
}

fn failed(code: &'static str) -> Outcome {
    let origin = Origin::Upstream;
    Outcome::Failed { code, origin }
}

/// An attempt that another one followed, at a replay provider of the defaults.
fn failed_attempt() -> FailedAttempt {
    let gateway = gateway();
    let settings = gateway.settings();
    let model = settings.models.iter().next().unwrap();
    FailedAttempt {
        number: 1,
        target: Arc::clone(model.first_target()),
        received: Some(503),
        error: UpstreamError::Reset,
        took: Duration::from_secs(1),
    }
}

/// A gateway in which everything has happened that is counted.
fn busy() -> Gateway {
    let gateway = gateway();
    let metrics = gateway.metrics();
    let served = served();
    metrics.record(&FinishedRequest {
        failed_attempts: &[failed_attempt()],
        ..stream(&served, Outcome::Completed)
    });
    for outcome in [
        failed("upstream_idle"),
        Outcome::Cancelled,
        Outcome::Stalled,
    ] {
        metrics.record(&stream(&served, outcome));
    }
    metrics.record(&FinishedRequest {
        served: None,
        ..stream(&served, Outcome::Completed)
    });
    metrics.reload(ReloadResult::Refused);
    metrics.limited(LimitScope::Key, LimitKind::Tokens);
    metrics.refused_admin("token_wrong");
    let counters = gateway.limits().counters();
    counters.backend_failed(Away::Tls);
    counters.decided_locally();
    let target = gateway.targets().state(&ProviderId::new("replay"), "text");
    let (now, settings) = (Instant::now(), gateway.settings());
    let quota = [("limit", "100"), ("remaining", "50"), ("reset", "1h")].map(|(what, value)| {
        let name = HeaderName::from_bytes(format!("x-ratelimit-{what}").as_bytes()).unwrap();
        (name, HeaderValue::from_static(value))
    });
    target.note_head(200, &HeaderMap::from_iter(quota), now, &settings.headroom);
    for _ in 0..settings.outliers.consecutive_failures {
        let mut attempt = target.begin(now);
        attempt.note(AttemptResult::Failed, now, &settings.outliers);
    }
    let millisecond = Duration::from_millis(1);
    counters.round_trips().observe("reserve", millisecond);
    gateway
}

/// The value of a sample.
fn sample(text: &str, name_and_labels: &str) -> Option<f64> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name_and_labels)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}

/// Family → its type and its labels, as the text has them.
fn families(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        if let Some(header) = line.strip_prefix("# TYPE ") {
            let (name, kind) = header.split_once(' ').unwrap();
            let name = match kind {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name.to_owned(),
            };
            found.insert(name, (kind.to_owned(), BTreeSet::new()));
        } else if let Some((name, labels)) = line.split_once('{') {
            let family = ["_bucket", ""].iter().find_map(|suffix| {
                let family = name.strip_suffix(suffix)?;
                found.contains_key(family).then(|| family.to_owned())
            });
            let Some(family) = family.and_then(|family| found.get_mut(&family)) else {
                continue;
            };
            let (labels, _) = labels.split_once('}').unwrap();
            let names = labels.split(',').filter_map(|label| label.split_once('='));
            let names = names.map(|(name, _)| name.to_owned());
            family.1.extend(names.filter(|name| name != "le"));
        }
    }
    found
}

#[test]
fn the_page_has_each_family_with_its_type_and_its_labels_and_no_other() {
    let gateway = busy();
    let text = gateway.metrics_text(TextFormat::OpenMetrics);
    let page = include_str!("../../../docs/metrics.md");
    let rows = page.lines().filter_map(|line| {
        // A bar within a cell is escaped.
        let line = line.replace("\\|", "");
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let name = cells.get(1)?.strip_prefix("`herald_")?.strip_suffix('`')?;
        assert_eq!(cells.len(), 7, "{line}");
        let labels = cells[3].split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned());
        let row = (cells[2].to_owned(), labels.collect());
        Some((format!("herald_{name}"), row))
    });
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), families(&text));
}

#[test]
fn everything_that_is_registered_has_happened_in_these_tests() {
    let gateway = busy();
    let text = gateway.metrics_text(TextFormat::OpenMetrics);
    for name in &gateway.metrics().catalogue.names {
        let header = format!("# TYPE {name} ");
        assert!(text.contains(&header), "{name} is not in\n{text}");
    }
}

#[test]
fn an_attempt_that_another_one_followed_is_counted_by_its_own_provider() {
    let (gateway, served, failed) = (gateway(), served(), [failed_attempt()]);
    gateway.metrics().record(&FinishedRequest {
        attempts: 2,
        failed_attempts: &failed,
        ..stream(&served, Outcome::Completed)
    });
    let text = gateway.metrics_text(TextFormat::OpenMetrics);
    for name in [
        r#"attempts_total{provider="p",model="m"}"#,
        r#"attempts_total{provider="replay",model="m"}"#,
        r#"failed_attempts_total{provider="replay",model="m",code="upstream_reset",origin="upstream"}"#,
        r#"requests_total{provider="p",model="m",outcome="completed"}"#,
    ] {
        assert_eq!(
            sample(&text, &format!("herald_{name}")),
            Some(1.0),
            "{name} in\n{text}"
        );
    }
}

#[test]
fn a_request_that_is_over_is_counted_and_measured_once() {
    let gateway = gateway();
    let served = served();
    gateway
        .metrics()
        .record(&stream(&served, Outcome::Completed));
    let text = gateway.metrics_text(TextFormat::OpenMetrics);
    let target = r#"provider="p",model="m""#;
    for (name, labels, value) in [
        ("requests_total", r#",outcome="completed""#, 1.0),
        ("attempts_total", "", 1.0),
        ("events_total", "", 3.0),
        ("altered_events_total", r#",change="empty_dropped""#, 1.0),
        ("altered_events_total", r#",change="utf8_replaced""#, 2.0),
        ("response_bytes_total", "", 70.0),
        ("tokens_total", r#",kind="prompt""#, 5.0),
        ("tokens_total", r#",kind="completion""#, 7.0),
        ("holds_total", r#",ended="event""#, 1.0),
        ("time_to_head_seconds_sum", "", 0.5),
        ("time_to_first_event_seconds_sum", "", 1.0),
        ("request_duration_seconds_sum", "", 2.0),
        ("request_duration_seconds_count", "", 1.0),
    ] {
        let name = format!("herald_{name}{{{target}{labels}}}");
        assert_eq!(sample(&text, &name), Some(value), "{name} in\n{text}");
    }
    for (name, value) in [
        (
            r#"responses_total{provider="p",status="200",upstream_status="200"}"#,
            1.0,
        ),
        (
            r#"withheld_headers_total{provider="p",reason="over_cap"}"#,
            4.0,
        ),
        (
            r#"withheld_headers_total{provider="p",reason="invalid"}"#,
            6.0,
        ),
    ] {
        let name = format!("herald_{name}");
        assert_eq!(sample(&text, &name), Some(value), "{name} in\n{text}");
    }
    for absent in ["failures", "expired_clocks", "client_disconnects"] {
        assert!(
            !text.contains(&format!("herald_{absent}_total")),
            "{absent}"
        );
    }
}

#[test]
fn what_gathers_elsewhere_is_looked_up_as_it_stands_and_added_only_once() {
    let gateway = busy();
    gateway.limits().counters().backend_failed(Away::Tls);
    for _ in 0..2 {
        let text = gateway.metrics_text(TextFormat::OpenMetrics);
        for (name, value) in [
            (r#"backend_errors_total{reason="tls"}"#, 2.0),
            (r#"fallbacks_total{policy="local"}"#, 1.0),
            ("lost_corrections_total", 0.0),
            ("backend_up", 1.0),
            (r#"round_trip_seconds_sum{asked="reserve"}"#, 0.001),
        ] {
            let name = format!("herald_limits_{name}");
            assert_eq!(sample(&text, &name), Some(value), "{name} in\n{text}");
        }
    }
}

#[test]
fn each_clock_is_counted_under_its_settings_last_word() {
    for (outcome, clock) in [
        (failed("upstream_connect"), Some("connect")),
        (failed("upstream_head"), Some("head")),
        (failed("upstream_first_event"), Some("first_event")),
        (failed("upstream_idle"), Some("idle")),
        (failed("upstream_total"), Some("total")),
        (failed("request_timeout"), Some("request_body")),
        (Outcome::Stalled, Some("client_write")),
        (failed("upstream_timeout"), None),
        (Outcome::Completed, None),
        (Outcome::Cancelled, None),
    ] {
        let gateway = gateway();
        gateway.metrics().record(&stream(&served(), outcome));
        let text = gateway.metrics_text(TextFormat::OpenMetrics);
        let counted = text.lines().find_map(|line| {
            let labels = line.strip_prefix("herald_expired_clocks_total{")?;
            labels.split_once("clock=\"")?.1.split_once('"')
        });
        assert_eq!(counted.map(|(name, _)| name), clock, "{outcome:?}");
    }
}

#[test]
fn no_status_that_a_provider_invents_makes_a_label_of_its_own() {
    let gateway = gateway();
    let served = served();
    for status in [0, 99, 600, 999, u16::MAX] {
        gateway.metrics().record(&FinishedRequest {
            upstream_status: Some(status),
            ..stream(&served, Outcome::Completed)
        });
    }
    let text = gateway.metrics_text(TextFormat::OpenMetrics);
    let name = r#"herald_responses_total{provider="p",status="200",upstream_status="other"}"#;
    assert_eq!(sample(&text, name), Some(5.0));
}

#[test]
fn a_request_that_no_provider_was_asked_for_is_unknown_and_in_no_histogram() {
    let gateway = gateway();
    let served = served();
    gateway.metrics().record(&FinishedRequest {
        served: None,
        upstream_status: None,
        next_request_id: None,
        hop_failure: None,
        ..stream(&served, failed("unknown_url"))
    });
    let text = gateway.metrics_text(TextFormat::OpenMetrics);
    let name = r#"herald_requests_total{provider="unknown",model="unknown",outcome="failed"}"#;
    assert_eq!(sample(&text, name), Some(1.0));
    let name = r#"herald_responses_total{provider="unknown",status="200",upstream_status="none"}"#;
    assert_eq!(sample(&text, name), Some(1.0));
    // The workers' own histogram is there, and has measured none.
    assert!(!text.contains("_seconds_bucket{provider"), "{text}");
    assert_eq!(sample(&text, "herald_worker_lag_seconds_count"), Some(0.0));
    for said in ["id-of-a-request", "path-of-a-request"] {
        assert!(!text.contains(said), "{said}");
    }
}
