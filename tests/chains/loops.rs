//! A chain that bites its own tail ends, and says so.

use std::collections::HashMap;

use herald::{settings::Settings, testkit::TestGateway};

use crate::heralds::{CHAT, ask, ask_with, chat};

/// A Herald that asks itself.
async fn serpent() -> TestGateway {
    let asking = |base_url: &str| {
        format!(
            "[[providers]]\nid = \"itself\"\nkind = \"herald\"\nbase_url = \"{base_url}\"\n\
             [[models]]\nid = \"m\"\ntargets = [{{ provider = \"itself\", model = \"m\" }}]\n"
        )
    };
    // Its port is known only once it runs.
    let serpent = TestGateway::with_settings(&asking("http://127.0.0.1:1/v1")).await;
    let settings = Settings::from_toml(&asking(&serpent.base_url())).unwrap();
    let mut settings = settings.verify(&HashMap::new()).unwrap();
    settings.client_parts.proxy_from_environment = false;
    serpent.gateway().replace_settings(settings);
    serpent
}

#[actix_web::test]
async fn a_herald_that_asks_itself_is_found_out_after_eight() {
    let serpent = serpent().await;
    let mut reply = ask(&serpent, CHAT, &chat(true)).await;
    assert_eq!(reply.status, 502);
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    let field = reply.header("proxy-status").unwrap();
    let members: Vec<_> = field.split(", ").collect();
    assert_eq!(
        members[0],
        "herald;error=proxy_loop_detected;details=\"gateway_loop\""
    );
    // Eight have asked the next one, and the ninth refused.
    assert_eq!(members.len(), 9, "{field}");
    let body = reply.json().await;
    assert_eq!(body["error"]["code"], "gateway_loop");
    assert_eq!(body["error"]["type"], "gateway_error");
}

#[actix_web::test]
async fn a_count_of_hops_that_is_none_counts_as_none_and_one_that_is_too_large_as_too_many() {
    let gateway = TestGateway::start().await;
    let body = serde_json::json!({ "model": "replay-text", "messages": [] });
    for (hops, status) in [
        ("0", 200),
        ("7", 200),
        ("8", 502),
        ("999999999999", 502),
        ("-1", 200),
        ("many", 200),
        ("", 200),
    ] {
        let headers = [("x-herald-hops", hops)];
        let reply = ask_with(&gateway, CHAT, &body, &headers).await;
        assert_eq!(reply.status, status, "{hops:?}");
    }
}
