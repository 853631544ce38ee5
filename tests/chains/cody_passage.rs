//! Cody asks a Herald, which asks a Herald that plays Cody Gateway, which asks a provider.

use std::time::Duration;

use herald::testkit::{
    Framing, Happened, Script, ScriptedProvider, TestGateway, chat as scripted, messages,
};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    asked_by_cody::{HEADERS, ask, ask_within, every_way, path, play, question},
    client::Client,
    cody::Verdict,
    heralds::{CHAT, ask as ask_of, before_cody_gateway, chat, herald, provider as asking},
    played::{KEY, PlayedGateway},
};

/// The longest that promise 6 allows.
const PROMISED: Duration = Duration::from_secs(1);

/// The Herald that Cody asks, before one that plays Cody Gateway, before the provider.
async fn chain(provider: &ScriptedProvider, more: &str) -> (TestGateway, PlayedGateway) {
    let played = PlayedGateway::before("openai", &provider.base_url(), "", more).await;
    let first = before_cody_gateway(&played.base_url(), "openai/gpt-4o", "").await;
    (first, played)
}

/// A header of what the played gateway was asked last.
fn was_sent(played: &PlayedGateway, name: &str) -> Option<String> {
    let (_, headers) = played.last_asked();
    headers
        .get(name)
        .map(|value| value.to_str().unwrap().into())
}

#[actix_web::test]
async fn each_family_is_answered_in_each_version_by_stream_and_by_document() {
    for (kind, family, model, at) in [
        ("openai", "openai", "gpt-4o", "openai"),
        (
            "anthropic",
            "anthropic",
            "claude-3-haiku",
            "anthropic-messages",
        ),
        ("openai", "fireworks", "starcoder", "fireworks"),
    ] {
        let provider = ScriptedProvider::start([]).await;
        let played = PlayedGateway::before(kind, &provider.base_url(), "", "").await;
        let target = format!("{family}/{model}");
        let first = before_cody_gateway(&played.base_url(), &target, "").await;
        for (version, stream) in every_way() {
            let script = match (kind, stream) {
                ("openai", true) => Script::chat(["Hallö ", "🦀"]),
                (_, true) => Script::message(["Hallö ", "🦀"]),
                ("openai", false) => Script::json(200, scripted::completion("Hallö 🦀")),
                (_, false) => Script::json(200, messages::message("Hallö 🦀")),
            };
            provider.push(script.header("fireworks-prompt-tokens", "12"));
            let what = format!("{target}, version {version}, stream: {stream}");
            let mut reply = ask(&first, (version, stream)).await;
            for (name, value) in [
                ("x-upstream-status", Some("200")),
                ("x-upstream-provider", Some("first-asks")),
                ("x-upstream-model", Some(&*target)),
                ("x-cody-resolved-model", Some(&*target)),
                ("fireworks-prompt-tokens", Some("12")),
                // Nobody has asked it as a Herald, and what the played one says of itself is no word of
                // Cody Gateway's.
                ("proxy-status", None),
            ] {
                assert_eq!(reply.header(name), value, "{what}: {name}");
            }
            if stream {
                let (_, cody) = play(&mut reply, version).await;
                assert_eq!(cody.text, "Hallö 🦀", "{what}");
                assert_eq!(cody.stop_reason, "end_turn", "{what}");
                assert_eq!(cody.close(), Verdict::Complete, "{what}");
            } else {
                let expected = json!({ "completion": "Hallö 🦀", "stopReason": "end_turn" });
                assert_eq!(reply.json().await, expected, "{what}");
            }

            let (path, _) = played.last_asked();
            assert_eq!(path, format!("/v1/completions/{at}"));
            for (name, value) in [
                ("authorization", format!("Bearer {KEY}")),
                ("x-sourcegraph-feature", "chat_completions".to_owned()),
                ("x-sourcegraph-interaction-id", "i-1".to_owned()),
            ] {
                assert_eq!(was_sent(&played, name), Some(value), "{what}: {name}");
            }
            let asked = provider.next_request().await;
            assert_eq!(asked.json()["model"], model, "{what}");
            assert_eq!(asked.json()["stream"] == json!(true), stream, "{what}");
            for name in ["authorization", "x-sourcegraph-feature", "x-timeout-ms"] {
                assert_eq!(asked.header(name), None, "{what}: {name}");
            }
        }
    }
}

#[actix_web::test]
async fn code_is_completed_from_a_prompt_at_fireworks_own_path() {
    let answer = r#"{ "choices":[{"index":0,"text":"}","finish_reason":"stop"}] }"#;
    let provider = ScriptedProvider::start([Script::json(200, answer)]).await;
    let played = PlayedGateway::before("openai", &provider.base_url(), "", "").await;
    let more = "feature = \"code_completions\"";
    let first = before_cody_gateway(&played.base_url(), "fireworks/starcoder", more).await;
    let request = json!({ "model": "m", "prompt": "fn main() {", "languageId": "rust" });
    let mut reply = ask_of(&first, "/v1/completions", &request).await;
    assert_eq!(
        reply.header("x-cody-resolved-model"),
        Some("fireworks/starcoder")
    );
    assert_eq!(reply.text().await, answer);
    let feature = was_sent(&played, "x-sourcegraph-feature");
    assert_eq!(feature.as_deref(), Some("code_completions"));
    assert_eq!(provider.next_request().await.path, "/v1/completions");
}

#[actix_web::test]
async fn cody_completes_code_at_fireworks_own_path_and_is_told_its_timings() {
    let chunk = |text: &str, finish: Option<&str>| {
        let choice = json!({ "index": 0, "text": text, "finish_reason": finish });
        json!({ "id": "1", "choices": [choice] }).to_string()
    };
    let provider = ScriptedProvider::start([]).await;
    let played = PlayedGateway::before("openai", &provider.base_url(), "", "").await;
    let more = "feature = \"code_completions\"";
    let first = before_cody_gateway(&played.base_url(), "fireworks/starcoder", more).await;
    for (version, stream) in every_way() {
        let script = if stream {
            Script::sse()
                .event(chunk("let é", None))
                .event(chunk(" = 1;", Some("stop")))
                .done()
                .finish()
        } else {
            Script::json(200, chunk("let é = 1;", Some("stop")))
        };
        provider.push(
            script
                .header("fireworks-server-time-to-first-token", "0.2")
                .header("fireworks-speculation-matched-tokens", "7"),
        );
        let what = format!("version {version}, stream: {stream}");
        let mut reply = ask(&first, (version, stream)).await;
        for (name, value) in [
            ("fireworks-server-time-to-first-token", "0.2"),
            ("fireworks-speculation-matched-tokens", "7"),
            ("x-cody-resolved-model", "fireworks/starcoder"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{what}");
        }
        if stream {
            let (_, cody) = play(&mut reply, version).await;
            assert_eq!(
                (&*cody.text, &*cody.stop_reason),
                ("let é = 1;", "end_turn")
            );
            assert_eq!(cody.close(), Verdict::Complete, "{what}");
        } else {
            let expected = json!({ "completion": "let é = 1;", "stopReason": "end_turn" });
            assert_eq!(reply.json().await, expected, "{what}");
        }
        assert_eq!(played.last_asked().0, "/v1/completions/fireworks");
        let feature = was_sent(&played, "x-sourcegraph-feature");
        assert_eq!(feature.as_deref(), Some("code_completions"));
        let asked = provider.next_request().await;
        assert_eq!(asked.path, "/v1/completions", "{what}");
        assert_eq!(asked.json()["prompt"], "Hi", "{what}");
    }
}

#[actix_web::test]
async fn a_request_that_has_no_shape_there_is_refused_before_anybody_is_asked() {
    let provider = ScriptedProvider::start([]).await;
    let (first, _played) = chain(&provider, "").await;
    for (path, request) in [
        ("/v1/embeddings", json!({ "model": "m", "input": "a" })),
        ("/v1/completions", json!({ "model": "m", "prompt": "a" })),
        (
            "/v1/messages/count_tokens",
            json!({ "model": "m", "messages": [] }),
        ),
    ] {
        let mut reply = ask_of(&first, path, &request).await;
        assert_eq!(reply.status, 400, "{path}");
        assert_eq!(reply.header("x-upstream-status"), None);
        let told = reply.json().await.to_string();
        for word in ["unsupported_endpoint", "`first-asks`"] {
            assert!(told.contains(word), "{path}: {told}");
        }
    }
    assert!(provider.requests().is_empty());
}

#[actix_web::test]
async fn whoever_leaves_stops_the_provider_within_a_second_in_every_phase() {
    let begun = || Script::sse().event(scripted::role());
    let document = Script::json(200, "{").framing(Framing::Chunked);
    for (what, script, stream) in [
        ("awaiting the head", Script::sse().stall(), true),
        ("holding", begun().stall(), true),
        (
            "streaming",
            begun().event(scripted::text("a")).stall(),
            true,
        ),
        ("a document", document.stall(), false),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        let (first, _played) = chain(&provider, "").await;
        let mut client = Client::connect(first.address()).await;
        client.post_to(&path(8), &question(stream), &HEADERS).await;
        provider.next_request().await;
        if what != "awaiting the head" {
            provider
                .wait_for("the head", |what| *what == Happened::HeadSent)
                .await;
        }
        let left = if what == "streaming" {
            let mut reply = client.reply().await;
            reply.chunk().await.unwrap();
            let left = Instant::now();
            drop(reply);
            left
        } else {
            let left = Instant::now();
            drop(client);
            left
        };
        let seen = provider.caller_left().await.at;
        assert!(seen.saturating_duration_since(left) < PROMISED, "{what}");
    }
}

#[actix_web::test]
async fn each_is_told_less_time_than_the_one_before_and_the_nearest_gives_up_first() {
    let provider = ScriptedProvider::start([Script::new().stall().repeat()]).await;
    let (first, played) = chain(&provider, "").await;
    let second = {
        let asks = asking("second", "herald", &first.base_url());
        herald("second", &asks, "").await
    };
    for (gateway, most) in [(&first, 900), (&second, 810)] {
        let headers = [("x-timeout-ms", "1000")];
        let mut reply = ask_within(gateway, (8, true), &headers).await;
        assert_eq!(reply.status, 504);
        // It was an answer of the played one, and not a clock of those before it.
        assert_eq!(reply.header("x-upstream-status"), Some("504"));
        let words = reply.text().await;
        assert!(words.contains("`theirs`"), "{words}");
        let told: u64 = was_sent(&played, "x-timeout-ms").unwrap().parse().unwrap();
        assert!((300..=most).contains(&told), "{told}");
    }
}

#[actix_web::test]
async fn it_demands_a_bearer_token_and_a_feature_as_cody_gateway_does() {
    let unused = ScriptedProvider::start([]).await;
    let (_first, played) = chain(&unused, "").await;
    let bearer = format!("Bearer {KEY}");
    let token = format!("token {KEY}");
    let feature = ("x-sourcegraph-feature", "chat_completions");
    let path = "/v1/completions/openai";
    for (path, headers, status) in [
        (path, vec![], 401),
        (path, vec![("authorization", &*token), feature], 400),
        (
            path,
            vec![("authorization", "Bearer sgd_other"), feature],
            401,
        ),
        (path, vec![("authorization", &*bearer)], 400),
        (
            path,
            vec![
                ("authorization", &*bearer),
                ("x-sourcegraph-feature", "chat"),
            ],
            400,
        ),
        (CHAT, vec![("authorization", &*bearer), feature], 404),
    ] {
        let mut client = Client::connect(played.address()).await;
        client.post_to(path, &chat(true), &headers).await;
        let mut reply = client.reply().await;
        assert_eq!(reply.status, status, "{headers:?}");
        assert!(reply.json().await["error"].is_string());
    }
    assert!(unused.requests().is_empty());
    // Its model `m` is not among those that it has.
    let headers = [("authorization", &*bearer), feature];
    let mut client = Client::connect(played.address()).await;
    client.post_to(path, &chat(true), &headers).await;
    assert_eq!(client.reply().await.status, 400);
}
