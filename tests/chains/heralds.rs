//! A chain of Heralds, and what a client is told at either end of it.

use std::io::Write;

use herald::testkit::{ScriptedProvider, TestGateway};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::{
    client::{Client, Reply},
    played,
};

/// `first` is the one that asks the provider, `third` the one that the client asks. It goes first, and
/// lets go of the connections that it keeps to the one behind.
pub(crate) struct Chain {
    pub(crate) third: TestGateway,
    pub(crate) second: TestGateway,
    pub(crate) first: TestGateway,
}

/// A Herald of this name, whose model `m` is another's of the same name.
pub(crate) async fn herald(name: &str, asks: &str, more: &str) -> TestGateway {
    TestGateway::with_settings(&format!(
        "{more}\n[metadata]\nproxy_name = \"{name}\"\n\
         [[providers]]\n{asks}\n\
         [[models]]\nid = \"m\"\ntargets = [{{ provider = \"{name}-asks\", model = \"m\" }}]\n"
    ))
    .await
}

/// The settings of the provider that the Herald of this name asks.
pub(crate) fn provider(name: &str, kind: &str, base_url: &str) -> String {
    format!("id = \"{name}-asks\"\nkind = \"{kind}\"\nbase_url = \"{base_url}\"")
}

/// The Herald `first`, whose model `m` is this one of a Cody Gateway; the settings are the provider's.
pub(crate) async fn before_cody_gateway(base_url: &str, target: &str, more: &str) -> TestGateway {
    tuned_before_cody_gateway(base_url, target, more, "").await
}

/// The same with settings of its own.
pub(crate) async fn tuned_before_cody_gateway(
    base_url: &str,
    target: &str,
    more: &str,
    settings: &str,
) -> TestGateway {
    let mut key = NamedTempFile::new().unwrap();
    write!(key, "{}", played::KEY).unwrap();
    let asks = provider("first", "sourcegraph", base_url);
    TestGateway::with_settings(&format!(
        "{settings}\n[metadata]\nproxy_name = \"first\"\n\
         [[providers]]\n{asks}\napi_key = {{ file = {:?} }}\n{more}\n\
         [[models]]\nid = \"m\"\ntargets = [{{ provider = \"first-asks\", model = \"{target}\" }}]\n",
        key.path()
    ))
    .await
}

impl Chain {
    /// Before a provider of OpenAI's API; the settings are the first one's.
    pub(crate) async fn before(provider: &ScriptedProvider, more: &str) -> Self {
        Self::of(
            &self::provider("first", "openai", &provider.base_url()),
            more,
        )
        .await
    }

    /// Before a provider of these settings.
    pub(crate) async fn of(asks: &str, more: &str) -> Self {
        Self::behind(herald("first", asks, more).await, "").await
    }

    /// Two more before that one; the settings are the second one's.
    pub(crate) async fn behind(first: TestGateway, more: &str) -> Self {
        let asks = provider("second", "herald", &first.base_url());
        let second = herald("second", &asks, more).await;
        let asks = provider("third", "herald", &second.base_url());
        let third = herald("third", &asks, "").await;
        Self {
            third,
            second,
            first,
        }
    }
}

/// Asks a Herald.
pub(crate) async fn ask(gateway: &TestGateway, path: &str, body: &Value) -> Reply {
    ask_with(gateway, path, body, &[]).await
}

/// The same with headers.
pub(crate) async fn ask_with(
    gateway: &TestGateway,
    path: &str,
    body: &Value,
    headers: &[(&str, &str)],
) -> Reply {
    let mut client = Client::connect(gateway.address()).await;
    client.post_to(path, body, headers).await;
    client.reply().await
}

/// A request for a chat completion.
pub(crate) fn chat(stream: bool) -> Value {
    serde_json::json!({ "model": "m", "stream": stream, "messages": [{ "role": "user", "content": "Hi" }] })
}

pub(crate) const CHAT: &str = "/v1/chat/completions";
