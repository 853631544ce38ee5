//! What `/metrics` says after each outcome.

use std::net::SocketAddr;

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};
use tokio::time::{Duration, timeout};

use super::ask;
use crate::support::{chat, completion_request, stream_request};

async fn text(admin: SocketAddr) -> String {
    let mut reply = ask(admin, "GET /metrics", &[]).await;
    assert_eq!(reply.status, 200);
    let media_type = reply.header("content-type").unwrap();
    assert_eq!(media_type, "text/plain; version=0.0.4; charset=utf-8");
    reply.text().await
}

/// The sum of the samples of a family whose labels hold all of these.
fn sum(text: &str, family: &str, labels: &[&str]) -> f64 {
    let samples = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(&format!("herald_{family}"))?;
        let (found, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.split_once("} ")?,
            None => ("", rest.strip_prefix(' ')?),
        };
        let is_it = labels.iter().all(|label| found.contains(label));
        is_it.then(|| value.parse::<f64>().unwrap())
    });
    samples.sum()
}

/// Waits until so many requests are over, and gives the text.
async fn after(admin: SocketAddr, requests: f64) -> String {
    let counted = async {
        loop {
            let text = text(admin).await;
            if sum(&text, "requests_total", &[]) >= requests {
                return text;
            }
        }
    };
    let counted = timeout(Duration::from_secs(10), counted).await;
    counted.expect("the requests are not counted within ten seconds")
}

#[actix_web::test]
async fn each_outcome_is_counted_where_it_belongs() {
    let large = "x".repeat(16 * 1024);
    let provider = ScriptedProvider::start([
        Script::chat(["Hel", "lo"]),
        Script::json(200, scripted::completion("a")),
        Script::json(429, scripted::error("slow down", "rate_limit_error")),
        Script::sse().event(scripted::text("a")).close(),
        Script::sse().event(scripted::text("a")).stall(),
        Script::sse().stall(),
        Script::sse().flood(scripted::text(&large), 10_000).done(),
    ])
    .await;
    let settings = "[admin]\nrequests_per_second = 100000\n\
                    [clocks]\nhead = \"1s\"\nclient_write = \"300ms\"\n";
    let gateway = TestGateway::tuned(&provider, settings).await;
    let (public, admin) = (gateway.address(), gateway.admin_address());

    chat(public, &stream_request()).await.events().await;
    chat(public, &completion_request()).await.text().await;
    let text = after(admin, 2.0).await;
    let target = r#"provider="scripted",model="scripted-model""#;
    let completed = [target, r#"outcome="completed""#];
    assert_eq!(sum(&text, "requests_total", &completed), 2.0);
    assert_eq!(sum(&text, "failures_total", &[]), 0.0);
    // Four events, the end marker among them: no hold is known of a document.
    assert_eq!(sum(&text, "events_total", &[target]), 5.0);
    assert_eq!(sum(&text, "holds_total", &[r#"ended="event""#]), 1.0);
    assert_eq!(sum(&text, "request_duration_seconds_count", &[target]), 2.0);
    assert_eq!(sum(&text, "time_to_first_event_seconds_count", &[]), 1.0);

    // Failed before the head.
    chat(public, &stream_request()).await.text().await;
    // Failed in the stream.
    chat(public, &stream_request()).await.events().await;
    let text = after(admin, 4.0).await;
    let limited = r#"code="upstream_rate_limited""#;
    assert_eq!(sum(&text, "failures_total", &[target, limited]), 1.0);
    let cut = r#"code="upstream_truncated",origin="upstream""#;
    assert_eq!(sum(&text, "failures_total", &[target, cut]), 1.0);
    let pair = r#"status="429",upstream_status="429""#;
    assert_eq!(sum(&text, "responses_total", &[pair]), 1.0);

    // The client leaves.
    let mut left = chat(public, &stream_request()).await;
    left.chunk().await.unwrap();
    drop(left);
    let text = after(admin, 5.0).await;
    let streaming = r#"phase="streaming""#;
    assert_eq!(sum(&text, "client_disconnects_total", &[streaming]), 1.0);

    // A clock runs out.
    chat(public, &stream_request()).await.text().await;
    let text = after(admin, 6.0).await;
    let head = r#"clock="head""#;
    assert_eq!(sum(&text, "expired_clocks_total", &[target, head]), 1.0);
    let pair = r#"status="504",upstream_status="none""#;
    assert_eq!(sum(&text, "responses_total", &[pair]), 1.0);

    // The client takes nothing.
    let stalled = chat(public, &stream_request()).await;
    let text = after(admin, 7.0).await;
    let client_write = r#"clock="client_write""#;
    assert_eq!(sum(&text, "expired_clocks_total", &[client_write]), 1.0);
    assert_eq!(sum(&text, "requests_total", &[r#"outcome="stalled""#]), 1.0);
    drop(stalled);
    assert_eq!(sum(&text, "open_streams", &[]), 0.0);
    assert_eq!(sum(&text, "queued_bytes", &[]), 0.0);
}

#[actix_web::test]
async fn a_name_that_a_caller_invents_becomes_no_label() {
    let gateway = TestGateway::start().await;
    let request = serde_json::json!({ "model": "invented-model", "messages": [] });
    chat(gateway.address(), &request).await.text().await;
    ask(gateway.address(), "GET /invented-path", &[]).await;
    let text = after(gateway.admin_address(), 2.0).await;
    assert!(!text.contains("invented"), "{text}");
    let unknown = r#"provider="unknown",model="unknown""#;
    assert_eq!(sum(&text, "requests_total", &[unknown]), 2.0);
}

#[actix_web::test]
async fn an_open_stream_is_seen_in_the_gauges_and_in_no_count() {
    let script = Script::sse().event(scripted::text("a")).stall();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    reply.chunk().await.unwrap();
    let text = text(gateway.admin_address()).await;
    assert_eq!(sum(&text, "open_streams", &[r#"phase="streaming""#]), 1.0);
    assert_eq!(sum(&text, "open_streams", &[]), 1.0);
    assert_eq!(sum(&text, "requests_total", &[]), 0.0);
    assert_eq!(sum(&text, "ready", &[]), 1.0);
    assert_eq!(sum(&text, "settings_generation", &[]), 1.0);
}

#[actix_web::test]
async fn a_scraper_that_reads_openmetrics_gets_it() {
    let gateway = TestGateway::start().await;
    let accept = [(
        "accept",
        "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
    )];
    let mut reply = ask(gateway.admin_address(), "GET /metrics", &accept).await;
    let media_type = reply.header("content-type").unwrap();
    assert!(media_type.starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(reply.text().await.ends_with("# EOF\n"));
}
