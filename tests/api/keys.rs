//! Client keys over real sockets: who is let in, to which models, for how long.

use herald::testkit::{Gate, Script, ScriptedProvider, TestGateway, chat as scripted};
use sha2::{Digest, Sha256};

use crate::support::{Client, LogLines, Reply, completion_request, gated_stream, stream_request};

/// A key of the settings, whose text is its id.
fn key(id: &str, more: &str) -> String {
    let hash = hex::encode(Sha256::digest(id));
    format!("[[keys]]\nid = \"{id}\"\nsha256 = \"{hash}\"\n{more}\n")
}

async fn post(gateway: &TestGateway, headers: &[(&str, &str)]) -> Reply {
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat_with(&stream_request(), headers).await;
    client.reply().await
}

async fn get(gateway: &TestGateway, path: &str, key: &str) -> Reply {
    let mut client = Client::connect(gateway.address()).await;
    let head = format!("GET {path} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\n\r\n");
    client.send(head).await;
    client.reply().await
}

#[actix_web::test]
async fn a_key_opens_wherever_a_known_sdk_puts_it_and_never_travels_upstream() {
    let script = Script::chat(["Hi"]).repeat();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::tuned(&provider, &key("alpha", "")).await;
    for sent in [
        ("authorization", "Bearer alpha"),
        ("authorization", "token alpha"),
        ("x-api-key", "alpha"),
        ("api-key", "alpha"),
    ] {
        assert_eq!(post(&gateway, &[sent]).await.status, 200, "{sent:?}");
        let received = provider.next_request().await;
        assert!(!format!("{received:?}").contains("alpha"), "{sent:?}");
    }
}

#[actix_web::test]
async fn what_is_wrong_with_a_key_is_401_with_a_challenge_and_a_code_of_its_own() {
    let provider = ScriptedProvider::start([]).await;
    let keys = key("alpha", "") + &key("old", "expires = \"2001-01-01T00:00:00Z\"");
    let gateway = TestGateway::tuned(&provider, &keys).await;
    let invalid = r#"Bearer error="invalid_token""#;
    for (sent, challenge, code) in [
        (&[][..], "Bearer", "invalid_api_key"),
        (
            &[("authorization", "Bearer no")],
            invalid,
            "invalid_api_key",
        ),
        (
            &[("x-api-key", "alpha"), ("api-key", "old")],
            invalid,
            "invalid_api_key",
        ),
        (&[("x-api-key", "old")], invalid, "expired_api_key"),
    ] {
        let mut reply = post(&gateway, sent).await;
        assert_eq!(reply.status, 401, "{sent:?}");
        assert_eq!(reply.header("www-authenticate"), Some(challenge));
        assert_eq!(reply.header("x-upstream-status"), None);
        let error = &reply.json().await["error"];
        assert_eq!(error["code"], code, "{sent:?}");
        assert_eq!(error["type"], "authentication_error");
    }
    assert!(provider.requests().is_empty());
}

#[actix_web::test]
async fn a_key_may_use_the_models_of_its_patterns_and_sees_no_others() {
    let gateway = TestGateway::with_settings(&format!(
        "{}{}[[providers]]\nid = \"p\"\nkind = \"replay\"\n\
         [[models]]\nid = \"small-1\"\ntargets = [{{ provider = \"p\", model = \"text\" }}]\n\
         [[models]]\nid = \"large\"\ntargets = [{{ provider = \"p\", model = \"text\" }}]\n",
        key("some", "models = [\"small-*\"]"),
        key("all", "")
    ))
    .await;
    for (sent, seen) in [("some", &["small-1"][..]), ("all", &["small-1", "large"])] {
        let list = get(&gateway, "/v1/models", sent).await.json().await;
        let list = list["data"].as_array().unwrap();
        let ids: Vec<_> = list.iter().map(|model| &model["id"]).collect();
        assert_eq!(ids, seen, "{sent}");
    }
    assert_eq!(get(&gateway, "/v1/models/large", "all").await.status, 200);
    let mut refused = get(&gateway, "/v1/models/large", "some").await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json().await["error"]["code"], "model_not_allowed");

    let ask = async |model: &str| {
        let mut request = completion_request();
        request["model"] = model.into();
        let mut client = Client::connect(gateway.address()).await;
        client
            .post_chat_with(&request, &[("api-key", "some")])
            .await;
        client.reply().await
    };
    assert_eq!(ask("small-1").await.status, 200);
    let mut refused = ask("large").await;
    assert_eq!(refused.status, 403);
    let error = &refused.json().await["error"];
    assert_eq!(error["code"], "model_not_allowed");
    assert_eq!(error["param"], "model");
    // One that nobody may use is told apart from one that is not there.
    assert_eq!(ask("medium").await.status, 404);
}

#[actix_web::test]
async fn a_keys_filter_and_its_ceiling_on_the_total_hold_for_it_alone() {
    let reasoning = r#"{"choices":[{"index":0,"delta":{"content":"a","reasoning":"b"}}]}"#;
    let script = || {
        Script::sse()
            .event(reasoning)
            .event(scripted::finish("stop"))
            .done()
            .finish()
    };
    let provider = ScriptedProvider::start([script(), script(), Script::new().stall()]).await;
    let keys = key("plain", "") + &key("strict", "filter.drop = [\"reasoning\"]\ntotal = \"50ms\"");
    let gateway = TestGateway::tuned(&provider, &keys).await;
    let events = async |sent| post(&gateway, &[("api-key", sent)]).await.events().await;
    assert_eq!(events("plain").await[0], reasoning);
    assert_eq!(
        events("strict").await[0],
        r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#
    );
    // The client may ask for less than the ceiling, not for more.
    let mut late = post(
        &gateway,
        &[("api-key", "strict"), ("x-timeout-ms", "60000")],
    )
    .await;
    assert_eq!(late.status, 504);
    let error = &late.json().await["error"];
    assert_eq!(error["code"], "upstream_total");
    assert!(error["message"].as_str().unwrap().contains("50ms"));
}

#[actix_web::test]
async fn the_log_names_the_key_by_its_id_and_labels_and_never_by_itself() {
    let log = LogLines::collect();
    let provider = ScriptedProvider::start([Script::chat(["Hi"])]).await;
    let hash = hex::encode(Sha256::digest("the key itself"));
    let gateway = TestGateway::tuned(
        &provider,
        &format!("[[keys]]\nid = \"team-a\"\nsha256 = \"{hash}\"\nlabels = {{ tier = \"gold\", team = \"search\" }}\n"),
    )
    .await;
    let mut reply = post(&gateway, &[("api-key", "the key itself")]).await;
    reply.events().await;
    let id = reply.header("x-herald-request-id").unwrap().to_owned();
    drop(reply);
    let line = log.of(&id).await;
    assert_eq!(line["key"], "team-a");
    assert_eq!(line["key_labels"], "team=search,tier=gold");
    assert!(!format!("{line:?}").contains("itself"));
}

#[actix_web::test]
async fn a_key_that_is_removed_opens_nothing_from_the_next_generation_on() {
    let provider = ScriptedProvider::start([Script::chat(["Hi"]).repeat()]).await;
    let gateway = TestGateway::tuned(&provider, &(key("old", "") + &key("kept", ""))).await;
    assert_eq!(post(&gateway, &[("api-key", "old")]).await.status, 200);
    let others = TestGateway::tuned(&provider, &key("kept", "")).await;
    let next = herald::settings::VerifiedSettings::clone(&others.gateway().settings());
    gateway.gateway().replace_settings(next);
    assert_eq!(post(&gateway, &[("api-key", "old")]).await.status, 401);
    assert_eq!(post(&gateway, &[("api-key", "kept")]).await.status, 200);
}

#[actix_web::test]
async fn a_stream_that_a_removed_key_began_goes_on_to_its_end() {
    let gate = Gate::new();
    let script = gated_stream(&gate);
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::tuned(&provider, &key("old", "")).await;
    let mut begun = post(&gateway, &[("api-key", "old")]).await;
    assert_eq!(begun.status, 200);
    let others = TestGateway::tuned(&provider, &key("kept", "")).await;
    let next = herald::settings::VerifiedSettings::clone(&others.gateway().settings());
    gateway.gateway().replace_settings(next);
    assert_eq!(post(&gateway, &[("api-key", "old")]).await.status, 401);
    gate.open();
    assert_eq!(begun.events().await.last().unwrap(), "[DONE]");
}

/// Which headers of a provider the clients of three keys see, on every kind of answer.
#[actix_web::test]
async fn a_keys_header_rules_hold_for_it_alone_on_streams_documents_and_errors() {
    let with_headers = |script: Script| {
        script
            .header("x-acme-cost", "7")
            .header("x-acme-ms", "8")
            .header("x-ratelimit-remaining-requests", "9")
            .header("x-request-id", "r-1")
            .header("set-cookie", "a=b")
            .repeat()
    };
    let keys = "[cors]\norigins = [\"https://app.test\"]\n".to_owned()
        + &key("plain", "")
        + &key(
            "trusted",
            "metadata.allow = [\"x-acme-cost\", { name = \"x-acme-ms\", as = \"x-upstream-acme-ms\" }]",
        )
        + &key(
            "outside",
            "metadata.allow = [\"x-acme-*\"]\nmetadata.hide = [\"x-ratelimit-*\", \"x-acme-ms\"]",
        )
        + &key("blind", "metadata.hide = [\"*\"]");
    let (stream, document) = (stream_request(), completion_request());
    for (script, body, status) in [
        (Script::chat(["Hi"]), &stream, 200),
        (Script::json(200, r#"{"choices":[]}"#), &document, 200),
        (Script::json(500, "{}"), &stream, 502),
    ] {
        let provider = ScriptedProvider::start([with_headers(script)]).await;
        let gateway = TestGateway::tuned(&provider, &keys).await;
        for (sent, seen) in [
            (
                "plain",
                &["x-ratelimit-remaining-requests", "x-request-id"][..],
            ),
            (
                "trusted",
                &[
                    "x-acme-cost",
                    "x-ratelimit-remaining-requests",
                    "x-request-id",
                    "x-upstream-acme-ms",
                ],
            ),
            ("outside", &["x-acme-cost", "x-request-id"]),
            ("blind", &[]),
        ] {
            let mut client = Client::connect(gateway.address()).await;
            let headers = [("api-key", sent), ("origin", "https://app.test")];
            client.post_chat_with(body, &headers).await;
            let reply = client.reply().await;
            assert_eq!(reply.status, status, "{sent}");
            // A page may read exactly those that are there.
            let exposed = reply.header("access-control-expose-headers").unwrap();
            let exposed: Vec<_> = exposed.split(", ").collect();
            for name in [
                "set-cookie",
                "x-acme-cost",
                "x-acme-ms",
                "x-ratelimit-remaining-requests",
                "x-request-id",
                "x-upstream-acme-ms",
            ] {
                let is_there = reply.header(name).is_some();
                assert_eq!(is_there, seen.contains(&name), "{sent}: {name}");
                assert_eq!(exposed.contains(&name), is_there, "{sent}: {name}");
            }
            // What Herald itself says cannot be hidden.
            for own in ["x-upstream-status", "x-upstream-provider"] {
                assert!(reply.header(own).is_some(), "{sent}: {own}");
            }
        }
    }
}

#[actix_web::test]
async fn the_event_metadata_tells_no_more_than_the_keys_head() {
    let script = Script::chat(["Hi"]).header("x-request-id", "r-1").repeat();
    let provider = ScriptedProvider::start([script]).await;
    let keys = key("plain", "") + &key("blind", "metadata.hide = [\"*\"]");
    let gateway = TestGateway::tuned(&provider, &keys).await;
    for (sent, is_told) in [("plain", true), ("blind", false)] {
        let headers = [("api-key", sent), ("x-herald-metadata", "event")];
        let mut reply = post(&gateway, &headers).await;
        let text = reply.rest().await.0.concat();
        assert!(text.starts_with("event: metadata\n"), "{text}");
        assert_eq!(text.contains("r-1"), is_told, "{text}");
    }
}
