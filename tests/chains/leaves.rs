//! The client leaves, and the provider behind three Heralds stops.

use std::time::Duration;

use herald::testkit::{Framing, Happened, Script, ScriptedProvider, chat as scripted};
use tokio::time::Instant;

use crate::{
    client::Client,
    heralds::{CHAT, Chain, chat},
};

/// The longest that promise 6 allows.
const PROMISED: Duration = Duration::from_secs(1);

/// Leaves, and gives the time until the provider saw it.
async fn leave(client: impl Sized, provider: &ScriptedProvider) -> Duration {
    let left = Instant::now();
    drop(client);
    let seen = provider.caller_left().await;
    seen.at.saturating_duration_since(left)
}

#[actix_web::test]
async fn a_client_who_leaves_stops_the_provider_in_every_phase() {
    let begun = || Script::sse().event(scripted::role());
    let document = Script::json(200, r#"{"choices":["#).framing(Framing::Chunked);
    for (what, script, stream) in [
        ("awaiting the head", Script::sse().stall(), true),
        ("holding", begun().stall(), true),
        (
            "streaming",
            begun().event(scripted::text("a")).stall(),
            true,
        ),
        ("a document", document.stall(), false),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        let chain = Chain::before(&provider, "").await;
        let mut client = Client::connect(chain.third.address()).await;
        client.post_to(CHAT, &chat(stream), &[]).await;
        provider.next_request().await;
        if what != "awaiting the head" {
            provider
                .wait_for("the head", |what| *what == Happened::HeadSent)
                .await;
        }
        if what == "streaming" {
            let mut reply = client.reply().await;
            reply.chunk().await.unwrap();
            assert!(leave(reply, &provider).await < PROMISED, "{what}");
        } else {
            assert!(leave(client, &provider).await < PROMISED, "{what}");
        }
    }
}
