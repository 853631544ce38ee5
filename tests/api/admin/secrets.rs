//! Secrets that are planted wherever they can be stand on no surface of the admin listener.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::ask;
use crate::support::Client;

const PLANTED: [&str; 6] = [
    "planted-provider-key",
    "planted-client-key",
    "planted-admin-token",
    "planted-prompt",
    "planted-completion",
    "planted-header",
];

#[actix_web::test]
async fn nothing_that_was_planted_is_told_by_any_route() {
    let folder = std::env::temp_dir();
    let file = |name: &str, secret: &str| {
        let file = folder.join(format!("herald-planted-{name}-{}", std::process::id()));
        std::fs::write(&file, secret).unwrap();
        file
    };
    let [provider_key, client_key, token, prompt, completion, header] = PLANTED;
    let (key_file, token_file) = (file("key", provider_key), file("token", token));
    let provider = ScriptedProvider::start([
        Script::json(401, scripted::error(provider_key, client_key)),
        Script::sse()
            .header("x-request-id", header)
            .event(scripted::text(completion))
            .stall(),
    ])
    .await;
    let gateway = TestGateway::with_settings(&format!(
        "[admin]\ntoken = {{ file = \"{}\" }}\n\
         [[keys]]\nid = \"team\"\nsha256 = \"{}\"\n\
         [[providers]]\nid = \"scripted\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
         api_key = {{ file = \"{}\" }}\n\
         [[models]]\nid = \"scripted-model\"\n\
         targets = [{{ provider = \"scripted\", model = \"scripted-model\" }}]\n",
        token_file.display(),
        hex::encode(Sha256::digest(client_key)),
        provider.base_url(),
        key_file.display(),
    ))
    .await;
    std::fs::remove_file(key_file).unwrap();
    std::fs::remove_file(token_file).unwrap();

    let request = json!({
        "model": "scripted-model",
        "stream": true,
        "messages": [{ "role": "user", "content": prompt }],
    });
    let bearer = format!("Bearer {client_key}");
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(gateway.address()).await;
        client
            .post_chat_with(
                &request,
                &[("authorization", &bearer), ("x-planted", header)],
            )
            .await;
        open.push(client.reply().await);
    }
    assert!(open[1].chunk().await.unwrap().contains(completion));

    let admin = gateway.admin_address();
    let right = format!("Bearer {token}");
    let wrong = format!("Bearer {provider_key}");
    let id = open[1].header("x-herald-request-id").unwrap().to_owned();
    let mut seen = 0;
    for line in [
        "GET /metrics".to_owned(),
        "GET /streams".to_owned(),
        "GET /openapi.json".to_owned(),
        "GET /health/ready".to_owned(),
        format!("GET /{prompt}"),
        format!("DELETE /streams/{prompt}"),
        format!("DELETE /streams/{id}"),
    ] {
        for authorization in [&right, &wrong] {
            let headers = [("authorization", authorization.as_str())];
            let mut reply = ask(admin, &line, &headers).await;
            let mut told = format!("{:?}", reply.headers);
            told.push_str(&reply.text().await);
            seen += told.len();
            for secret in PLANTED {
                assert!(!told.contains(secret), "{secret} in {line}: {told}");
            }
        }
    }
    assert!(seen > 20_000, "the surfaces said nothing");
}
