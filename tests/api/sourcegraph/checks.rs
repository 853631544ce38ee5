//! What is refused before a provider is asked, in which order, and in which words.

use herald::testkit::{Script, ScriptedProvider, TestGateway};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;
use cody::{Refusal, refusal};

pub(super) fn key(more: &str) -> String {
    let hash = hex::encode(Sha256::digest("sgp_client"));
    format!("[[keys]]\nid = \"a\"\nsha256 = \"{hash}\"\n{more}\n")
}

async fn refused(gateway: &TestGateway, path: &str, body: &Value) -> (u16, String) {
    let mut reply = ask(gateway, path, body).await;
    let kind = reply.header("content-type").map(str::to_owned);
    let text = reply.text().await;
    assert_eq!(kind.as_deref(), Some("text/plain; charset=utf-8"), "{text}");
    assert!(text.ends_with('\n') && !text.starts_with('{'), "{text}");
    (reply.status, text)
}

#[actix_web::test]
async fn the_first_check_that_fails_is_the_one_that_is_told() {
    let provider = ScriptedProvider::start([]).await;
    let settings = "[sourcegraph.client_versions]\nvscode = \"1.20.0\"\n".to_owned();
    let mut gateway = TestGateway::tuned(&provider, &settings).await;
    let unknown = question_with(json!({ "model": "none" }));
    let old = "client-name=vscode&client-version=1.0.0";
    let good = "client-name=vscode&client-version=1.60.0";
    // Each has what the ones after it have, and one mistake more.
    for (query, body, status, told) in [
        (
            format!("api-version=9&{old}"),
            json!([]),
            406,
            "Unsupported API Version (Please update your client)\n",
        ),
        (
            format!("api-version=0&{good}"),
            question(),
            406,
            "Unsupported API Version (Please update your client)\n",
        ),
        (
            format!("api-version=8&{old}"),
            json!([]),
            406,
            "ClientCodyIgnoreCompatibilityError: vscode 1.0.0 is too old",
        ),
        (
            "api-version=8&client-name=vscode&client-version=x".to_owned(),
            json!([]),
            400,
            "ClientCodyIgnoreCompatibilityError: `client-version`",
        ),
        (
            "api-version=8".to_owned(),
            json!([]),
            406,
            "ClientCodyIgnoreCompatibilityError: the query parameter `client-name`",
        ),
        (
            format!("api-version=8&{good}"),
            json!([]),
            400,
            "the request body is not valid JSON",
        ),
        (
            good.to_owned(),
            unknown,
            400,
            "the model `none` does not exist",
        ),
        (
            format!("api-version=1&{good}"),
            json!({ "messages": [] }),
            400,
            "the request names no model",
        ),
        (
            format!("api-version=1&{good}"),
            question_with(json!({ "messages": [{ "speaker": "human", "text": "" }] })),
            400,
            "`messages[0]` must be one that says something: message content cannot be empty",
        ),
    ] {
        for path in [STREAM, CODE] {
            let path = format!("{path}?{query}");
            let (found, text) = refused(&gateway, &path, &body).await;
            assert_eq!(found, status, "{path} {text}");
            assert!(text.starts_with(told), "{path} {text}");
        }
    }
    assert!(provider.requests().is_empty());
    gateway.stop();
}

#[actix_web::test]
async fn another_method_is_405_in_words() {
    let gateway = TestGateway::start().await;
    for path in [STREAM, CODE, "/.api/client-config"] {
        let mut client = Client::connect(gateway.address()).await;
        let head = format!("DELETE {path}?api-version=99 HTTP/1.1\r\nhost: h\r\n\r\n");
        client.send(head).await;
        let mut reply = client.reply().await;
        assert_eq!(reply.status, 405);
        assert!(reply.text().await.starts_with(path));
    }
}

#[actix_web::test]
async fn the_key_is_looked_at_before_all_else_and_only_a_wrong_one_signs_cody_out() {
    let provider = ScriptedProvider::start([Script::chat(["ok"])]).await;
    let gateway = TestGateway::tuned(&provider, &key("models = [\"scripted-*\"]")).await;
    let mut client = Client::connect(gateway.address()).await;
    let wrong = [("authorization", "token sgp_other")];
    let path = format!("{STREAM}?api-version=99");
    client.post_to(&path, &json!([]), &wrong).await;
    let mut reply = client.reply().await;
    assert_eq!(refusal(&mut reply).await, Refusal::SignIn);
    let body = question_with(json!({ "model": "replay-text" }));
    let mut reply = ask(&gateway, &at(STREAM, 8), &body).await;
    assert!(matches!(
        refusal(&mut reply).await,
        Refusal::Network(400, _)
    ));
    let mut reply = ask(&gateway, &at(STREAM, 8), &question()).await;
    assert!(is_complete(play(&mut reply, 8).await.1));
}

#[actix_web::test]
async fn a_limit_of_heralds_is_told_as_cody_reads_it() {
    for (label, is_upgrade_offered) in [("false", true), ("true", false), ("maybe", false)] {
        let provider = ScriptedProvider::start([Script::chat(["ok"])]).await;
        let more = format!(
            "labels = {{ cody_pro = \"{label}\" }}\nlimits.requests = {{ most = 1, per = \"1h\" }}"
        );
        let gateway = TestGateway::tuned(&provider, &key(&more)).await;
        let mut reply = ask(&gateway, &at(STREAM, 8), &question()).await;
        assert_eq!(reply.header("x-is-cody-pro-user"), None);
        assert!(is_complete(play(&mut reply, 8).await.1));
        let mut reply = ask(&gateway, &at(STREAM, 8), &question()).await;
        assert_eq!(reply.header("x-ratelimit-remaining"), Some("0"));
        let Refusal::RateLimit {
            limit,
            retry_after,
            is_upgrade_offered: offered,
        } = refusal(&mut reply).await
        else {
            panic!("no limit");
        };
        assert_eq!((limit, offered), (Some(1), is_upgrade_offered), "{label}");
        let seconds: u64 = retry_after.unwrap().parse().unwrap();
        assert!((1..=7200).contains(&seconds), "{seconds}");
        assert!(reply.text().await.contains("limit"));
    }
}

#[actix_web::test]
async fn a_models_name_is_looked_up_whole_and_then_without_its_provider() {
    let provider = ScriptedProvider::start([Script::chat(["ok"]).repeat()]).await;
    let model = |id: &str, up: &str| {
        format!(
            "[[models]]\nid = \"{id}\"\ntargets = [{{ provider = \"scripted\", model = \"{up}\" }}]\n"
        )
    };
    let settings = format!(
        "[[providers]]\nid = \"scripted\"\nkind = \"openai\"\nbase_url = \"{}\"\n{}{}{}",
        provider.base_url(),
        model("sonnet", "bare"),
        model("acme/sonnet", "whole"),
        model("acme::v1::opus", "reference")
    );
    let gateway = TestGateway::with_settings(&settings).await;
    for (name, up) in [
        ("sonnet", Some("bare")),
        ("acme/sonnet", Some("whole")),
        ("other/sonnet", Some("bare")),
        ("acme::2024-10-22::sonnet", Some("bare")),
        ("other::v1::acme/sonnet", Some("whole")),
        ("acme::v1::opus", Some("reference")),
        ("acme/opus", None),
        ("acme::sonnet", None),
        ("/", None),
        ("::::", None),
    ] {
        let body = question_with(json!({ "model": name }));
        let mut reply = ask(&gateway, &at(STREAM, 8), &body).await;
        if let Some(up) = up {
            assert!(is_complete(play(&mut reply, 8).await.1), "{name}");
            let sent = provider.next_request().await.json();
            assert_eq!(sent["model"], up, "{name}");
        } else {
            assert_eq!(reply.status, 400, "{name}");
            assert!(reply.text().await.contains(name));
        }
    }
}
