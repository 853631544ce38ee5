//! OpenAI's chat completions under Sourcegraph's path.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};
use serde_json::json;

use super::*;

const CHAT: &str = "/.api/llm/chat/completions";

fn chat(model: &str, stream: bool) -> Value {
    json!({
        "model": model, "stream": stream, "stream_options": { "include_usage": true },
        "messages": [{ "role": "system", "content": "s" }, { "role": "user", "content": "Hi" }],
    })
}

#[actix_web::test]
async fn streams_and_documents_are_openais_with_what_they_took() {
    let provider = ScriptedProvider::start([
        Script::sse()
            .event(scripted::text("a"))
            .event(scripted::finish("stop"))
            .event(scripted::usage(3, 2))
            .done()
            .finish(),
        Script::json(200, scripted::completion("whole")),
    ])
    .await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let name = "scripted::v1::scripted-model";
    let told = ask(&gateway, CHAT, &chat(name, true)).await.events().await;
    assert_eq!(told.last().unwrap(), "[DONE]");
    assert!(
        told[told.len() - 2].contains("\"prompt_tokens\":3"),
        "{told:?}"
    );
    let document = ask(&gateway, CHAT, &chat("scripted/scripted-model", false))
        .await
        .json()
        .await;
    assert_eq!(document["choices"][0]["message"]["content"], "whole");
    assert_eq!(document["usage"]["prompt_tokens"], 3);
}

#[actix_web::test]
async fn errors_are_openais_too() {
    let gateway = TestGateway::start().await;
    let mut reply = ask(&gateway, CHAT, &chat("a::b::none", false)).await;
    assert_eq!(reply.status, 404);
    assert_eq!(reply.json().await["error"]["code"], "model_not_found");
}

#[actix_web::test]
async fn models_are_listed_and_told_of_by_any_of_their_names() {
    let gateway = TestGateway::start().await;
    for (path, status) in [
        ("/.api/llm/models", 200),
        ("/.api/llm/models/replay-text", 200),
        ("/.api/llm/models/replay::v1::replay-text", 200),
        ("/.api/llm/models/replay/replay-text", 200),
        ("/.api/llm/models/none", 404),
    ] {
        let mut client = Client::connect(gateway.address()).await;
        client
            .send(format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n"))
            .await;
        let mut reply = client.reply().await;
        assert_eq!(reply.status, status, "{path}");
        let told = reply.json().await;
        assert!(told.to_string().contains(if status == 200 {
            "replay-text"
        } else {
            "model_not_found"
        }));
    }
}
