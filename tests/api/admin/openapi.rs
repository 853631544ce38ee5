//! The description of the API: served, and true of both listeners.

use std::collections::HashMap;

use herald::{
    Gateway,
    reload::{SettingsActor, source::SettingsSource},
    testkit::TestGateway,
};

use super::ask;

#[actix_web::test]
async fn every_operation_that_is_described_is_there_on_its_listener() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("herald.toml");
    let addresses = "server.listen = \"127.0.0.1:0\"\nadmin.listen = \"127.0.0.1:0\"\n";
    std::fs::write(&file, addresses).unwrap();
    let source = SettingsSource::new(Some(&file), HashMap::new(), HashMap::new());
    let gateway = Gateway::new(source.load().unwrap());
    let control = SettingsActor::begin(gateway.clone(), source, None);
    let gateway = TestGateway::run_controlled(gateway, control).await;
    let (public, admin) = (gateway.address(), gateway.admin_address());
    let api = ask(admin, "GET /openapi.json", &[]).await.json().await;
    assert_eq!(api["openapi"], "3.1.0");
    let mut asked = 0;
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let listeners = match operation["tags"][0].as_str().unwrap() {
                "public" | "sourcegraph" => vec![public],
                "admin" => vec![admin],
                _ => vec![public, admin],
            };
            for listener in listeners {
                let line = format!(
                    "{} {}",
                    method.to_uppercase(),
                    path.replace("{id}", "nobody")
                );
                let body = [("content-length", "0")];
                let mut reply = ask(listener, &line, &body).await;
                assert_ne!(reply.status, 405, "{line}");
                if reply.status == 404 {
                    let code = reply.json().await["error"]["code"].clone();
                    assert_ne!(code, "unknown_url", "{line}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 8, "{asked}");
}
