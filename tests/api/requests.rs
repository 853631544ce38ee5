//! What Herald takes from clients, how it goes upstream, and how it is refused.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};
use serde_json::{Value, json};

use crate::support::{Client, Reply, chat, stream_request};

async fn post(gateway: &TestGateway, path: &str, body: &str) -> Reply {
    request(gateway, "POST", path, body).await
}

async fn request(gateway: &TestGateway, method: &str, path: &str, body: &str) -> Reply {
    let mut client = Client::connect(gateway.address()).await;
    let length = body.len();
    client
        .send(format!(
            "{method} {path} HTTP/1.1\r\nhost: herald\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await;
    client.reply().await
}

async fn assert_refused(mut reply: Reply, status: u16, code: &str) -> Value {
    assert_eq!(reply.status, status);
    assert!(reply.header("x-herald-request-id").is_some());
    assert_eq!(reply.header("x-upstream-status"), None);
    assert_eq!(reply.header("proxy-status"), None);
    let body = reply.json().await;
    assert_eq!(body["error"]["code"], code);
    assert_eq!(body["error"]["type"], "invalid_request_error");
    assert_eq!(body.get("upstream"), None);
    body
}

#[actix_web::test]
async fn the_body_goes_upstream_byte_for_byte_but_for_the_models_name() {
    let provider = ScriptedProvider::start([Script::chat(["a"])]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"mine\"\ntargets = [{{ provider = \"p\", model = \"vendor/theirs\" }}]\n",
        provider.base_url()
    ))
    .await;
    let body = "{ \"messages\" : [ ] ,\r\n \"temperature\": 1.0e-1, \"model\" : \"mine\",\"stream\":true, \"future\": {\"a\" : [1,2 ]} }";
    post(&gateway, "/v1/chat/completions", body).await;
    let request = provider.next_request().await;
    assert_eq!(
        request.text(),
        body.replace("\"mine\"", "\"vendor/theirs\"")
    );
    assert_eq!(request.path, "/v1/chat/completions");
    assert_eq!(request.header("content-type"), Some("application/json"));
    let own = concat!("herald/", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.header("user-agent"), Some(own));
}

#[actix_web::test]
async fn a_large_prompt_passes_whole() {
    let provider = ScriptedProvider::start([Script::chat(["a"])]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut body = stream_request();
    body["messages"][0]["content"] = json!("é".repeat(1 << 20));
    let mut reply = chat(gateway.address(), &body).await;
    assert_eq!(reply.events().await.last().unwrap(), "[DONE]");
    assert_eq!(provider.next_request().await.json(), body);
}

#[actix_web::test]
async fn bad_bodies_are_refused_in_the_openai_shape_naming_the_place() {
    let gateway = TestGateway::start().await;
    let path = "/v1/chat/completions";
    let body = assert_refused(
        post(&gateway, path, "{\n \"model\": }").await,
        400,
        "invalid_json",
    )
    .await;
    assert_eq!(
        body["error"]["message"],
        "the request body is not valid JSON: expected value at line 2 column 11"
    );
    assert_refused(post(&gateway, path, "").await, 400, "invalid_json").await;
    assert_refused(post(&gateway, path, "[]").await, 400, "invalid_json").await;
    let body = assert_refused(
        post(&gateway, path, r#"{"model":"replay-text","stream":"yes"}"#).await,
        400,
        "invalid_value",
    )
    .await;
    assert_eq!(body["error"]["param"], "stream");
}

#[actix_web::test]
async fn a_missing_or_unknown_model_is_404() {
    let gateway = TestGateway::start().await;
    for body in ["{}", r#"{"model":"nobody"}"#] {
        let reply = post(&gateway, "/v1/chat/completions", body).await;
        let body = assert_refused(reply, 404, "model_not_found").await;
        assert_eq!(body["error"]["param"], "model");
    }
}

#[actix_web::test]
async fn of_a_long_model_name_only_its_beginning_is_told() {
    let gateway = TestGateway::start().await;
    let body = format!(r#"{{"model":"{}"}}"#, "x".repeat(1 << 20));
    let reply = post(&gateway, "/v1/chat/completions", &body).await;
    let body = assert_refused(reply, 404, "model_not_found").await;
    assert!(body.to_string().len() < 1_000);
}

#[actix_web::test]
async fn an_http_1_0_client_gets_no_chunks_and_the_end_of_the_connection() {
    let provider = ScriptedProvider::start([Script::chat(["a"])]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let body = stream_request().to_string();
    let mut client = Client::connect(gateway.address()).await;
    client
        .send(format!(
            "POST /v1/chat/completions HTTP/1.0\r\nhost: h\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    let mut reply = client.reply().await;
    assert_eq!(reply.header("transfer-encoding"), None);
    let text = reply.until_close().await;
    let expected = format!("data: {}\n\n", scripted::role());
    assert!(text.starts_with(&expected), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[actix_web::test]
async fn a_wrong_path_is_404_and_a_wrong_method_405() {
    let gateway = TestGateway::start().await;
    assert_refused(post(&gateway, "/v2/chat", "").await, 404, "unknown_url").await;
    assert_refused(request(&gateway, "GET", "/", "").await, 404, "unknown_url").await;
    let reply = request(&gateway, "GET", "/v1/chat/completions", "").await;
    assert_eq!(reply.header("allow"), Some("POST"));
    assert_refused(reply, 405, "method_not_allowed").await;
    for path in ["/v1/models", "/v1/models/x"] {
        let reply = request(&gateway, "DELETE", path, "").await;
        assert_eq!(reply.header("allow"), Some("GET"));
        assert_refused(reply, 405, "method_not_allowed").await;
    }
}

#[actix_web::test]
async fn a_body_over_the_limit_is_413_however_it_is_framed() {
    let gateway = TestGateway::with_settings("[server]\nmax_body_bytes = \"1KiB\"\n").await;
    let large = format!(r#"{{"model":"replay-text","x":"{}"}}"#, "x".repeat(2_000));
    assert_refused(
        post(&gateway, "/v1/chat/completions", &large).await,
        413,
        "request_too_large",
    )
    .await;

    let mut client = Client::connect(gateway.address()).await;
    client
        .send(format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
            large.len()
        ))
        .await;
    assert_refused(client.reply().await, 413, "request_too_large").await;
}

#[actix_web::test]
async fn a_body_that_does_not_arrive_is_408() {
    let gateway = TestGateway::with_settings("[server]\nrequest_body = \"40ms\"\n").await;
    let mut client = Client::connect(gateway.address()).await;
    client
        .send("POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\n{")
        .await;
    assert_refused(client.reply().await, 408, "request_timeout").await;
}

#[actix_web::test]
async fn a_compressed_body_is_415() {
    let gateway = TestGateway::start().await;
    let mut client = Client::connect(gateway.address()).await;
    client
        .post_chat_with(&stream_request(), &[("content-encoding", "gzip")])
        .await;
    assert_refused(client.reply().await, 415, "unsupported_content_encoding").await;
}

#[actix_web::test]
async fn a_timeout_header_that_is_no_number_is_400() {
    let gateway = TestGateway::start().await;
    let mut client = Client::connect(gateway.address()).await;
    let mut body = stream_request();
    body["model"] = json!("replay-text");
    client
        .post_chat_with(&body, &[("x-timeout-ms", "soon")])
        .await;
    assert_refused(client.reply().await, 400, "invalid_header").await;
}

#[actix_web::test]
async fn expect_continue_and_chunked_bodies_work() {
    let provider = ScriptedProvider::start([Script::chat(["a"]), Script::chat(["b"])]).await;
    let gateway = TestGateway::in_front_of(&provider).await;

    let body = stream_request().to_string();
    let mut client = Client::connect(gateway.address()).await;
    client
        .send(format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
            body.len()
        ))
        .await;
    assert_eq!(client.interim().await, 100);
    client.send(&body).await;
    assert_eq!(
        client.reply().await.events().await.last().unwrap(),
        "[DONE]"
    );

    let (first, second) = body.split_at(10);
    let mut client = Client::connect(gateway.address()).await;
    client
        .send(format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
            first.len(),
            second.len()
        ))
        .await;
    assert_eq!(
        client.reply().await.events().await.last().unwrap(),
        "[DONE]"
    );
    assert_eq!(provider.requests()[1].text(), body);
}

#[actix_web::test]
async fn several_requests_run_on_one_connection() {
    let provider = ScriptedProvider::start([
        Script::chat(["a"]),
        Script::json(429, "{}"),
        Script::json(200, scripted::completion("c")),
    ])
    .await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat(&stream_request()).await;
    let mut reply = client.reply().await;
    assert_eq!(reply.events().await.len(), 4);
    let mut client = reply.into_client();
    client.post_chat(&stream_request()).await;
    let mut reply = client.reply().await;
    assert_eq!(reply.status, 429);
    reply.text().await;
    let mut client = reply.into_client();
    client
        .post_chat(&crate::support::completion_request())
        .await;
    assert_eq!(client.reply().await.text().await, scripted::completion("c"));
}

#[actix_web::test]
async fn a_key_is_asked_for_where_one_is_defined() {
    // SHA-256 of "correct horse".
    let settings =
        "[[keys]]\nid = \"team\"\nsha256 = \"HASH\"\n".replace("HASH", &key_hash("correct horse"));
    let gateway = TestGateway::with_settings(&settings).await;
    let mut body = stream_request();
    body["model"] = json!("replay-rate-limited");
    for (key, status) in [
        (None, 401),
        (Some("Bearer wrong"), 401),
        (Some("Bearer correct horse"), 429),
    ] {
        let mut client = Client::connect(gateway.address()).await;
        let headers: Vec<_> = key.iter().map(|key| ("authorization", *key)).collect();
        client.post_chat_with(&body, &headers).await;
        let mut reply = client.reply().await;
        assert_eq!(reply.status, status);
        if status == 401 {
            let challenge = reply.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Bearer"));
            let text = reply.text().await;
            assert!(
                text.contains("invalid_api_key") && !text.contains("wrong"),
                "{text}"
            );
        }
    }
    // Without a key nothing is told of the models; health is open.
    assert_eq!(request(&gateway, "GET", "/v1/models", "").await.status, 401);
    assert_eq!(
        request(&gateway, "GET", "/health/ready", "").await.status,
        200
    );
}

fn key_hash(key: &str) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(key))
}
