//! Every fault behind the first Herald is told by the third as the first tells it.

use herald::testkit::{Framing, Script, ScriptedProvider, chat as scripted, messages};
use serde_json::{Value, json};

use crate::{
    client::Reply,
    heralds::{CHAT, Chain, ask, chat, provider},
};

/// Headers that must be the same, whoever of the chain is asked.
const SAME: [&str; 7] = [
    "x-upstream-status",
    "x-upstream-provider",
    "x-upstream-model",
    "retry-after",
    "x-should-retry",
    "x-request-id",
    "content-type",
];

/// What a client was told, by head and body.
struct Told {
    status: u16,
    headers: Vec<(&'static str, Option<String>)>,
    proxy_status: Option<String>,
    body: String,
}

impl Told {
    async fn by(mut reply: Reply) -> Self {
        let value = |name: &str| reply.header(name).map(str::to_owned);
        let headers = SAME.map(|name| (name, value(name))).to_vec();
        let proxy_status = value("proxy-status");
        let body = if reply.header("content-length").is_some() {
            reply.text().await
        } else {
            let (chunks, end) = reply.rest().await;
            format!("{}{end:?}", chunks.concat())
        };
        Self {
            status: reply.status,
            headers,
            proxy_status,
            body,
        }
    }
}

/// Asks the first and the third, and holds the one's account to the other's; gives the third's.
async fn told_alike(chain: &Chain, path: &str, request: &Value, what: &str) -> Told {
    let near = Told::by(ask(&chain.first, path, request).await).await;
    let far = Told::by(ask(&chain.third, path, request).await).await;
    assert_eq!(far.status, near.status, "{what}");
    assert_eq!(far.headers, near.headers, "{what}");
    assert_eq!(far.body, near.body, "{what}");
    let field = far.proxy_status.as_deref().unwrap_or_default();
    let members: Vec<_> = field.split(", ").collect();
    assert_eq!(members.len(), 3, "{what}: {field}");
    match &near.proxy_status {
        Some(first) => assert_eq!(members[0], first, "{what}"),
        // Asked by no Herald, the first tells of itself only where something failed.
        None => assert_eq!(members[0], "first;received-status=200", "{what}"),
    }
    for (member, name, next) in [(1, "second", "second-asks"), (2, "third", "third-asks")] {
        let begins = format!("{name};next-hop=\"{next}\";received-status={}", far.status);
        assert!(members[member].starts_with(&begins), "{what}: {field}");
    }
    far
}

/// A provider that plays the script for whoever asks.
async fn playing(script: Script) -> ScriptedProvider {
    ScriptedProvider::start([script.repeat()]).await
}

#[actix_web::test]
async fn every_status_of_the_provider_is_told_alike() {
    for status in [
        301, 400, 401, 402, 403, 404, 407, 408, 409, 413, 418, 422, 425, 429, 500, 502, 503, 504,
        529, 599,
    ] {
        let script = Script::json(status, scripted::error("why", "some_error"))
            .header("x-request-id", "req-1");
        let provider = playing(script).await;
        let chain = Chain::before(&provider, "").await;
        for stream in [true, false] {
            let what = format!("{status}, stream: {stream}");
            let told = told_alike(&chain, CHAT, &chat(stream), &what).await;
            let body: Value = serde_json::from_str(&told.body).unwrap();
            assert_eq!(body["upstream"]["status"], status, "{what}");
            assert_eq!(body["upstream"]["provider"], "first-asks", "{what}");
            assert!(
                told.headers
                    .contains(&("x-upstream-status", Some(status.to_string())))
            );
        }
    }
}

#[actix_web::test]
async fn a_key_that_the_provider_refuses_is_the_first_heralds_and_nobody_elses() {
    let provider = playing(Script::json(401, scripted::error("bad key", "auth"))).await;
    let chain = Chain::before(&provider, "").await;
    let told = told_alike(&chain, CHAT, &chat(true), "401").await;
    let body: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(told.status, 502);
    assert_eq!(body["error"]["code"], "upstream_auth");
    assert_eq!(
        body["error"]["message"],
        "provider `first-asks`: it answered with status 401: bad key"
    );
    assert!(
        told.headers
            .contains(&("x-should-retry", Some("false".to_owned())))
    );
    assert_eq!(
        told.proxy_status.unwrap(),
        "first;received-status=401;details=\"upstream_auth\", \
         second;next-hop=\"second-asks\";received-status=502;details=\"upstream_error\", \
         third;next-hop=\"third-asks\";received-status=502;details=\"upstream_error\""
    );
}

#[actix_web::test]
async fn a_providers_429_keeps_its_words_and_when_to_come_again() {
    let error = r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
    let provider = playing(Script::json(429, error).header("retry-after", "7")).await;
    let chain = Chain::before(&provider, "").await;
    let told = told_alike(&chain, CHAT, &chat(true), "429").await;
    assert_eq!(told.status, 429);
    assert!(
        told.headers
            .contains(&("retry-after", Some("7".to_owned())))
    );
    let body: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
}

/// Clocks of the first Herald that run out while a test waits.
const SHORT: &str = "[clocks]\nhead = \"200ms\"\nidle = \"300ms\"\nhold = \"20ms\"\n";

#[actix_web::test]
async fn a_provider_that_fails_before_any_content_is_told_alike() {
    let begun = || Script::sse().event(scripted::role());
    let huge = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(300_000));
    for (what, script, code) in [
        ("a slow head", Script::new().stall(), "upstream_head"),
        ("a reset", Script::raw().reset(), "upstream_reset"),
        ("an end", Script::raw().close(), "upstream_reset"),
        (
            "a bad head",
            Script::raw().bytes("HTTP/9 what\r\n\r\n").close(),
            "upstream_bad_head",
        ),
        (
            "a huge head",
            Script::raw().bytes(&huge).close(),
            "upstream_bad_head",
        ),
        (
            "an empty stream",
            Script::sse().head().finish(),
            "upstream_empty",
        ),
        (
            "a page",
            Script::new()
                .header("content-type", "text/html")
                .body("<p>hi"),
            "upstream_not_a_stream",
        ),
        (
            "no JSON",
            begun().event("what?").finish(),
            "upstream_bad_event",
        ),
        (
            "a coding",
            Script::sse()
                .header("content-encoding", "gzip")
                .event("{}")
                .finish(),
            "upstream_content_encoding",
        ),
    ] {
        let provider = playing(script).await;
        // The head waits, so that each of them is a status.
        let clocks = SHORT.replace("20ms", "10s");
        let chain = Chain::before(&provider, &clocks).await;
        let told = told_alike(&chain, CHAT, &chat(true), what).await;
        let body: Value = serde_json::from_str(&told.body).unwrap();
        assert_eq!(body["error"]["code"], code, "{what}");
        assert_eq!(body["upstream"]["code"], code, "{what}");
        assert!([502, 504].contains(&told.status), "{what}");
    }
}

#[actix_web::test]
async fn an_error_event_before_content_is_told_alike() {
    for (error, status) in [
        (scripted::error("busy", "overloaded_error"), 503),
        (scripted::error("odd", "never_heard_of"), 502),
        (scripted::error("slow down", "rate_limit_error"), 429),
    ] {
        let provider = playing(Script::sse().event(&error).finish()).await;
        let chain = Chain::before(&provider, "[clocks]\nhold = \"10s\"\n").await;
        let told = told_alike(&chain, CHAT, &chat(true), &error).await;
        assert_eq!(told.status, status, "{error}");
    }
}

#[actix_web::test]
async fn a_provider_that_nobody_can_connect_to_is_told_alike() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = format!("http://{}/v1", closed.local_addr().unwrap());
    drop(closed);
    let plain = ScriptedProvider::start([]).await;
    let untrusted = ScriptedProvider::start_tls([]).await;
    let not_tls = plain.base_url().replace("http:", "https:");
    for (base_url, code) in [
        (refused, "upstream_refused"),
        (not_tls, "upstream_tls"),
        (untrusted.base_url(), "upstream_tls_certificate"),
    ] {
        let chain = Chain::of(&provider("first", "openai", &base_url), "").await;
        for stream in [true, false] {
            let told = told_alike(&chain, CHAT, &chat(stream), code).await;
            let body: Value = serde_json::from_str(&told.body).unwrap();
            assert_eq!(body["upstream"]["code"], code);
            assert_eq!(body["upstream"]["status"], Value::Null, "{code}");
            // Nobody behind the first has answered, so there is no status of anybody.
            assert!(
                told.headers.contains(&("x-upstream-status", None)),
                "{code}"
            );
            assert!(
                told.headers
                    .contains(&("x-upstream-provider", Some("first-asks".to_owned())))
            );
        }
    }
}

#[actix_web::test]
async fn a_stream_that_fails_midway_ends_in_the_same_event_everywhere() {
    let begun = || {
        Script::sse()
            .event(scripted::role())
            .event(scripted::text("Hel"))
    };
    let error = scripted::error("I broke", "server_error");
    let secret = scripted::error(
        "key sk-abcdefghijklmnopqrstuvwx0123456789 is bad",
        "server_error",
    );
    for (what, script, says) in [
        (
            "truncated",
            begun().close(),
            "\"code\":\"upstream_truncated\"",
        ),
        (
            "cut off",
            begun().finish(),
            "\"code\":\"upstream_truncated\"",
        ),
        ("idle", begun().stall(), "\"code\":\"upstream_idle\""),
        ("a reset", begun().reset(), "\"code\":\"upstream_"),
        ("its own error", begun().event(&error).finish(), "I broke"),
        ("a secret", begun().event(&secret).finish(), "[redacted]"),
        (
            "no JSON",
            begun().event("what?").finish(),
            "\"code\":\"upstream_bad_event\"",
        ),
    ] {
        let provider = playing(script).await;
        let chain = Chain::before(&provider, SHORT).await;
        let told = told_alike(&chain, CHAT, &chat(true), what).await;
        assert_eq!(told.status, 200, "{what}");
        assert!(told.body.contains(says), "{what}: {}", told.body);
        assert!(!told.body.contains("[DONE]"), "{what}: {}", told.body);
    }
}

#[actix_web::test]
async fn a_document_that_is_none_is_told_alike() {
    for (what, script, code) in [
        (
            "cut short",
            Script::json(200, r#"{"choices":["#),
            "upstream_truncated",
        ),
        (
            "broken off",
            Script::json(200, "{}")
                .framing(Framing::Declared(99))
                .close(),
            "upstream_truncated",
        ),
        ("no JSON", Script::json(200, "<p>"), "upstream_not_json"),
        (
            "an error",
            Script::json(200, scripted::error("no", "server_error")),
            "upstream_error_event",
        ),
    ] {
        let provider = playing(script).await;
        let chain = Chain::before(&provider, "").await;
        let told = told_alike(&chain, CHAT, &chat(false), what).await;
        let body: Value = serde_json::from_str(&told.body).unwrap();
        assert_eq!(body["upstream"]["code"], code, "{what}");
    }
}

#[actix_web::test]
async fn anthropics_clients_are_told_alike_too() {
    let request = json!({"model": "m", "stream": true, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]});
    let begun = Script::sse()
        .typed_event(messages::start(3))
        .typed_event(messages::text_block(0))
        .typed_event(messages::text(0, "Hel"));
    let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#;
    for (what, script, status) in [
        (
            "401",
            Script::json(
                401,
                r#"{"type":"error","error":{"type":"authentication_error","message":"no"}}"#,
            ),
            502,
        ),
        ("529", Script::json(529, overloaded), 503),
        (
            "an event",
            Script::sse().typed_event(overloaded).finish(),
            503,
        ),
        (
            "midway",
            begun.clone().typed_event(overloaded).finish(),
            200,
        ),
        ("truncated", begun.close(), 200),
    ] {
        let scripted = playing(script).await;
        let asks = provider("first", "anthropic", &scripted.base_url());
        let chain = Chain::of(&asks, "").await;
        let told = told_alike(&chain, "/v1/messages", &request, what).await;
        assert_eq!(told.status, status, "{what}");
    }
}
