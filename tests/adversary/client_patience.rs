//! What a client may say of its own patience, and clocks that run out together.

use std::time::Duration;

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat};
use tokio::time::Instant;

use crate::{
    log::Log,
    wire::{Answer, Wire, post, stream},
};

async fn with_timeout(script: Script, settings: &str, values: &[&str]) -> Answer {
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::tuned(&provider, settings).await;
    let mut wire = Wire::connect(gateway.address()).await;
    let headers: Vec<_> = values
        .iter()
        .map(|value| ("x-timeout-ms", *value))
        .collect();
    wire.send(post(stream().to_string(), &headers)).await;
    wire.answer().await
}

/// "Is clamped to 1 ms..=`total`."
#[actix_web::test]
async fn a_patience_of_any_number_is_clamped_and_replaces_the_total() {
    for value in ["0", "1", "00001"] {
        let answer = with_timeout(Script::sse().stall(), "", &[value]).await;
        assert_eq!(
            (answer.status, answer.refusal_flaw()),
            (504, None),
            "{value}"
        );
    }
    for value in ["4294967296", "18446744073709551615"] {
        let answer = with_timeout(Script::chat(["a"]), "", &[value]).await;
        assert_eq!(answer.status, 200, "{value}: {answer:?}");
        let short = "[clocks]\ntotal = \"200ms\"\nconnect = \"100ms\"\nhead = \"200ms\"\nfirst_event = \"200ms\"\nidle = \"200ms\"\nhold = \"0ms\"\n";
        let answer = with_timeout(Script::sse().stall(), short, &[value]).await;
        assert_eq!(answer.status, 504, "{value}: {answer:?}");
    }
}

#[actix_web::test]
async fn a_patience_too_large_for_64_bits_is_clamped_like_any_other() {
    for value in ["18446744073709551616", "99999999999999999999999999999999"] {
        let answer = with_timeout(Script::chat(["a"]), "", &[value]).await;
        assert_eq!(answer.status, 200, "{value}: {answer:?}");
    }
}

#[actix_web::test]
async fn a_patience_that_is_no_number_is_400() {
    for values in [
        vec!["-1"],
        vec!["1.5"],
        vec!["1e3"],
        vec!["0x10"],
        vec!["1s"],
        vec!["1 000"],
        vec!["\u{661}"],
        vec![""],
        vec!["inf"],
        vec!["1,2"],
    ] {
        let answer = with_timeout(Script::chat(["a"]), "", &values).await;
        assert_eq!(
            (answer.status, answer.refusal_flaw()),
            (400, None),
            "{values:?}"
        );
    }
}

#[actix_web::test]
async fn patience_runs_out_before_a_long_hold_with_a_real_status() {
    let script = Script::sse().event(chat::role()).stall();
    let answer = with_timeout(script, "[clocks]\nhold = \"5m\"\n", &["200"]).await;
    assert_eq!((answer.status, answer.refusal_flaw()), (504, None));
    assert_eq!(answer.header("x-upstream-status"), Some("200"));
    let message = answer.json()["error"]["message"].to_string();
    assert!(message.contains("200"), "the length is named: {message}");
}

#[actix_web::test]
async fn clocks_that_run_out_together_make_one_end_and_one_line() {
    let log = Log::collect();
    let same = "[clocks]\nconnect = \"200ms\"\nhead = \"200ms\"\nfirst_event = \"200ms\"\nidle = \"200ms\"\ntotal = \"200ms\"\nhold = \"200ms\"\nheartbeat = \"200ms\"\nclient_write = \"200ms\"\n";
    for script in [
        Script::sse().stall(),
        Script::sse().head().stall(),
        Script::sse().event(chat::role()).stall(),
        Script::sse().event(chat::text("a")).stall(),
        Script::json(200, "{")
            .framing(herald::testkit::Framing::Declared(100))
            .stall(),
        Script::json(500, "{")
            .framing(herald::testkit::Framing::Declared(100))
            .stall(),
    ] {
        let answer = with_timeout(script, same, &[]).await;
        assert!(answer.whole, "{answer:?}");
        let id = answer.header("x-herald-request-id").unwrap().to_owned();
        if answer.status == 200 {
            assert!(answer.code().is_some(), "{answer:?}");
            let errors = answer
                .data()
                .iter()
                .filter(|data| data.contains("\"error\""))
                .count();
            assert_eq!(errors, 1, "{answer:?}");
        } else {
            assert!([502, 504].contains(&answer.status), "{answer:?}");
            assert_eq!(answer.refusal_flaw(), None);
        }
        log.end_of(&id).await;
        let lines = log.with(&id);
        let ends = lines
            .iter()
            .filter(|line| line.contains("herald::request") && line.contains("outcome="))
            .count();
        assert_eq!(ends, 1, "{lines:#?}");
    }
}

/// "From the client's request to the last event": also while the reader holds everything up.
#[actix_web::test]
async fn total_runs_out_while_a_reader_takes_nothing() {
    let text = "x".repeat(16 * 1024);
    let script = Script::sse()
        .flood(chat::text(&text), 100_000)
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let provider = provider.with_patience(Duration::from_secs(3));
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut wire = Wire::connect(gateway.address()).await;
    let begun = Instant::now();
    wire.send(post(stream().to_string(), &[("x-timeout-ms", "700")]))
        .await;
    let mut answer = wire.head().await.unwrap();
    provider.caller_left().await;
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    // And whoever begins to read again is told.
    wire.body_of(&mut answer).await;
    assert!(answer.whole);
    assert!(answer.code().is_some(), "{answer:?}");
}

#[actix_web::test]
async fn a_head_that_never_ends_is_given_up() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::tuned(&provider, "[server]\nrequest_head = \"1s\"\n").await;
    for start in ["", "P", "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\n"] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(start).await;
        let begun = Instant::now();
        let text = wire.until_closed().await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{start:?}");
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 408"),
            "{text}"
        );
    }
}

/// "Longest wait for a request's head, 1s to 1h": none of these heads is waited for.
#[actix_web::test]
async fn a_head_that_is_there_at_once_is_never_too_late() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::tuned(&provider, "[server]\nrequest_head = \"1s\"\n").await;
    let mut late = 0;
    for _ in 0..60 {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send("GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n")
            .await;
        late += usize::from(wire.answer().await.status == 408);
    }
    assert_eq!(late, 0, "of 60");
}

/// A byte now and then keeps no connection for good.
#[actix_web::test]
async fn a_head_that_comes_a_byte_at_a_time_is_given_up_too() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::tuned(&provider, "[server]\nrequest_head = \"1s\"\n").await;
    let mut wire = Wire::connect(gateway.address()).await;
    let begun = Instant::now();
    let mut closed = false;
    for byte in b"GET /v1/models HTTP/1.1\r\nhost: herald-herald-herald-herald\r\n" {
        use tokio::io::AsyncReadExt as _;
        wire.send([*byte]).await;
        let mut answer = [0; 512];
        let read =
            tokio::time::timeout(Duration::from_millis(50), wire.socket.read(&mut answer)).await;
        if read.is_ok() {
            closed = true;
            break;
        }
    }
    assert!(closed, "still open after {:?}", begun.elapsed());
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}

#[actix_web::test]
async fn a_body_that_comes_a_byte_at_a_time_is_given_up_too() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::tuned(&provider, "[server]\nrequest_body = \"300ms\"\n").await;
    let mut wire = Wire::connect(gateway.address()).await;
    let request = post(stream().to_string(), &[]);
    let (front, body) = request.split_at(request.len() - 60);
    wire.send(front).await;
    for byte in body {
        wire.send([*byte]).await;
        let answered = wire.socket.readable();
        if tokio::time::timeout(Duration::from_millis(20), answered)
            .await
            .is_ok()
        {
            break;
        }
    }
    assert_eq!(wire.answer().await.status, 408);
    assert!(provider.requests().is_empty());
}
