//! A request keeps the settings that it began with to its end.

use std::collections::HashMap;

use herald::{
    settings::Settings,
    testkit::{Gate, Script, ScriptedProvider, TestGateway, chat as scripted},
};

use crate::support::{chat, stream_request};

#[actix_web::test]
async fn an_open_stream_ends_under_the_settings_it_began_with_and_the_next_request_has_the_new() {
    let gate = Gate::new();
    let provider = ScriptedProvider::start([Script::sse()
        .event(scripted::text("a"))
        .wait(&gate)
        .event(scripted::text("b"))
        .event(scripted::finish("stop"))
        .done()
        .finish()])
    .await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut old = chat(gateway.address(), &stream_request()).await;
    assert_eq!(old.header("x-herald-settings-generation"), Some("1"));
    old.chunk().await.unwrap();

    // The new settings know nothing of the provider that is streaming.
    let settings = Settings::from_toml("").unwrap();
    let settings = settings.verify(&HashMap::new()).unwrap();
    gateway.gateway().replace_settings(settings);
    assert_eq!(chat(gateway.address(), &stream_request()).await.status, 404);
    let mut request = stream_request();
    request["model"] = "replay-text".into();
    let new = chat(gateway.address(), &request).await;
    assert_eq!(new.header("x-herald-settings-generation"), Some("2"));

    gate.open();
    assert_eq!(old.events().await.last().unwrap(), "[DONE]");
}
