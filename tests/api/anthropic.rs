//! What Anthropic's SDKs speak: `/v1/messages`, `/v1/messages/count_tokens` and their `/v1/models`.

use herald::testkit::{Gate, Script, ScriptedProvider, TestGateway, messages as scripted};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Client, End, Reply};

const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

fn request(stream: bool) -> Value {
    json!({
        "model": "scripted-model", "stream": stream, "max_tokens": 9,
        "messages": [{ "role": "user", "content": "Hi" }],
    })
}

/// A gateway before a provider of kind `anthropic`, with more settings of the test's own: for the
/// whole, which come first, and for the model.
async fn in_front_of(provider: &ScriptedProvider, settings: &str, model: &str) -> TestGateway {
    TestGateway::with_settings(&format!(
        "{settings}\n\
         [[providers]]\nid = \"scripted\"\nkind = \"anthropic\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"scripted-model\"\n\
         targets = [{{ provider = \"scripted\", model = \"claude\" }}]\n{model}\n",
        provider.base_url(),
    ))
    .await
}

async fn post(gateway: &TestGateway, path: &str, body: &Value, headers: &[(&str, &str)]) -> Reply {
    let mut client = Client::connect(gateway.address()).await;
    client.post_to(path, body, headers).await;
    client.reply().await
}

async fn ask(gateway: &TestGateway, body: &Value) -> Reply {
    post(gateway, "/v1/messages", body, &[VERSION]).await
}

async fn get(gateway: &TestGateway, path: &str, headers: &str) -> Reply {
    let mut client = Client::connect(gateway.address()).await;
    let head = format!("GET {path} HTTP/1.1\r\nhost: h\r\n{headers}\r\n");
    client.send(head).await;
    client.reply().await
}

/// An event as it is written.
fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

#[actix_web::test]
async fn a_message_streams_byte_for_byte_from_a_provider_that_speaks_the_same() {
    let odd = r#"{ "type" : "content_block_delta", "index":0,"delta":{"type":"text_delta","text":"é\u2028"}, "new":1.0e2 }"#;
    let gate = Gate::new();
    let script = Script::sse()
        .header("request-id", "req_1")
        .header("anthropic-ratelimit-requests-remaining", "41")
        .typed_event(scripted::start(3))
        .typed_event(scripted::text_block(0))
        .typed_event(odd)
        .wait(&gate)
        .typed_event(scripted::ping())
        .typed_event(scripted::block_end(0))
        .typed_event(scripted::finish("end_turn", 2))
        .typed_event(scripted::end())
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = in_front_of(&provider, "", "").await;

    let beta = ("anthropic-beta", "fine-grained");
    let mut reply = post(&gateway, "/v1/messages", &request(true), &[VERSION, beta]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("request-id"), Some("req_1"));
    let remaining = reply.header("anthropic-ratelimit-requests-remaining");
    assert_eq!(remaining, Some("41"));
    assert_eq!(reply.header("x-upstream-model"), Some("claude"));
    gate.open();
    let (chunks, end) = reply.rest().await;
    assert_eq!(
        chunks,
        [
            event("message_start", &scripted::start(3)),
            event("content_block_start", &scripted::text_block(0)),
            event("content_block_delta", odd),
            event("ping", &scripted::ping()),
            event("content_block_stop", &scripted::block_end(0)),
            event("message_delta", &scripted::finish("end_turn", 2)),
            event("message_stop", &scripted::end()),
        ]
    );
    assert_eq!(end, End::Whole);

    let received = provider.next_request().await;
    assert_eq!(received.path, "/v1/messages");
    assert_eq!(received.header("anthropic-beta"), Some("fine-grained"));
    assert_eq!(received.header("anthropic-version"), Some("2023-06-01"));
    let mut expected = request(true);
    expected["model"] = json!("claude");
    assert_eq!(received.json(), expected);
}

#[actix_web::test]
async fn a_whole_message_passes_verbatim() {
    let document = format!("{}\n ", scripted::message("Hello"));
    let provider = ScriptedProvider::start([Script::json(200, &document)]).await;
    let gateway = in_front_of(&provider, "", "").await;
    let mut reply = ask(&gateway, &request(false)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text().await, document);
}

#[actix_web::test]
async fn a_key_may_stand_where_the_sdk_puts_it_and_a_wrong_one_is_refused_in_its_shape() {
    let hash = hex::encode(Sha256::digest("alpha"));
    let keys = format!("[[keys]]\nid = \"alpha\"\nsha256 = \"{hash}\"\n");
    let provider = ScriptedProvider::start([Script::message(["Hi"]).repeat()]).await;
    let gateway = in_front_of(&provider, &keys, "").await;
    for sent in [("x-api-key", "alpha"), ("authorization", "Bearer alpha")] {
        let reply = post(&gateway, "/v1/messages", &request(true), &[sent]).await;
        assert_eq!(reply.status, 200, "{sent:?}");
        let received = provider.next_request().await;
        assert!(!format!("{received:?}").contains("alpha"), "{sent:?}");
    }
    let wrong = [("x-api-key", "beta"), VERSION];
    for path in ["/v1/messages", "/v1/messages/count_tokens"] {
        let mut refused = post(&gateway, path, &request(true), &wrong).await;
        assert_eq!(refused.status, 401);
        assert_eq!(
            refused.json().await,
            json!({"type":"error","error":{
                "type":"authentication_error","message":"the API key is not known","code":"invalid_api_key",
            }})
        );
    }
    let mut models = get(&gateway, "/v1/models", "anthropic-version: 1\r\n").await;
    assert_eq!(models.status, 401);
    let body = models.json().await;
    assert_eq!(body["type"], "error");
    assert_eq!(body["error"]["type"], "authentication_error");
}

#[actix_web::test]
async fn a_provider_s_own_error_keeps_its_class_and_words_where_its_status_stays() {
    let refusal = |status, kind| Script::json(status, scripted::error("words", kind));
    let provider = ScriptedProvider::start([
        refusal(429, "rate_limit_error").header("retry-after", "7"),
        refusal(400, "invalid_request_error"),
        refusal(529, "overloaded_error"),
        refusal(401, "authentication_error"),
    ])
    .await;
    let gateway = in_front_of(&provider, "", "").await;
    let mut told = Vec::new();
    for _ in 0..4 {
        let mut reply = ask(&gateway, &request(true)).await;
        let body = reply.json().await;
        assert_eq!(body["type"], "error");
        let error = &body["error"];
        let upstream = &body["upstream"]["code"];
        told.push(json!([
            reply.status,
            error["type"],
            error["message"],
            upstream
        ]));
    }
    assert_eq!(
        told,
        [
            json!([429, "rate_limit_error", "words", "upstream_rate_limited"]),
            json!([400, "invalid_request_error", "words", "upstream_rejected"]),
            json!([503, "overloaded_error", told[2][2], "upstream_overloaded"]),
            json!([502, "api_error", told[3][2], "upstream_auth"]),
        ]
    );
    assert!(
        told[3][2]
            .as_str()
            .unwrap()
            .starts_with("provider `scripted`: ")
    );
}

#[actix_web::test]
async fn what_herald_refuses_has_a_class_that_the_sdks_know() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = in_front_of(&provider, "", "").await;
    let unknown = json!({ "model": "nobody" });
    for (path, body, status, kind, code) in [
        (
            "/v1/messages",
            unknown.clone(),
            404,
            "not_found_error",
            "model_not_found",
        ),
        (
            "/v1/messages",
            json!([]),
            400,
            "invalid_request_error",
            "invalid_json",
        ),
        (
            "/v1/messages/count_tokens",
            unknown,
            404,
            "not_found_error",
            "model_not_found",
        ),
        (
            "/v1/messages/batches",
            json!({}),
            404,
            "not_found_error",
            "unknown_url",
        ),
    ] {
        let mut reply = post(&gateway, path, &body, &[VERSION]).await;
        assert_eq!(reply.status, status, "{path}");
        let body = reply.json().await;
        assert_eq!(body["type"], "error");
        assert_eq!(
            (&body["error"]["type"], &body["error"]["code"]),
            (&json!(kind), &json!(code))
        );
    }
    let mut reply = get(&gateway, "/v1/messages", "anthropic-version: 1\r\n").await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    assert_eq!(reply.json().await["error"]["type"], "invalid_request_error");
}

#[actix_web::test]
async fn a_stream_that_breaks_ends_in_an_event_named_error_and_never_in_message_stop() {
    let begun = || {
        Script::sse()
            .typed_event(scripted::start(3))
            .typed_event(scripted::text_block(0))
            .typed_event(scripted::text(0, "a"))
    };
    let provider = ScriptedProvider::start([
        begun().finish(),
        begun()
            .typed_event(scripted::error("Overloaded", "overloaded_error"))
            .finish(),
        Script::sse()
            .typed_event(scripted::start(3))
            .typed_event(scripted::error("Overloaded", "overloaded_error"))
            .finish(),
    ])
    .await;
    let gateway = in_front_of(&provider, "", "").await;

    let events = ask(&gateway, &request(true)).await.events().await;
    assert_eq!(events.len(), 4);
    let error: Value =
        serde_json::from_str(events[3].strip_prefix("event: error\ndata: ").unwrap()).unwrap();
    assert_eq!(error["type"], "error");
    assert_eq!(error["error"]["type"], "api_error");
    assert_eq!(error["error"]["code"], "upstream_truncated");

    let events = ask(&gateway, &request(true)).await.events().await;
    let own = scripted::error("Overloaded", "overloaded_error");
    assert_eq!(events[3..], [format!("event: error\ndata: {own}")]);

    let mut early = ask(&gateway, &request(true)).await;
    assert_eq!(early.status, 503);
    let body = early.json().await;
    assert_eq!(body["error"]["type"], "overloaded_error");
    assert_eq!(body["upstream"]["status"], 200);
}

#[actix_web::test]
async fn thoughts_are_emptied_where_a_model_keeps_them_and_all_blocks_keep_their_places() {
    let script = Script::sse()
        .typed_event(scripted::start(3))
        .typed_event(scripted::thinking_block(0))
        .typed_event(scripted::thinking(0, "hm"))
        .typed_event(scripted::signature(0, "sig"))
        .typed_event(scripted::block_end(0))
        .typed_event(scripted::text_block(1))
        .typed_event(scripted::text(1, "a"))
        .typed_event(scripted::block_end(1))
        .typed_event(scripted::finish("end_turn", 2))
        .typed_event(scripted::end())
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let filter = "filter = { drop_events = [\"ping\"], drop = [\"reasoning\"] }";
    let gateway = in_front_of(&provider, "", filter).await;
    let (chunks, _) = ask(&gateway, &request(true)).await.rest().await;
    assert_eq!(
        chunks[1..4],
        [
            event("content_block_start", &scripted::thinking_block(0)),
            event("content_block_delta", &scripted::signature(0, "sig")),
            event("content_block_stop", &scripted::block_end(0)),
        ]
    );
    assert_eq!(chunks.len(), 9);
}

#[actix_web::test]
async fn no_event_metadata_comes_to_sdks_that_would_take_it_for_one_of_the_message() {
    let provider = ScriptedProvider::start([Script::message(["Hi"])]).await;
    let gateway = in_front_of(&provider, "", "").await;
    let asked = [VERSION, ("x-herald-metadata", "event")];
    let mut reply = post(&gateway, "/v1/messages", &request(true), &asked).await;
    let first = reply.chunk().await.unwrap();
    assert_eq!(first, event("message_start", &scripted::start(3)));
}

#[actix_web::test]
async fn a_count_is_refused_where_the_provider_cannot_count() {
    let gateway = TestGateway::start().await;
    let body = json!({ "model": "replay-text", "messages": [] });
    let mut reply = post(&gateway, "/v1/messages/count_tokens", &body, &[VERSION]).await;
    assert_eq!(reply.status, 400);
    let body = reply.json().await;
    assert_eq!(body["error"]["type"], "invalid_request_error");
    assert_eq!(body["error"]["code"], "unsupported_endpoint");
}

#[actix_web::test]
async fn models_are_listed_in_the_shape_that_the_client_knows() {
    let gateway = TestGateway::with_settings(
        "[[providers]]\nid = \"p\"\nkind = \"replay\"\n\
         [[models]]\nid = \"vendor/a\"\ncreated = 1700000000\n\
         targets = [{ provider = \"p\", model = \"text\" }]\n\
         [[models]]\nid = \"b\"\ntargets = [{ provider = \"p\", model = \"text\" }]\n",
    )
    .await;
    let a = json!({
        "type": "model", "id": "vendor/a", "display_name": "vendor/a", "created_at": "2023-11-14T22:13:20Z",
    });
    let version = "anthropic-version: 2023-06-01\r\n";
    let mut list = get(&gateway, "/v1/models?limit=1", version).await;
    let list = list.json().await;
    assert_eq!(list["data"][0], a);
    assert_eq!(list["data"][1]["created_at"], "1970-01-01T00:00:00Z");
    assert_eq!(
        (&list["has_more"], &list["first_id"], &list["last_id"]),
        (&json!(false), &json!("vendor/a"), &json!("b"))
    );
    let mut one = get(&gateway, "/v1/models/vendor/a", version).await;
    assert_eq!(one.json().await, a);
    let mut unknown = get(&gateway, "/v1/models/nobody", version).await;
    assert_eq!(unknown.json().await["error"]["type"], "not_found_error");
    let mut other = get(&gateway, "/v1/models", "").await;
    assert_eq!(other.json().await["object"], "list");
}
