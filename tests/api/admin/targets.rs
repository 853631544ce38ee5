//! What `/targets` says of each target, and the metrics of it.

use std::{net::SocketAddr, time::Duration};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use herald::{
    providers::ProviderId,
    routing::{outliers::AttemptResult, target_state::TargetState},
    settings::Settings,
    testkit::TestGateway,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::ask;

const SETTINGS: &str = r#"
[admin]
requests_per_second = 100000
[outliers]
consecutive_failures = 2
ejection = "1h"
ejection_max = "1h"
[[providers]]
id = "good"
kind = "replay"
[[providers]]
id = "bad"
kind = "replay"
[[models]]
id = "m"
targets = [{ provider = "good", model = "text" }]
[[models]]
id = "n"
targets = [{ provider = "bad", model = "text" }]
"#;

async fn listed(admin: SocketAddr) -> Vec<Value> {
    let mut reply = ask(admin, "GET /targets", &[]).await;
    assert_eq!(reply.status, 200);
    let body = reply.json().await;
    body["targets"].as_array().unwrap().clone()
}

fn target(gateway: &TestGateway, provider: &str) -> std::sync::Arc<TargetState> {
    let targets = gateway.gateway().targets();
    targets.state(&ProviderId::new(provider), "text")
}

fn tell(gateway: &TestGateway, provider: &str, head: &[(&'static str, &'static str)]) {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    let headers = HeaderMap::from_iter(head.iter().map(pair));
    let rules = gateway.gateway().settings().headroom;
    target(gateway, provider).note_head(200, &headers, Instant::now(), &rules);
}

/// Takes a time out that has just begun to run, and looks whether it is at most so long.
fn take_millis(value: &mut Value, most: Duration) {
    let millis = value.take().as_u64().unwrap();
    let most = u64::try_from(most.as_millis()).unwrap();
    assert!((most - 60_000..=most).contains(&millis), "{millis}");
}

#[actix_web::test]
async fn each_target_of_the_settings_is_listed_before_anybody_asks_it() {
    let gateway = TestGateway::with_settings(SETTINGS).await;
    let fresh = |provider: &str| {
        json!({
            "provider": provider, "upstream_model": "text", "in_flight": 0, "standing": "in",
            "back_in_ms": null, "consecutive_failures": 0, "requests": 0, "failures": 0,
            "failure_ratio": null, "ejections": 0, "headroom": null, "quotas": []
        })
    };
    let listed = listed(gateway.admin_address()).await;
    assert_eq!(listed, [fresh("bad"), fresh("good")]);
}

#[actix_web::test]
async fn what_is_known_of_a_target_is_told_there_and_in_the_metrics() {
    let gateway = TestGateway::with_settings(SETTINGS).await;
    let admin = gateway.admin_address();
    let quota = [
        ("x-ratelimit-limit-tokens", "1000"),
        ("x-ratelimit-remaining-tokens", "250"),
        ("x-ratelimit-reset-tokens", "1h"),
    ];
    tell(&gateway, "good", &quota);
    let rules = gateway.gateway().settings().outliers;
    let mut in_flight = target(&gateway, "good").begin(Instant::now());
    in_flight.note(AttemptResult::Failed, Instant::now(), &rules);
    for _ in 0..2 {
        let mut failing = target(&gateway, "bad").begin(Instant::now());
        failing.note(AttemptResult::Failed, Instant::now(), &rules);
    }

    let mut listed = listed(admin).await;
    let hour = Duration::from_secs(3600);
    take_millis(&mut listed[0]["back_in_ms"], hour);
    take_millis(&mut listed[1]["quotas"][0]["resets_in_ms"], hour);
    let expected = [
        json!({
            "provider": "bad", "upstream_model": "text", "in_flight": 0, "standing": "ejected",
            "back_in_ms": null, "consecutive_failures": 0, "requests": 0, "failures": 0,
            "failure_ratio": null, "ejections": 1, "headroom": null, "quotas": []
        }),
        json!({
            "provider": "good", "upstream_model": "text", "in_flight": 1, "standing": "in",
            "back_in_ms": null, "consecutive_failures": 1, "requests": 1, "failures": 1,
            "failure_ratio": 1.0, "ejections": 0, "headroom": 0.25,
            "quotas": [{ "quota": "tokens", "limit": 1000, "remaining": 250, "resets_in_ms": null }]
        }),
    ];
    assert_eq!(listed, expected);

    let text = ask(admin, "GET /metrics", &[]).await.text().await;
    for (name, provider, value) in [
        ("headroom", "good", "0.25"),
        ("in_flight", "good", "1"),
        ("in_flight", "bad", "0"),
        ("ejected", "good", "0"),
        ("ejected", "bad", "1"),
        ("ejections_total", "bad", "1"),
    ] {
        let labels = format!("provider=\"{provider}\",upstream_model=\"text\"");
        let sample = format!("herald_target_{name}{{{labels}}} {value}\n");
        assert!(text.contains(&sample), "{sample} in\n{text}");
    }
    assert!(!text.contains("herald_target_headroom{provider=\"bad\""));
}

#[actix_web::test]
async fn a_target_that_asks_for_a_rest_is_told_to_rest() {
    let gateway = TestGateway::with_settings(SETTINGS).await;
    tell(&gateway, "good", &[("retry-after", "3600")]);
    let mut listed = listed(gateway.admin_address()).await;
    assert_eq!(listed[1]["standing"], "resting");
    // Bounded by headroom.max_rest.
    take_millis(&mut listed[1]["back_in_ms"], Duration::from_secs(60));
}

#[actix_web::test]
async fn what_is_known_outlasts_a_reload_and_who_leaves_the_settings_is_gone_when_nothing_runs() {
    let gateway = TestGateway::with_settings(SETTINGS).await;
    let admin = gateway.admin_address();
    tell(&gateway, "good", &[("retry-after", "30")]);
    let running = target(&gateway, "bad").begin(Instant::now());
    let (without_bad, _) = SETTINGS.split_once("[[models]]\nid = \"n\"").unwrap();
    let settings = Settings::from_toml(without_bad).unwrap();
    let settings = settings.verify(&std::collections::HashMap::new()).unwrap();
    gateway.gateway().replace_settings(settings);
    let standings = |listed: &[Value]| {
        let told = |target: &Value| {
            let (provider, standing) = (&target["provider"], &target["standing"]);
            format!("{provider} {standing}").replace('"', "")
        };
        listed.iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(standings(&listed(admin).await), ["bad in", "good resting"]);
    drop(running);
    assert_eq!(standings(&listed(admin).await), ["good resting"]);
    let text = ask(admin, "GET /metrics", &[]).await.text().await;
    assert!(!text.contains("herald_target_in_flight{provider=\"bad\""));
}
