//! What Cody asks before it asks for a completion.

use herald::testkit::{Script, ScriptedProvider, TestGateway};
use serde_json::json;

use super::*;

async fn get(gateway: &TestGateway, path: &str) -> Value {
    let mut client = Client::connect(gateway.address()).await;
    let head = format!("GET {path} HTTP/1.1\r\nhost: h\r\nauthorization: token sgp_client\r\n\r\n");
    client.send(head).await;
    let mut reply = client.reply().await;
    assert_eq!(reply.status, 200, "{path}");
    reply.json().await
}

#[actix_web::test]
async fn each_model_that_is_told_of_can_be_asked_for_by_the_name_that_it_is_told_under() {
    let provider = ScriptedProvider::start([Script::chat(["ok"]).repeat()]).await;
    let settings = format!(
        "[sourcegraph]\nmax_input_tokens = 1000\n\
         [[providers]]\nid = \"scripted\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"one\"\ntargets = [{{ provider = \"scripted\", model = \"1\" }}]\n\
         [[models]]\nid = \"acme/two\"\ntargets = [{{ provider = \"scripted\", model = \"2\" }}]\n",
        provider.base_url()
    );
    let gateway = TestGateway::with_settings(&settings).await;
    let told = get(&gateway, "/.api/modelconfig/supported-models.json").await;
    assert_eq!(told["schemaVersion"], "1.0");
    assert_eq!(
        told["providers"],
        json!([{ "id": "scripted", "displayName": "scripted" }])
    );
    assert_eq!(told["defaultModels"]["chat"], "scripted::unknown::one");
    let models = told["models"].as_array().unwrap();
    assert_eq!(models.len(), 2);
    for (model, up) in models.iter().zip(["1", "2"]) {
        assert_eq!(
            model["contextWindow"],
            json!({ "maxInputTokens": 1000, "maxOutputTokens": 4000 })
        );
        let reference = model["modelRef"].as_str().unwrap();
        assert_eq!(reference.splitn(3, "::").count(), 3);
        let body = question_with(json!({ "model": reference }));
        let mut reply = ask(&gateway, &at(STREAM, 8), &body).await;
        assert!(is_complete(play(&mut reply, 8).await.1));
        assert_eq!(provider.next_request().await.json()["model"], up);
    }
}

/// Three models, two of them for one use each; one key may use all of them, another the last alone.
const CATALOGUE: &str = r#"
[sourcegraph]
max_output_tokens = 2000
[sourcegraph.default_models]
chat = "talker"
[[providers]]
id = "p"
kind = "replay"
[[models]]
id = "old"
targets = [{ provider = "p", model = "text" }]
catalogue.status = "deprecated"
[[models]]
id = "typist"
targets = [{ provider = "p", model = "text" }]
catalogue.capabilities = ["autocomplete"]
catalogue.category = "speed"
[[models]]
id = "talker"
targets = [{ provider = "p", model = "text" }]
[models.catalogue]
display_name = "The Talker"
context_window = { input = 150000 }
capabilities = ["chat", "edit", "vision"]
category = "accuracy"
status = "beta"
tier = "pro"
"#;

#[actix_web::test]
async fn what_the_settings_say_of_a_model_is_what_cody_is_told() {
    let gateway = TestGateway::with_settings(CATALOGUE).await;
    let told = get(&gateway, "/.api/modelconfig/supported-models.json").await;
    let models = &told["models"];
    assert_eq!(
        models[1],
        json!({
            "modelRef": "p::unknown::typist", "displayName": "typist", "modelName": "typist",
            "capabilities": ["autocomplete"], "category": "speed", "status": "stable",
            "tier": "enterprise",
            "contextWindow": { "maxInputTokens": 45000, "maxOutputTokens": 2000 },
        })
    );
    assert_eq!(
        models[2],
        json!({
            "modelRef": "p::unknown::talker", "displayName": "The Talker", "modelName": "talker",
            "capabilities": ["chat", "edit", "vision"], "category": "accuracy", "status": "beta",
            "tier": "pro",
            "contextWindow": { "maxInputTokens": 150000, "maxOutputTokens": 2000 },
        })
    );
    let usual = json!(["autocomplete", "chat", "edit", "tools"]);
    assert_eq!(models[0]["capabilities"], usual);
}

#[actix_web::test]
async fn a_default_is_the_settings_or_the_first_model_that_is_offered_for_it() {
    let gateway = TestGateway::with_settings(CATALOGUE).await;
    let told = get(&gateway, "/.api/modelconfig/supported-models.json").await;
    assert_eq!(
        told["defaultModels"],
        json!({
            "chat": "p::unknown::talker", "fastChat": "p::unknown::talker",
            "codeCompletion": "p::unknown::typist",
        })
    );
    // A key that may use one of them alone is told of no other, whatever the settings name.
    let key = super::checks::key("models = [\"typist\"]");
    let gateway = TestGateway::with_settings(&format!("{CATALOGUE}{key}")).await;
    let told = get(&gateway, "/.api/modelconfig/supported-models.json").await;
    assert_eq!(told["models"].as_array().unwrap().len(), 1);
    let expected = json!({ "codeCompletion": "p::unknown::typist" });
    assert_eq!(told["defaultModels"], expected);
}

#[actix_web::test]
async fn the_clients_are_told_what_herald_can_do() {
    let gateway = TestGateway::start().await;
    let told = get(&gateway, "/.api/client-config").await;
    assert_eq!(told["latestSupportedCompletionsStreamAPIVersion"], 8);
    assert_eq!(told["modelsAPIEnabled"], true);
    assert_eq!(told["attributionEnabled"], false);
}
