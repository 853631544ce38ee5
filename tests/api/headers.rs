//! The allow list on every path, and what never passes.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};

use crate::support::{Client, chat, completion_request, stream_request};

/// Headers of the sort that real providers send, in the order name, value, whether it goes out.
const SENT: &[(&str, &str, bool)] = &[
    ("x-request-id", "req-1", true),
    ("request-id", "req-2", true),
    ("apim-request-id", "req-3", true),
    ("x-amzn-requestid", "req-4", true),
    ("mistral-correlation-id", "req-5", true),
    ("x-ds-trace-id", "req-6", true),
    ("x-generation-id", "req-7", true),
    ("x-ratelimit-limit-requests", "100", true),
    ("x-ratelimit-remaining-tokens", "99", true),
    (
        "anthropic-ratelimit-tokens-reset",
        "2026-11-23T00:00:00Z",
        true,
    ),
    ("openai-processing-ms", "12", true),
    ("openai-version", "2020-10-01", true),
    ("fireworks-server-processing-time", "0.2", true),
    ("x-cody-resolved-model", "m", true),
    ("set-cookie", "__cf_bm=secret; path=/", false),
    ("openai-organization", "org-1", false),
    ("openai-project", "proj-1", false),
    ("cf-ray", "8", false),
    ("server", "cloudflare", false),
    ("via", "1.1 google", false),
    ("alt-svc", "h3=\":443\"", false),
    ("strict-transport-security", "max-age=1", false),
    ("content-security-policy", "default-src 'none'", false),
    ("x-frame-options", "DENY", false),
    ("access-control-allow-origin", "*", false),
    ("access-control-expose-headers", "x-request-id", false),
    ("www-authenticate", "Bearer", false),
    ("proxy-authenticate", "Basic", false),
    ("x-custom-auth-challenge", "1", false),
    ("x-unknown", "1", false),
    ("keep-alive", "timeout=5", false),
    ("x-hop", "1", false),
];

fn poisoned(script: Script) -> Script {
    let script = script.header("connection", "keep-alive, x-hop");
    SENT.iter().fold(script, |script, (name, value, _)| {
        script.header(name, value)
    })
}

#[actix_web::test]
async fn just_the_allowed_headers_pass_on_streams_documents_and_errors() {
    let scripts = || {
        [
            poisoned(Script::chat(["a"])),
            poisoned(Script::json(200, scripted::completion("a"))),
            poisoned(Script::json(
                429,
                scripted::error("slow", "rate_limit_error"),
            )),
            poisoned(Script::json(500, "{}")),
            poisoned(Script::sse().event(r#"{"error":{"message":"m"}}"#).finish()),
        ]
    };
    let provider = ScriptedProvider::start(scripts()).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    for request in [
        &stream_request(),
        &completion_request(),
        &stream_request(),
        &stream_request(),
        &stream_request(),
    ] {
        let reply = chat(gateway.address(), request).await;
        for (name, value, passes) in SENT {
            let expected = passes.then_some(*value);
            assert_eq!(
                reply.header(name),
                expected,
                "{name} with status {}",
                reply.status
            );
        }
        assert_eq!(reply.header("connection"), None);
    }
}

#[actix_web::test]
async fn a_rule_can_rename_and_a_provider_can_add_rules_but_nominated_headers_stay_back() {
    let script = poisoned(Script::chat(["a"]));
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[metadata]\nallow = [{{ name = \"openai-processing-ms\", as = \"x-upstream-processing-ms\" }}, \"x-hop\"]\n\
         [[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\nmetadata.allow = [\"x-unknown\"]\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n",
        provider.base_url()
    ))
    .await;
    let reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.header("x-upstream-processing-ms"), Some("12"));
    assert_eq!(reply.header("openai-processing-ms"), None);
    assert_eq!(reply.header("x-unknown"), Some("1"));
    assert_eq!(reply.header("x-request-id"), None);
    assert_eq!(reply.header("x-hop"), None);
}

#[actix_web::test]
async fn the_caps_keep_the_first_and_the_answer_goes_on() {
    let script = (0..90).fold(Script::chat(["a"]), |script, index| {
        script.header(&format!("x-ratelimit-{index:02}"), "1")
    });
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    let count = reply
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-ratelimit-"))
        .count();
    assert_eq!(count, 64);
    assert_eq!(reply.events().await.last().unwrap(), "[DONE]");
}

#[actix_web::test]
async fn several_values_of_a_header_keep_their_order_and_an_invalid_one_is_dropped() {
    let script = Script::chat(["a"])
        .header("x-request-id", "one")
        .header("x-request-id", b"t\xffwo")
        .header("x-request-id", "three");
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.header_values("x-request-id"), ["one", "three"]);
}

#[actix_web::test]
async fn the_clients_headers_travel_by_allow_list_and_its_credentials_never() {
    let provider = ScriptedProvider::start([Script::chat(["a"])]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut client = Client::connect(gateway.address()).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    client
        .post_chat_with(
            &stream_request(),
            &[
                ("openai-beta", "assistants=v2"),
                ("accept-language", "de"),
                ("idempotency-key", "k-1"),
                ("x-fireworks-trace", "1"),
                ("traceparent", trace),
                ("tracestate", "a=b"),
                ("authorization", "Bearer client-secret"),
                ("x-api-key", "client-secret"),
                ("api-key", "client-secret"),
                ("cookie", "session=client-secret"),
                ("openai-organization", "org-client"),
                ("openai-project", "proj-client"),
                ("x-forwarded-for", "10.0.0.1"),
                ("forwarded", "for=10.0.0.1"),
                ("accept-encoding", "gzip"),
                ("x-unknown", "1"),
                ("connection", "keep-alive, accept-language"),
            ],
        )
        .await;
    let _reply = client.reply().await;
    let request = provider.next_request().await;
    assert_eq!(request.header("openai-beta"), Some("assistants=v2"));
    assert_eq!(request.header("idempotency-key"), Some("k-1"));
    assert_eq!(request.header("x-fireworks-trace"), Some("1"));
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("tracestate"), Some("a=b"));
    let continued = request.header("traceparent").unwrap();
    assert_eq!(&continued[..36], &trace[..36]);
    assert_ne!(continued, trace);
    for name in [
        "authorization",
        "x-api-key",
        "api-key",
        "cookie",
        "openai-organization",
        "openai-project",
        "x-forwarded-for",
        "forwarded",
        "x-unknown",
        "accept-language",
    ] {
        assert_eq!(request.header(name), None, "{name}");
    }
    assert!(!format!("{request:?}").contains("client-secret"));
}

#[actix_web::test]
async fn a_cookie_of_the_provider_comes_back_on_nobodys_request() {
    let with_cookie = || Script::chat(["a"]).header("set-cookie", "__cf_bm=1; path=/");
    let provider = ScriptedProvider::start([with_cookie(), with_cookie()]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    for _ in 0..2 {
        chat(gateway.address(), &stream_request())
            .await
            .events()
            .await;
        assert_eq!(provider.next_request().await.header("cookie"), None);
    }
}
