//! `/v1/models` and health.

use herald::testkit::TestGateway;

use crate::support::{Client, Reply};

async fn get(gateway: &TestGateway, path: &str) -> Reply {
    let mut client = Client::connect(gateway.address()).await;
    client
        .send(format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n"))
        .await;
    client.reply().await
}

#[actix_web::test]
async fn the_models_of_the_settings_are_listed_in_their_order() {
    let gateway = TestGateway::start().await;
    let list = get(&gateway, "/v1/models").await.json().await;
    assert_eq!(list["object"], "list");
    let ids: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids[0], "replay-text");
    assert!(ids.contains(&"replay-rate-limited") && ids.len() >= 6);
    assert_eq!(list["data"][0]["object"], "model");
}

#[actix_web::test]
async fn one_model_is_told_by_its_name_even_with_slashes() {
    let gateway = TestGateway::with_settings(
        "[[providers]]\nid = \"p\"\nkind = \"replay\"\n\
         [[models]]\nid = \"vendor/model:1\"\nowned_by = \"us\"\ncreated = 7\n\
         targets = [{ provider = \"p\", model = \"text\" }]\n",
    )
    .await;
    let model = get(&gateway, "/v1/models/vendor/model:1")
        .await
        .json()
        .await;
    assert_eq!(
        model,
        serde_json::json!({ "id": "vendor/model:1", "object": "model", "created": 7, "owned_by": "us" })
    );
    let mut unknown = get(&gateway, "/v1/models/nobody").await;
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.json().await["error"]["code"], "model_not_found");
}

#[actix_web::test]
async fn health_tells_live_and_ready_until_the_shutdown_begins() {
    let gateway = TestGateway::start().await;
    assert_eq!(get(&gateway, "/health/live").await.status, 200);
    assert_eq!(get(&gateway, "/health/ready").await.status, 200);
    gateway.gateway().drain().begin();
    assert_eq!(get(&gateway, "/health/live").await.status, 200);
    let not_ready = get(&gateway, "/health/ready").await;
    assert_eq!(not_ready.status, 503);
    assert_eq!(not_ready.header("retry-after"), Some("1"));
    let mut refused = get(&gateway, "/v1/models").await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1"))
    );
    // The connection is closed, so that the client's next request finds another gateway.
    assert_eq!(refused.header("connection"), Some("close"));
    assert_eq!(refused.json().await["error"]["code"], "gateway_draining");
}

#[actix_web::test]
async fn a_wrong_method_on_health_is_405_in_the_same_shape() {
    let gateway = TestGateway::start().await;
    let mut client = Client::connect(gateway.address()).await;
    client
        .send("POST /health/ready HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n")
        .await;
    let mut reply = client.reply().await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
    assert_eq!(reply.json().await["error"]["code"], "method_not_allowed");
}
