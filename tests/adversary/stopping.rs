//! A shutdown in the middle of everything: "every 503 carries `retry-after`", "anything else ends in
//! a typed error event".

use std::time::Duration;

use herald::testkit::{Framing, Happened, Script, ScriptedProvider, TestGateway, chat};

use crate::wire::{Wire, document, post, stream};

#[actix_web::test]
async fn a_request_that_is_not_answered_yet_is_told_so_with_a_real_status() {
    for (name, script, request) in [
        ("no head", Script::sse().stall(), stream()),
        ("held", Script::sse().event(chat::role()).stall(), stream()),
        (
            "a document",
            Script::json(200, "{")
                .framing(Framing::Declared(100))
                .stall(),
            document(),
        ),
        (
            "an error",
            Script::json(500, "{")
                .framing(Framing::Declared(100))
                .stall(),
            document(),
        ),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        let mut gateway = TestGateway::tuned(
            &provider,
            "[server]\ndrain_timeout = \"100ms\"\n[clocks]\nhold = \"1m\"\n",
        )
        .await;
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(request.to_string(), &[])).await;
        provider.next_request().await;
        if name != "no head" {
            provider
                .wait_for("the head", |what| *what == Happened::HeadSent)
                .await;
        }
        gateway.stop();
        let answer = wire.try_answer().await;
        let answer = answer.unwrap_or_else(|| panic!("{name}: cut off without an answer"));
        assert_eq!(answer.refusal_flaw(), None, "{name}");
        assert!([502, 503].contains(&answer.status), "{name}: {answer:?}");
        if name != "an error" {
            assert_eq!(
                answer.code().as_deref(),
                Some("gateway_draining"),
                "{name}: {answer:?}"
            );
        }
        provider.caller_left().await;
    }
}

#[actix_web::test]
async fn a_request_on_an_open_connection_while_streams_drain_is_served_or_told() {
    let provider = ScriptedProvider::start([
        Script::chat(["first"]),
        Script::sse().event(chat::text("a")).stall(),
        Script::chat(["late"]).repeat(),
    ])
    .await;
    let mut gateway = TestGateway::tuned(&provider, "[server]\ndrain_timeout = \"1s\"\n").await;
    let mut idle = Wire::connect(gateway.address()).await;
    idle.send(post(stream().to_string(), &[])).await;
    idle.answer().await;
    let mut open = Wire::connect(gateway.address()).await;
    open.send(post(stream().to_string(), &[])).await;
    open.head().await.unwrap();
    gateway.stop();
    // Whether the connection is closed, the request refused or served is Herald's choice; not whether
    // the answer is whole.
    idle.send(post(stream().to_string(), &[])).await;
    if let Some(answer) = idle.try_answer().await {
        assert!(answer.whole, "{answer:?}");
        assert!(
            answer.status == 200 && answer.text().contains("[DONE]")
                || answer.refusal_flaw().is_none(),
            "{answer:?}"
        );
    }
    let mut streamed = crate::wire::Answer {
        status: 200,
        headers: vec![
            ("transfer-encoding".to_owned(), "chunked".to_owned()),
            ("content-type".to_owned(), "text/event-stream".to_owned()),
        ],
        body: Vec::new(),
        whole: true,
    };
    open.body_of(&mut streamed).await;
    assert!(streamed.whole);
    assert_eq!(streamed.code().as_deref(), Some("gateway_draining"));
}

#[actix_web::test]
async fn a_stop_with_many_streams_open_ends_each_and_takes_no_longer_than_its_drain() {
    let provider =
        ScriptedProvider::start([Script::sse().event(chat::text("a")).stall().repeat()]).await;
    let mut gateway = TestGateway::tuned(&provider, "[server]\ndrain_timeout = \"200ms\"\n").await;
    let mut wires = Vec::new();
    for _ in 0..50 {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(stream().to_string(), &[])).await;
        wires.push(wire);
    }
    let mut heads = Vec::new();
    for wire in &mut wires {
        heads.push(wire.head().await.unwrap());
    }
    let begun = tokio::time::Instant::now();
    gateway.stop();
    for (wire, head) in wires.iter_mut().zip(&mut heads) {
        wire.body_of(head).await;
        assert!(head.whole, "{head:?}");
        assert_eq!(head.code().as_deref(), Some("gateway_draining"), "{head:?}");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
}
