//! Clients that leave where nobody expects it: "the client leaves, the provider stops … in every
//! phase, within a second at the very most".

use std::time::Duration;

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat};
use tokio::{io::AsyncWriteExt, time::Instant};

use crate::{
    log::Log,
    wire::{Wire, ask, document, post, stream},
};

const PROMISED: Duration = Duration::from_secs(1);

async fn stops(provider: &ScriptedProvider, left: Instant) {
    let seen = provider.caller_left().await.at;
    let late = seen.saturating_duration_since(left);
    assert!(late < PROMISED, "the provider was stopped after {late:?}");
}

#[actix_web::test]
async fn a_client_that_resets_is_seen_to_leave_in_each_phase() {
    for script in [
        Script::sse().stall(),
        Script::sse().event(chat::role()).stall(),
        Script::sse().event(chat::text("a")).stall(),
        Script::json(500, "{")
            .framing(herald::testkit::Framing::Declared(100))
            .stall(),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        let gateway = TestGateway::tuned(&provider, "[clocks]\nhold = \"1m\"\n").await;
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(stream().to_string(), &[])).await;
        provider.next_request().await;
        wire.socket.set_zero_linger().unwrap();
        let left = Instant::now();
        drop(wire);
        stops(&provider, left).await;
    }
}

/// "When the client closes its HTTP/1.1 connection (FIN or reset)."
#[actix_web::test]
async fn a_client_that_closes_its_half_has_left() {
    let provider = ScriptedProvider::start([Script::sse().event(chat::text("a")).stall()]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut wire = Wire::connect(gateway.address()).await;
    wire.send(post(stream().to_string(), &[])).await;
    wire.head().await.unwrap();
    let left = Instant::now();
    wire.socket.shutdown().await.unwrap();
    stops(&provider, left).await;
}

#[actix_web::test]
async fn a_client_that_leaves_before_its_body_is_all_there_costs_no_provider_and_leaves_a_line() {
    let log = Log::collect();
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let request = post(stream().to_string(), &[]);
    for cut in [10, request.len() - 50, request.len() - 1] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(&request[..cut]).await;
        drop(wire);
    }
    // "Every request leaves exactly one outcome, whatever happened": two had a whole head.
    log.wait_for(2, "herald::request", "outcome=cancelled")
        .await;
    assert!(provider.events().is_empty());
}

#[actix_web::test]
async fn a_client_that_leaves_with_requests_in_line_starts_no_further_one() {
    let provider = ScriptedProvider::start([
        Script::sse().event(chat::text("a")).stall(),
        Script::chat(["never"]).repeat(),
    ])
    .await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut wire = Wire::connect(gateway.address()).await;
    let one = post(stream().to_string(), &[]);
    wire.send([one.clone(), one.clone(), one].concat()).await;
    wire.head().await.unwrap();
    let left = Instant::now();
    drop(wire);
    stops(&provider, left).await;
    // A request of somebody else's comes through, and none of the one that left came before it.
    ask(gateway.address(), document().to_string()).await;
    assert_eq!(provider.requests().len(), 2);
}

/// "Every request leaves exactly one outcome": a document's reader that takes nothing is dropped too.
#[actix_web::test]
async fn a_reader_that_takes_nothing_of_a_document_is_dropped() {
    let log = Log::collect();
    let large = chat::completion(&"x".repeat(24 << 20));
    let provider = ScriptedProvider::start([Script::json(200, large)]).await;
    let settings = "[clocks]\nclient_write = \"300ms\"\n[server]\nsend_buffer = \"64KiB\"\n";
    let gateway = TestGateway::tuned(&provider, settings).await;
    let mut wire = Wire::connect(gateway.address()).await;
    wire.send(post(document().to_string(), &[])).await;
    let head = wire.head().await.unwrap();
    let id = head.header("x-herald-request-id").unwrap();
    let line = log.end_of(id).await;
    let mut answer = head;
    wire.body_of(&mut answer).await;
    assert!(!answer.whole);
    assert!(!line.contains("outcome=completed"), "{line}");
}

#[actix_web::test]
async fn a_path_of_any_length_and_content_makes_one_bounded_line() {
    let log = Log::collect();
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    for target in ["/a".repeat(30_000), "/%0a%0d%1b[31m%00".to_owned()] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(format!("GET {target} HTTP/1.1\r\nhost: h\r\n\r\n"))
            .await;
        let answer = wire.answer().await;
        let line = log
            .end_of(answer.header("x-herald-request-id").unwrap())
            .await;
        assert!(line.len() < 4096, "{} bytes of log", line.len());
        assert!(!line.contains(['\n', '\r', '\0', '\x1b']), "{line:?}");
    }
}

#[actix_web::test]
async fn each_of_many_clients_that_leave_at_once_stops_its_own_stream() {
    let count = 100;
    let provider =
        ScriptedProvider::start([Script::sse().event(chat::text("a")).stall().repeat()]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut wires = Vec::new();
    for _ in 0..count {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(stream().to_string(), &[])).await;
        wires.push(wire);
    }
    for wire in &mut wires {
        assert_eq!(wire.head().await.unwrap().status, 200);
    }
    let left = Instant::now();
    drop(wires);
    for _ in 0..count {
        stops(&provider, left).await;
    }
}
