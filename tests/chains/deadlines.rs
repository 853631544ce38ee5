//! Deadlines shrink hop by hop, so that whoever knows best gives up first.

use herald::testkit::{Script, ScriptedProvider};
use serde_json::Value;

use crate::heralds::{CHAT, Chain, ask, ask_with, chat, herald, provider};

#[actix_web::test]
async fn a_herald_is_told_what_is_left_and_a_little_less() {
    // What a Herald is told can be seen where a provider stands in its place.
    let next = ScriptedProvider::start([Script::chat(["Hi"]).repeat()]).await;
    let asks = provider("third", "herald", &next.base_url());
    let third = herald("third", &asks, "[clocks]\ntotal = \"10m\"\n").await;
    for (asked, least, most) in [
        (None, 590_000, 599_900),
        (Some("4000"), 2000, 3900),
        (Some("999999999"), 590_000, 599_900),
        (Some("500"), 100, 450),
    ] {
        let headers: Vec<_> = asked
            .map(|millis| ("x-timeout-ms", millis))
            .into_iter()
            .collect();
        ask_with(&third, CHAT, &chat(true), &headers).await;
        let told = next.next_request().await;
        let told: u64 = told.header("x-timeout-ms").unwrap().parse().unwrap();
        assert!((least..=most).contains(&told), "{asked:?}: {told}");
    }
}

#[actix_web::test]
async fn the_herald_nearest_to_a_slow_provider_gives_up_first_and_says_whom_it_waited_for() {
    let provider = ScriptedProvider::start([Script::new().stall().repeat()]).await;
    let chain = Chain::before(&provider, "").await;
    let headers = [("x-timeout-ms", "1500")];
    let mut reply = ask_with(&chain.third, CHAT, &chat(true), &headers).await;
    assert_eq!(reply.status, 504);
    let body = reply.json().await;
    assert_eq!(body["error"]["code"], "upstream_total");
    assert_eq!(body["upstream"]["provider"], "first-asks");
    assert_eq!(body["upstream"]["status"], Value::Null);
    let field = reply.header("proxy-status").unwrap();
    assert!(
        field.starts_with("first;error=http_response_timeout;details=\"upstream_total\", second;"),
        "{field}"
    );
}

#[actix_web::test]
async fn a_next_herald_that_says_nothing_at_all_is_the_one_that_is_blamed() {
    let next = ScriptedProvider::start([Script::new().stall()]).await;
    let asks = provider("third", "herald", &next.base_url());
    let third = herald("third", &asks, "[clocks]\nhead = \"100ms\"\n").await;
    let mut reply = ask(&third, CHAT, &chat(true)).await;
    assert_eq!(reply.status, 504);
    assert_eq!(reply.header("x-upstream-provider"), Some("third-asks"));
    assert_eq!(
        reply.header("proxy-status"),
        Some("third;next-hop=\"third-asks\";error=http_response_timeout;details=\"upstream_head\"")
    );
    assert_eq!(reply.json().await["upstream"]["provider"], "third-asks");
}
