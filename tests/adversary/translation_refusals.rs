//! What Herald itself refuses, in each dialect's own shape; and the list of models in both.

use herald::testkit::{Gate, Script, ScriptedProvider, TestGateway, chat};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    translation::{DIALECTS, Dialect, ask, assert_none, gateway, post, refusal_flaw},
    wire::{Answer, Wire},
};

async fn raw(gateway: &TestGateway, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: herald\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut wire = Wire::connect(gateway.address()).await;
    wire.send(format!("{request}content-length: 0\r\n\r\n"))
        .await;
    wire.answer().await
}

/// A key of the settings, whose text is its id.
fn key(id: &str, more: &str) -> String {
    let hash = hex::encode(Sha256::digest(id));
    format!("[[keys]]\nid = \"{id}\"\nsha256 = \"{hash}\"\n{more}\n")
}

#[actix_web::test]
async fn what_is_wrong_with_a_key_or_a_body_is_told_in_the_shape_of_the_dialect() {
    let provider = ScriptedProvider::start([]).await;
    let settings = key("alpha", "")
        + &key("beta", "models = [\"x\"]")
        + &key("gamma", "limits = { concurrent = 1 }");
    let mut flaws = Vec::new();
    for kind in ["openai", "anthropic"] {
        let gateway = gateway(&provider, kind, "", &settings).await;
        for dialect in DIALECTS {
            let plain = dialect.request(true).to_string();
            let alpha = ("x-api-key", "alpha");
            for (headers, body, status, class) in [
                (vec![], plain.clone(), 401, "authentication_error"),
                (
                    vec![("x-api-key", "no")],
                    plain.clone(),
                    401,
                    "authentication_error",
                ),
                (
                    vec![("x-api-key", "beta")],
                    plain.clone(),
                    403,
                    "permission_error",
                ),
                (
                    vec![alpha],
                    plain.replace("\"m\"", "\"nobody\""),
                    404,
                    "not_found_error",
                ),
                (vec![alpha], "{".to_owned(), 400, "invalid_request_error"),
                (vec![alpha], "[]".to_owned(), 400, "invalid_request_error"),
                (
                    vec![alpha],
                    plain.replace("true", "7"),
                    400,
                    "invalid_request_error",
                ),
                (
                    vec![alpha, ("content-encoding", "gzip")],
                    plain.clone(),
                    415,
                    "invalid_request_error",
                ),
                (
                    vec![alpha, ("x-timeout-ms", "soon")],
                    plain.clone(),
                    400,
                    "invalid_request_error",
                ),
            ] {
                let answer = ask(&gateway, dialect, &body, &headers).await;
                let told = format!("{dialect:?} over {kind}, {headers:?}, {body:.40}");
                if answer.status != status {
                    flaws.push(format!("{told}: {answer:?} and not {status}"));
                }
                if let Some(flaw) = refusal_flaw(dialect, &answer) {
                    flaws.push(format!("{told}: {flaw}"));
                }
                if dialect == Dialect::Messages && answer.json()["error"]["type"] != class {
                    flaws.push(format!("{told}: {answer:?} and not {class}"));
                }
            }
        }
    }
    assert_none(&flaws);
}

#[actix_web::test]
async fn a_limit_of_heralds_is_a_429_in_the_shape_of_the_dialect() {
    for dialect in DIALECTS {
        let gate = Gate::new();
        let provider =
            ScriptedProvider::start([Script::sse().event(chat::text("a")).wait(&gate)]).await;
        let gateway = gateway(&provider, "openai", "", "[limits]\nconcurrent = 1\n").await;
        let mut first = Wire::connect(gateway.address()).await;
        first
            .send(post(
                "/v1/chat/completions",
                Dialect::Chat.request(true).to_string(),
                &[],
            ))
            .await;
        first.head().await.unwrap();
        let answer = ask(&gateway, dialect, dialect.request(true).to_string(), &[]).await;
        assert_eq!(
            (answer.status, refusal_flaw(dialect, &answer)),
            (429, None),
            "{dialect:?}"
        );
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("x-upstream-status"), None);
        let kind = answer.json()["error"]["type"].clone();
        let wanted = if dialect == Dialect::Messages {
            "rate_limit_error"
        } else {
            "gateway_limit"
        };
        assert_eq!(kind, wanted, "{dialect:?}");
        assert_eq!(
            answer.json()["error"]["code"],
            "gateway_concurrency_limited"
        );
        gate.open();
    }
}

/// "Another method is 405 `method_not_allowed` with `allow`".
#[actix_web::test]
async fn another_method_and_another_path_are_told_in_the_shape_of_who_asks() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = gateway(&provider, "anthropic", "", "").await;
    let version = ("anthropic-version", "2023-06-01");
    let mut flaws = Vec::new();
    for (path, dialect) in [
        ("/v1/chat/completions", Dialect::Chat),
        ("/v1/completions", Dialect::Chat),
        ("/v1/embeddings", Dialect::Chat),
        ("/v1/responses", Dialect::Responses),
        ("/v1/messages", Dialect::Messages),
        ("/v1/messages/count_tokens", Dialect::Messages),
    ] {
        for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "FROB"] {
            let answer = raw(&gateway, method, path, &[]).await;
            if (answer.status, answer.header("allow")) != (405, Some("POST")) {
                flaws.push(format!("{method} {path}: {answer:?}"));
            } else if dialect != Dialect::Messages
                && let Some(flaw) = refusal_flaw(dialect, &answer)
            {
                flaws.push(format!("{method} {path}: {flaw}"));
            }
        }
    }
    for path in [
        "/v1/nothing",
        "/v1/messages/",
        "/v1/messages/batches",
        "/v1/responses/resp_1",
        "/",
        "/v1//messages",
    ] {
        for (headers, dialect) in [
            (&[][..], Dialect::Chat),
            (&[version][..], Dialect::Messages),
        ] {
            let answer = raw(&gateway, "POST", path, headers).await;
            if answer.status != 404 && answer.status != 405 {
                flaws.push(format!("{path}: {answer:?}"));
            } else if !path.starts_with("/v1/messages")
                && !path.starts_with("/v1/responses")
                && let Some(flaw) = refusal_flaw(dialect, &answer)
            {
                flaws.push(format!("{path}: {flaw}"));
            }
        }
    }
    assert_none(&flaws);
}

/// "400 `unsupported_endpoint`" where the provider has no such endpoint.
#[actix_web::test]
async fn an_endpoint_that_the_provider_lacks_is_a_400_that_asks_nobody() {
    let provider = ScriptedProvider::start([]).await;
    for (kind, path, dialect) in [
        ("anthropic", "/v1/completions", Dialect::Chat),
        ("anthropic", "/v1/embeddings", Dialect::Chat),
        ("openai", "/v1/messages/count_tokens", Dialect::Messages),
    ] {
        let gateway = gateway(&provider, kind, "", "").await;
        let mut wire = Wire::connect(gateway.address()).await;
        let body = json!({ "model": "m", "prompt": "a", "input": "a", "messages": [] });
        wire.send(post(path, body.to_string(), &[])).await;
        let answer = wire.answer().await;
        assert_eq!(
            (answer.status, refusal_flaw(dialect, &answer)),
            (400, None),
            "{path} over {kind}"
        );
        assert_eq!(
            answer.json()["error"]["code"],
            "unsupported_endpoint",
            "{answer:?}"
        );
        assert_eq!(answer.header("x-upstream-status"), None);
    }
}

#[actix_web::test]
async fn the_models_are_told_in_the_shape_of_who_asks_and_only_those_of_the_key() {
    let provider = ScriptedProvider::start([]).await;
    let settings = key("alpha", "models = [\"m\"]") + &key("beta", "models = [\"none-*\"]");
    let gateway = gateway(
        &provider,
        "anthropic",
        "[[models]]\nid = \"org/hidden\"\ntargets = [{ provider = \"p\", model = \"up\" }]",
        &settings,
    )
    .await;
    let version = ("anthropic-version", "2023-06-01");
    for (key, ids) in [("alpha", vec!["m"]), ("beta", vec![])] {
        for headers in [
            &[("x-api-key", key)][..],
            &[("x-api-key", key), version][..],
        ] {
            let answer = raw(&gateway, "GET", "/v1/models", headers).await;
            let list = answer.json();
            let told: Vec<_> = list["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["id"].as_str().unwrap())
                .collect();
            assert_eq!(told, ids, "{list}");
            if headers.len() == 2 {
                assert_eq!(list["has_more"], false);
                assert_eq!(
                    list["first_id"],
                    ids.first().map_or(Value::Null, |id| json!(id))
                );
                assert_eq!(
                    list["last_id"],
                    ids.last().map_or(Value::Null, |id| json!(id))
                );
                assert!(
                    list["data"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .all(|it| it["type"] == "model"
                            && it["display_name"].is_string()
                            && it["created_at"].is_string()),
                    "{list}"
                );
            } else {
                assert_eq!(list["object"], "list");
                assert!(
                    list["data"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .all(|it| it["object"] == "model"
                            && it["created"].is_u64()
                            && it["owned_by"].is_string()),
                    "{list}"
                );
            }
        }
    }
    for (path, headers, dialect) in [
        (
            "/v1/models/org/hidden",
            &[("x-api-key", "alpha"), version][..],
            Dialect::Messages,
        ),
        (
            "/v1/models/org/hidden",
            &[("x-api-key", "alpha")][..],
            Dialect::Chat,
        ),
        (
            "/v1/models/nobody",
            &[("x-api-key", "alpha"), version][..],
            Dialect::Messages,
        ),
        ("/v1/models", &[version][..], Dialect::Messages),
        ("/v1/models", &[("x-api-key", "no")][..], Dialect::Chat),
    ] {
        let answer = raw(&gateway, "GET", path, headers).await;
        assert_eq!(refusal_flaw(dialect, &answer), None, "{path} {headers:?}");
        assert!([401, 403, 404].contains(&answer.status), "{answer:?}");
    }
}
