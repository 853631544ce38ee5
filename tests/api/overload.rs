//! What a Herald does whose workers have more to do than they can. Their lag is pretended.

use std::time::Duration;

use herald::testkit::{Gate, Script, ScriptedProvider, TestGateway, chat as scripted};

use crate::support::{
    Client, LogLines, Reply, chat, completion_request, gated_stream, stream_request,
};

/// So late that all are refused.
const LATE: Duration = Duration::from_secs(10);

/// Asks until the worker has measured for long enough that it is late; the first refusal.
async fn until_refused(gateway: &TestGateway) -> Reply {
    gateway.gateway().pretend_lag(LATE);
    until(gateway, 503).await
}

/// Asks until an answer has this status.
async fn until(gateway: &TestGateway, status: u16) -> Reply {
    for _ in 0..100_000 {
        let reply = chat(gateway.address(), &completion_request()).await;
        if reply.status == status {
            return reply;
        }
    }
    panic!("no answer was {status}");
}

fn provider() -> Script {
    Script::json(200, scripted::completion("Hi")).repeat()
}

#[actix_web::test]
async fn a_worker_that_stays_late_refuses_new_completions_and_goes_on_with_those_that_run() {
    let lines = LogLines::collect();
    let gate = Gate::new();
    let provider = ScriptedProvider::start([gated_stream(&gate), provider()]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut running = chat(gateway.address(), &stream_request()).await;
    assert_eq!(running.status, 200);

    let mut refused = until_refused(&gateway).await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("x-upstream-status"), None);
    assert_eq!(
        refused.header("proxy-status"),
        Some(r#"herald;error=http_request_denied;details="gateway_overloaded""#)
    );
    let error = &refused.json().await["error"];
    assert_eq!(error["code"], "gateway_overloaded");
    assert_eq!(error["type"], "gateway_limit");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("server.overload_lag"), "{message}");
    let line = lines
        .of(refused.header("x-herald-request-id").unwrap())
        .await;
    assert_eq!(line["error_code"], "gateway_overloaded");
    assert_eq!(line["error_origin"], "gateway");

    // The connection is good for the next.
    assert_eq!(refused.header("connection"), None);
    let mut client = refused.into_client();
    client.post_chat(&completion_request()).await;
    assert_eq!(client.reply().await.status, 503);

    gate.open();
    assert_eq!(running.events().await.last().unwrap(), "[DONE]");
    gateway.gateway().pretend_lag(Duration::ZERO);
    until(&gateway, 200).await;
}

#[actix_web::test]
async fn nothing_of_a_refused_request_is_looked_at_and_each_dialect_has_its_shape() {
    let provider = ScriptedProvider::start([provider()]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    until_refused(&gateway).await;
    let asked = provider.requests().len();
    // No JSON, no model and no key: each would be another error.
    for (path, said) in [
        ("/v1/chat/completions", r#""type":"gateway_limit""#),
        ("/v1/completions", r#""type":"gateway_limit""#),
        ("/v1/responses", r#""type":"gateway_limit""#),
        ("/v1/embeddings", r#""type":"gateway_limit""#),
        ("/v1/messages", r#""type":"overloaded_error""#),
        ("/v1/messages/count_tokens", r#""type":"overloaded_error""#),
        ("/.api/completions/stream", "server.overload_lag"),
        ("/.api/completions/code", "server.overload_lag"),
        ("/.api/llm/chat/completions", "server.overload_lag"),
    ] {
        let mut client = Client::connect(gateway.address()).await;
        client.post_to(path, &"no object".into(), &[]).await;
        let mut reply = client.reply().await;
        assert_eq!(reply.status, 503, "{path}");
        assert_eq!(reply.header("retry-after"), Some("1"), "{path}");
        assert!(reply.header("proxy-status").is_some(), "{path}");
        let text = reply.text().await;
        assert!(text.contains(said), "{path}: {text}");
    }
    assert_eq!(provider.requests().len(), asked);
    for path in ["/health/live", "/health/ready", "/v1/models"] {
        let mut client = Client::connect(gateway.address()).await;
        client
            .send(format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n"))
            .await;
        assert_eq!(client.reply().await.status, 200, "{path}");
    }
    let metrics = gateway
        .gateway()
        .metrics_text(herald::telemetry::metrics::TextFormat::Prometheus);
    let counted = r#"herald_limited_total{scope="global",limit="lag"} 10"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[actix_web::test]
async fn a_lag_of_zero_refuses_nobody_and_is_taken_while_herald_runs() {
    let provider = ScriptedProvider::start([provider()]).await;
    let off = "[server]\noverload_lag = \"0s\"\n";
    let gateway = TestGateway::in_front_of(&provider).await;
    let without = TestGateway::tuned(&provider, off).await;
    until_refused(&gateway).await;
    let settings = herald::settings::VerifiedSettings::clone(&without.gateway().settings());
    gateway.gateway().replace_settings(settings);
    for _ in 0..3 {
        let reply = chat(gateway.address(), &completion_request()).await;
        assert_eq!(reply.status, 200);
    }
}
