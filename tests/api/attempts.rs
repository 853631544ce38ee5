//! Attempts at several targets before the commit, what the client is told of them, and none after it.

use herald::testkit::{Gate, Script, ScriptedProvider, TestGateway, chat as scripted};
use serde_json::Value;

use crate::support::{Client, LogLines, Reply, chat, completion_request, stream_request};

/// A gateway whose model `m` has these targets, each at a provider of its own: `a`, `b` and so on.
async fn gateway(settings: &str, providers: &[&ScriptedProvider], targets: &str) -> TestGateway {
    let mut toml = settings.to_owned();
    for (id, provider) in ["a", "b", "c", "d"].iter().zip(providers) {
        toml.push_str(&format!(
            "\n[[providers]]\nid = \"{id}\"\nkind = \"openai\"\nbase_url = \"{}\"\n",
            provider.base_url()
        ));
    }
    toml.push_str(&format!("[[models]]\nid = \"m\"\ntargets = [{targets}]\n"));
    TestGateway::with_settings(&toml).await
}

/// `a` first, and `b` where it does not serve.
const A_THEN_B: &str =
    r#"{ provider = "a", model = "x" }, { provider = "b", model = "y", group = 1 }"#;

fn asking(mut request: Value) -> Value {
    request["model"] = "m".into();
    request
}

async fn stream(gateway: &TestGateway) -> Reply {
    chat(gateway.address(), &asking(stream_request())).await
}

fn good() -> Script {
    Script::chat(["fine"]).header("x-request-id", "of-b")
}

/// Every way to fail that another attempt mends by default, and how it is told.
fn failures() -> Vec<(Script, &'static str, &'static str)> {
    let of_a = |script: Script| script.header("x-request-id", "of-a");
    let status = |status| of_a(Script::json(status, scripted::error("no", "nope")));
    let in_stream = |error: &str| {
        of_a(Script::sse())
            .event(scripted::role())
            .event(error)
            .finish()
    };
    vec![
        (status(429), "upstream_rate_limited", "received-status=429"),
        (status(500), "upstream_error", "received-status=500"),
        (status(529), "upstream_overloaded", "received-status=529"),
        (
            in_stream(r#"{"error":{"message":"hm"}}"#),
            "upstream_error_event",
            "received-status=200",
        ),
        (
            in_stream(r#"{"error":{"message":"hm","code":"503"}}"#),
            "upstream_error_event",
            "received-status=200",
        ),
        (
            of_a(Script::sse()).event(scripted::role()).finish(),
            "upstream_empty",
            "received-status=200",
        ),
        (
            Script::json(200, "<html>").header("content-type", "text/html"),
            "upstream_not_a_stream",
            "received-status=200",
        ),
        (
            Script::raw().close(),
            "upstream_reset",
            "error=connection_terminated",
        ),
        (
            Script::raw().bytes("HTTP/1.1 200\u{0}\r\n\r\n").close(),
            "upstream_bad_head",
            "error=http_protocol_error",
        ),
    ]
}

#[actix_web::test]
async fn what_fails_before_the_commit_is_asked_of_the_next_group_and_only_the_one_that_serves_speaks()
 {
    for (script, code, told) in failures() {
        let a = ScriptedProvider::start([script]).await;
        let b = ScriptedProvider::start([good()]).await;
        let gateway = gateway("[clocks]\nhold = \"5s\"\n", &[&a, &b], A_THEN_B).await;
        let mut reply = stream(&gateway).await;
        assert_eq!(reply.status, 200, "{code}");
        assert_eq!(reply.header("x-upstream-status"), Some("200"));
        assert_eq!(reply.header("x-upstream-provider"), Some("b"));
        assert_eq!(reply.header("x-upstream-model"), Some("y"));
        assert_eq!(reply.header_values("x-request-id"), ["of-b"], "{code}");
        assert_eq!(reply.header("x-herald-attempts"), Some("2"));
        let proxy_status = reply.header("proxy-status").unwrap();
        let own = format!(r#"details="attempt 1, a: {code}", herald;received-status=200"#);
        assert!(proxy_status.ends_with(&own), "{code}: {proxy_status}");
        assert!(proxy_status.contains(told), "{code}: {proxy_status}");
        let timing = reply.header("server-timing").unwrap();
        assert!(timing.starts_with("attempt1;dur="), "{timing}");
        assert!(timing.contains(r#";desc="a", connect;dur="#), "{timing}");
        let events = reply.events().await;
        assert_eq!(events.last().unwrap(), "[DONE]");
        assert!(!events.concat().contains("hm"), "{events:?}");
        assert_eq!((a.requests().len(), b.requests().len()), (1, 1), "{code}");
    }
}

#[actix_web::test]
async fn a_target_that_refuses_the_connection_or_has_no_name_is_passed_over() {
    let b = ScriptedProvider::start([good(), good()]).await;
    let port = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap().port()
    };
    for (base_url, error) in [
        (format!("http://127.0.0.1:{port}/v1"), "connection_refused"),
        ("http://herald-test.invalid/v1".to_owned(), "dns_error"),
    ] {
        let gateway = TestGateway::with_settings(&format!(
            "[[providers]]\nid = \"a\"\nkind = \"openai\"\nbase_url = \"{base_url}\"\n\
             [[providers]]\nid = \"b\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
             [[models]]\nid = \"m\"\ntargets = [{A_THEN_B}]\n",
            b.base_url()
        ))
        .await;
        let mut reply = stream(&gateway).await;
        assert_eq!(reply.status, 200);
        let proxy_status = reply.header("proxy-status").unwrap();
        assert!(
            proxy_status.starts_with(&format!("herald;error={error};details=")),
            "{proxy_status}"
        );
        reply.events().await;
    }
}

#[actix_web::test]
async fn a_document_falls_back_as_a_stream_does() {
    let a = ScriptedProvider::start([Script::json(200, r#"{"id":"cut"#)]).await;
    let b = ScriptedProvider::start([Script::json(200, scripted::completion("fine"))]).await;
    let gateway = gateway("", &[&a, &b], A_THEN_B).await;
    let mut reply = chat(gateway.address(), &asking(completion_request())).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-herald-attempts"), Some("2"));
    assert_eq!(reply.text().await, scripted::completion("fine"));
    let sent: Value = serde_json::from_slice(&b.requests()[0].body).unwrap();
    assert_eq!(sent["model"], "y", "each target is asked for its own name");
}

#[actix_web::test]
async fn where_all_fail_the_last_one_speaks_and_the_others_are_told_of() {
    let failing = |status: u16, id: &str| {
        Script::json(status, scripted::error("no", "nope")).header("x-request-id", id)
    };
    let a = ScriptedProvider::start([failing(503, "of-a")]).await;
    let b = ScriptedProvider::start([failing(429, "of-b").header("retry-after", "7")]).await;
    let gateway = gateway("", &[&a, &b], A_THEN_B).await;
    let mut reply = stream(&gateway).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), Some("7"));
    assert_eq!(reply.header("x-request-id"), Some("of-b"));
    assert_eq!(reply.header("x-upstream-status"), Some("429"));
    assert_eq!(
        reply.header("proxy-status"),
        Some(concat!(
            r#"herald;received-status=503;details="attempt 1, a: upstream_overloaded", "#,
            r#"herald;received-status=429;details="upstream_rate_limited""#
        ))
    );
    let body = reply.json().await;
    assert_eq!(body["upstream"]["provider"], "b");
}

#[actix_web::test]
async fn a_refusal_of_the_request_itself_is_told_at_once() {
    for status in [400, 401, 403, 404, 413, 422] {
        let a =
            ScriptedProvider::start([Script::json(status, scripted::error("no", "nope"))]).await;
        let b = ScriptedProvider::start([good()]).await;
        let gateway = gateway("", &[&a, &b], A_THEN_B).await;
        let reply = stream(&gateway).await;
        let told = status.to_string();
        assert_eq!(reply.header("x-upstream-status"), Some(&*told));
        assert_eq!(reply.header("x-herald-attempts"), None);
        assert_eq!(b.requests().len(), 0, "{status}");
    }
}

#[actix_web::test]
async fn after_the_commit_there_is_no_second_attempt_whatever_happens() {
    let scripts = [
        Script::sse()
            .event(scripted::text("a"))
            .event(r#"{"error":{"message":"hm"}}"#)
            .finish(),
        Script::sse().event(scripted::text("a")).reset(),
        Script::sse().event(scripted::text("a")).close(),
    ];
    for script in scripts {
        let a = ScriptedProvider::start([script]).await;
        let b = ScriptedProvider::start([good()]).await;
        let gateway = gateway("", &[&a, &b], A_THEN_B).await;
        let mut reply = stream(&gateway).await;
        assert_eq!(reply.status, 200);
        let (events, _) = reply.rest().await;
        assert!(events.concat().contains("error"), "{events:?}");
        assert!(!events.concat().contains("[DONE]"), "{events:?}");
        assert_eq!(b.requests().len(), 0);
    }
}

#[actix_web::test]
async fn a_clock_that_runs_out_calls_for_another_attempt_only_where_the_settings_say_so() {
    for (clock, class, script) in [
        ("head = \"50ms\"", "head", Script::raw().stall()),
        (
            "first_event = \"50ms\"\nhold = \"50ms\"",
            "first_event",
            Script::sse().head().stall(),
        ),
    ] {
        for named in [false, true] {
            let a = ScriptedProvider::start([script.clone()]).await;
            let b = ScriptedProvider::start([good()]).await;
            let on = if named { class } else { "connect" };
            let settings = format!("[clocks]\n{clock}\n[attempts]\non = [\"{on}\"]\n");
            let gateway = gateway(&settings, &[&a, &b], A_THEN_B).await;
            let reply = stream(&gateway).await;
            let expected = if named { (200, Some("2")) } else { (504, None) };
            assert_eq!(
                (reply.status, reply.header("x-herald-attempts")),
                expected,
                "{class}"
            );
        }
    }
}

#[actix_web::test]
async fn no_more_attempts_are_made_than_the_settings_allow() {
    let failing = || Script::json(500, "{}").repeat();
    let a = ScriptedProvider::start([failing()]).await;
    let b = ScriptedProvider::start([failing()]).await;
    let c = ScriptedProvider::start([failing()]).await;
    let targets = r#"{ provider = "a", model = "x" }, { provider = "b", model = "x", group = 1 }, { provider = "c", model = "x", group = 2 }"#;
    for (max, asked) in [(1, [1, 0, 0]), (2, [2, 1, 0]), (3, [3, 2, 1])] {
        let settings = format!("[attempts]\nmax = {max}\n[outliers]\nconsecutive_failures = 0\n");
        let gateway = gateway(&settings, &[&a, &b, &c], targets).await;
        let reply = stream(&gateway).await;
        assert_eq!(reply.status, 502);
        let counts = [&a, &b, &c].map(|provider| provider.requests().len());
        assert_eq!(counts, asked, "{max}");
    }
}

#[actix_web::test]
async fn the_same_target_is_asked_again_only_where_the_settings_say_so_and_after_what_it_asked_for()
{
    let slow_down = || Script::json(429, "{}").header("retry-after-ms", "20");
    for (per_target, requests) in [(1, 1), (2, 2)] {
        let a = ScriptedProvider::start([slow_down(), good()]).await;
        let settings = format!("[attempts]\nper_target = {per_target}\nbackoff = \"1ms\"\n");
        let gateway = gateway(&settings, &[&a], r#"{ provider = "a", model = "x" }"#).await;
        let reply = stream(&gateway).await;
        assert_eq!(reply.status == 200, per_target == 2);
        assert_eq!(a.requests().len(), requests);
    }
    // A rest that is longer than is waited for ends it.
    let a = ScriptedProvider::start([Script::json(429, "{}").header("retry-after", "30"), good()])
        .await;
    let settings = "[attempts]\nper_target = 2\n";
    let gateway = gateway(settings, &[&a], r#"{ provider = "a", model = "x" }"#).await;
    let reply = stream(&gateway).await;
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (429, Some("30"))
    );
    assert_eq!(a.requests().len(), 1);
}

#[actix_web::test]
async fn repeats_at_one_provider_have_a_budget_and_falling_back_has_none() {
    let failing = || Script::json(500, "{}").repeat();
    let a = ScriptedProvider::start([failing()]).await;
    let b = ScriptedProvider::start([good().repeat()]).await;
    let settings = "[attempts]\nper_target = 2\nbudget = 0.0\nbudget_min = 3\nbackoff = \"0s\"\n\
                    [outliers]\nconsecutive_failures = 0\n";
    let gateway = gateway(settings, &[&a, &b], A_THEN_B).await;
    for _ in 0..8 {
        let mut reply = stream(&gateway).await;
        assert_eq!(reply.status, 200);
        reply.events().await;
    }
    assert_eq!(a.requests().len(), 8 + 3);
    assert_eq!(b.requests().len(), 8);
}

#[actix_web::test]
async fn the_calls_time_bounds_all_attempts_and_their_waits() {
    let a = ScriptedProvider::start([Script::raw().stall()]).await;
    let b = ScriptedProvider::start([Script::raw().stall()]).await;
    let settings = "[clocks]\nhead = \"100ms\"\n[attempts]\non = [\"head\"]\n";
    let gateway = gateway(settings, &[&a, &b], A_THEN_B).await;
    let mut client = Client::connect(gateway.address()).await;
    client
        .post_chat_with(&asking(stream_request()), &[("x-timeout-ms", "150")])
        .await;
    let mut reply = client.reply().await;
    assert_eq!(reply.status, 504);
    let body = reply.json().await;
    assert_eq!(body["error"]["code"], "upstream_total");
    assert_eq!(b.requests().len(), 1);
}

#[actix_web::test]
async fn a_client_that_leaves_ends_the_attempt_that_runs_and_none_follows() {
    let gate = Gate::new();
    let a = ScriptedProvider::start([Script::json(503, "{}")]).await;
    let b = ScriptedProvider::start([Script::sse().head().wait(&gate).finish()]).await;
    let c = ScriptedProvider::start([good()]).await;
    let targets = r#"{ provider = "a", model = "x" }, { provider = "b", model = "x", group = 1 }, { provider = "c", model = "x", group = 2 }"#;
    let gateway = gateway("[clocks]\nhold = \"60s\"\n", &[&a, &b, &c], targets).await;
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&asking(stream_request())).await;
    b.next_request().await;
    drop(client);
    b.caller_left().await;
    assert_eq!(c.requests().len(), 0);
}

#[actix_web::test]
async fn the_log_and_the_metrics_tell_of_every_attempt_by_its_own_provider() {
    let lines = LogLines::collect();
    let a = ScriptedProvider::start([Script::json(503, "{}")]).await;
    let b = ScriptedProvider::start([good()]).await;
    let gateway = gateway("", &[&a, &b], A_THEN_B).await;
    let mut reply = stream(&gateway).await;
    let id = reply.header("x-herald-request-id").unwrap().to_owned();
    reply.events().await;
    let line = lines.of(&id).await;
    assert_eq!(line["attempts"], "2");
    assert_eq!(line["failed_attempts"], "a:upstream_overloaded");
    assert_eq!((&*line["provider"], &*line["upstream_model"]), ("b", "y"));
    assert_eq!(line["outcome"], "completed");
    let mut client = Client::connect(gateway.admin_address()).await;
    client
        .send("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let metrics = client.reply().await.text().await;
    for row in [
        r#"herald_attempts_total{provider="a",model="m"} 1"#,
        r#"herald_attempts_total{provider="b",model="m"} 1"#,
        r#"herald_failed_attempts_total{provider="a",model="m",code="upstream_overloaded",origin="upstream"} 1"#,
    ] {
        assert!(metrics.contains(row), "{row}\n{metrics}");
    }
}

#[actix_web::test]
async fn a_target_that_cannot_serve_what_is_asked_is_passed_over() {
    let a = ScriptedProvider::start([]).await;
    let b = ScriptedProvider::start([Script::json(200, r#"{"object":"list","data":[]}"#)]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"a\"\nkind = \"anthropic\"\nbase_url = \"{}\"\n\
         [[providers]]\nid = \"b\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"m\"\ntargets = [{A_THEN_B}]\n",
        a.base_url(),
        b.base_url(),
    ))
    .await;
    let mut client = Client::connect(gateway.address()).await;
    let body = serde_json::json!({ "model": "m", "input": "hi" });
    client.post_to("/v1/embeddings", &body, &[]).await;
    let reply = client.reply().await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-herald-attempts"), None);
    assert_eq!(reply.header("x-upstream-provider"), Some("b"));
    assert_eq!(a.requests().len(), 0);
}

#[actix_web::test]
async fn a_provider_at_its_ceiling_is_passed_over() {
    let gate = Gate::new();
    let a = ScriptedProvider::start([Script::sse()
        .event(scripted::text("a"))
        .wait(&gate)
        .done()
        .finish()])
    .await;
    let b = ScriptedProvider::start([good()]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"a\"\nkind = \"openai\"\nmax_open = 1\nbase_url = \"{}\"\n\
         [[providers]]\nid = \"b\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"m\"\ntargets = [{A_THEN_B}]\n",
        a.base_url(),
        b.base_url(),
    ))
    .await;
    let first = stream(&gateway).await;
    assert_eq!(first.header("x-upstream-provider"), Some("a"));
    let second = stream(&gateway).await;
    assert_eq!(second.header("x-upstream-provider"), Some("b"));
    gate.open();
}
