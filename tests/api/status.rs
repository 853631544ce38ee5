//! Both statuses, whose fault it is, and whether a repeat is of use.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};

use crate::support::{chat, completion_request, stream_request};

#[actix_web::test]
async fn every_status_goes_through_the_table_and_both_are_told() {
    for (upstream, ours, useless) in [
        (400, 400, false),
        (401, 502, true),
        (402, 502, true),
        (403, 502, true),
        (404, 502, true),
        (407, 502, true),
        (408, 504, false),
        (409, 409, false),
        (413, 413, false),
        (418, 502, true),
        (422, 422, false),
        (429, 429, false),
        (301, 502, true),
        (307, 502, true),
        (500, 502, false),
        (502, 502, false),
        (503, 503, false),
        (504, 504, false),
        (529, 503, false),
    ] {
        let script = || {
            Script::json(upstream, scripted::error("why", "some_error")).header("location", "/x")
        };
        let provider = ScriptedProvider::start([script(), script()]).await;
        let gateway = TestGateway::in_front_of(&provider).await;
        for request in [stream_request(), completion_request()] {
            let mut reply = chat(gateway.address(), &request).await;
            assert_eq!(reply.status, ours, "{upstream}");
            assert_eq!(
                reply.header("x-upstream-status"),
                Some(upstream.to_string().as_str())
            );
            let proxy_status = reply.header("proxy-status").unwrap();
            assert!(proxy_status.starts_with(&format!("herald;received-status={upstream}")));
            assert_eq!(
                reply.header("x-should-retry"),
                useless.then_some("false"),
                "{upstream}"
            );
            assert_eq!(
                reply.header("retry-after").is_some(),
                ours == 503,
                "{upstream}"
            );
            assert_eq!(reply.header("location"), None);
            let body = reply.json().await;
            assert_eq!(body["upstream"]["status"], upstream);
            assert_eq!(body["upstream"]["provider"], "scripted");
            if ours == upstream && ![502, 503, 504].contains(&upstream) {
                assert_eq!(body["error"]["message"], "why");
                assert_eq!(body["error"]["type"], "some_error");
            }
            if ours != upstream {
                assert_eq!(body["error"]["type"], "upstream_error");
                assert!(
                    body["error"]["code"]
                        .as_str()
                        .unwrap()
                        .starts_with("upstream_")
                );
                assert_eq!(body["upstream"]["error"]["message"], "why");
            }
        }
        assert_eq!(
            provider.requests().len(),
            2,
            "no redirect is followed, nothing is repeated"
        );
    }
}

#[actix_web::test]
async fn a_shared_quota_turns_429_into_503_with_the_providers_retry_after() {
    let provider = ScriptedProvider::start([
        Script::json(429, "{}")
            .header("retry-after", "17")
            .header("x-should-retry", "true"),
        Script::json(429, "{}").header("retry-after", "Fri, 31 Dec 1999 23:59:59 UTC"),
    ])
    .await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\nshared_quota = true\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n",
        provider.base_url()
    ))
    .await;
    let reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (503, Some("17"))
    );
    assert_eq!(reply.header("x-should-retry"), None);
    // A date that is not in GMT is none: Herald's own stands in.
    let reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (503, Some("5"))
    );
}

#[actix_web::test]
async fn a_429_keeps_what_tells_when_to_come_again() {
    let script = Script::json(429, scripted::error("slow down", "rate_limit_error"))
        .header("retry-after", "7")
        .header("retry-after-ms", "6500")
        .header("x-should-retry", "true");
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), Some("7"));
    assert_eq!(reply.header("retry-after-ms"), Some("6500"));
    assert_eq!(reply.header("x-should-retry"), Some("true"));
}

#[actix_web::test]
async fn a_providers_x_should_retry_does_not_outlive_a_changed_status() {
    let script = Script::json(401, "{}").header("x-should-retry", "true");
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.header("x-should-retry"), Some("false"));
}

#[actix_web::test]
async fn the_table_can_be_overridden_globally_and_for_a_provider() {
    let provider =
        ScriptedProvider::start([Script::json(404, "{}"), Script::json(418, "{}")]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[metadata.status]\n\"404\" = 404\n\"418\" = 500\n\
         [[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\nmetadata.status = {{ \"418\" = 503 }}\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n",
        provider.base_url()
    ))
    .await;
    assert_eq!(chat(gateway.address(), &stream_request()).await.status, 404);
    assert_eq!(chat(gateway.address(), &stream_request()).await.status, 503);
}

#[actix_web::test]
async fn what_a_provider_says_is_bounded_and_free_of_html_and_keys() {
    let page = format!(
        "<html><head><title>502</title></head><body>sk-proj-abcdefghijklmnopqrstuvwx0123456789{}</body></html>",
        "x ".repeat(100_000)
    );
    let script = Script::new()
        .status(500)
        .header("content-type", "text/html")
        .body(page);
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let text = chat(gateway.address(), &stream_request())
        .await
        .text()
        .await;
    assert!(
        !text.contains("<html") && !text.contains("sk-proj"),
        "{text}"
    );
    assert!(text.len() < 8_192);
}

#[actix_web::test]
async fn a_provider_that_refuses_the_connection_is_502_with_its_token() {
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"gone\"\nkind = \"openai\"\nbase_url = \"http://{address}/v1\"\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"gone\", model = \"m\" }}]\n"
    ))
    .await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.status, 502);
    assert_eq!(
        reply.header("proxy-status"),
        Some(r#"herald;error=connection_refused;details="upstream_refused""#)
    );
    assert_eq!(reply.header("x-upstream-status"), None);
    assert_eq!(reply.header("x-upstream-provider"), Some("gone"));
    let body = reply.json().await;
    assert_eq!(
        body["error"]["message"],
        "provider `gone`: it refused the connection"
    );
    assert_eq!(body["upstream"]["status"], serde_json::Value::Null);
}
