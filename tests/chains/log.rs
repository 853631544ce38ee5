//! Of what fails behind the next Herald, the log has the code and the name of the one that failed, beside
//! its own.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};

use crate::{
    client::Reply,
    heralds::{CHAT, Chain, ask, chat, herald, provider},
    log_lines::LogLines,
};

const FIELDS: [&str; 4] = ["error_code", "origin_code", "origin_hop", "origin_provider"];

/// These fields of the line of a Herald that is asked for a stream, and of the next one's.
async fn lines(asked: &TestGateway) -> [[Option<String>; 4]; 2] {
    let lines = LogLines::collect();
    let reply = ask(asked, CHAT, &chat(true)).await;
    let id = reply.header("x-herald-request-id").unwrap().to_owned();
    drain(reply).await;
    let own = lines.of(&id).await;
    let next = lines.of(&own["next_request_id"]).await;
    [own, next].map(|line| FIELDS.map(|field| line.get(field).cloned()))
}

async fn drain(mut reply: Reply) {
    if reply.header("content-length").is_some() {
        reply.text().await;
    } else {
        reply.rest().await;
    }
}

fn told<const N: usize>(fields: [&str; N]) -> [Option<String>; N] {
    fields.map(|field| {
        Some(field)
            .filter(|field| !field.is_empty())
            .map(str::to_owned)
    })
}

#[actix_web::test]
async fn an_error_of_the_provider_has_the_first_ones_code_and_name() {
    let refused = Script::json(401, scripted::error("no", "invalid_request_error"));
    let provider = ScriptedProvider::start([refused.repeat()]).await;
    let chain = Chain::before(&provider, "").await;
    let [third, second] = lines(&chain.third).await;
    let expected = told(["upstream_error", "upstream_auth", "first", "first-asks"]);
    assert_eq!(third, expected);
    assert_eq!(second, expected);
    let [_, first] = lines(&chain.second).await;
    assert_eq!(first, told(["upstream_auth", "", "", ""]));
}

#[actix_web::test]
async fn a_refusal_of_the_next_one_has_its_code() {
    let unused = ScriptedProvider::start([]).await;
    let asks = provider("first", "openai", &unused.base_url());
    let keys = format!(
        "auth = \"keys\"\n[[keys]]\nid = \"k\"\nsha256 = \"{}\"\n",
        "0".repeat(64)
    );
    let chain = Chain::behind(herald("first", &asks, "").await, &keys).await;
    let [third, second] = lines(&chain.third).await;
    assert_eq!(
        third,
        told(["upstream_auth", "invalid_api_key", "second", ""])
    );
    assert_eq!(second, told(["invalid_api_key", "", "", ""]));
}

#[actix_web::test]
async fn a_stream_that_breaks_midway_has_the_first_ones_code_and_no_name() {
    let broken = Script::sse().event(scripted::text("a")).finish();
    let provider = ScriptedProvider::start([broken.repeat()]).await;
    let chain = Chain::before(&provider, "").await;
    let [third, second] = lines(&chain.third).await;
    let expected = told([
        "upstream_error_event",
        "upstream_truncated",
        "",
        "first-asks",
    ]);
    assert_eq!(third, expected);
    assert_eq!(second, expected);
}

#[actix_web::test]
async fn what_is_well_has_none() {
    let provider = ScriptedProvider::start([Script::chat(["a"]).repeat()]).await;
    let chain = Chain::before(&provider, "").await;
    for line in lines(&chain.third).await {
        assert_eq!(line, told(["", "", "", ""]));
    }
}
