//! What a caller sees, byte for byte.

use std::io;

use super::*;
use crate::testkit::{Framing, Gate, chat};

#[actix_web::test]
async fn two_requests_on_one_connection_get_two_scripts() {
    let provider = ScriptedProvider::start([
        Script::sse()
            .header("X-Request-Id", "req-1")
            .event("{}")
            .done()
            .finish(),
        Script::json(429, "no"),
    ])
    .await;
    let mut caller = ask(&provider).await;
    expect(
        &mut caller,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nX-Request-Id: req-1\r\n\
         transfer-encoding: chunked\r\n\r\n\
         a\r\ndata: {}\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
    )
    .await;
    send(&mut caller, REQUEST).await;
    expect(
        &mut caller,
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n\
         content-length: 2\r\n\r\nno",
    )
    .await;
    let numbers = provider
        .requests()
        .iter()
        .map(|r| (r.connection, r.request))
        .collect::<Vec<_>>();
    assert_eq!(numbers, [(1, 1), (1, 2)]);
}

#[actix_web::test]
async fn requests_sent_ahead_are_answered_in_turn() {
    let provider = ScriptedProvider::start([Script::new().status(201), Script::new()]).await;
    let mut caller = connect(&provider).await;
    send(&mut caller, &REQUEST.repeat(2)).await;
    expect(
        &mut caller,
        "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    expect(&mut caller, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
}

#[actix_web::test]
async fn an_answer_that_is_not_whole_ends_with_a_close() {
    for (script, expected) in [
        (
            Script::sse().event("{}"),
            format!("{SSE_HEAD}a\r\ndata: {{}}\n\n\r\n"),
        ),
        (
            Script::raw().bytes("HTTP/1.1 2").close(),
            "HTTP/1.1 2".to_owned(),
        ),
        (
            Script::new().framing(Framing::Declared(9)).body("short"),
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort".to_owned(),
        ),
        (
            Script::new().framing(Framing::Http10).body("all"),
            "HTTP/1.0 200 OK\r\n\r\nall".to_owned(),
        ),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        assert_eq!(read_to_end(&mut ask(&provider).await).await, expected);
        provider
            .wait_for("the close", |what| *what == Happened::ConnectionClosed)
            .await;
        assert!(!names(&provider).contains(&"CallerLeft".to_owned()));
    }
}

#[actix_web::test]
async fn the_caller_may_ask_for_the_close() {
    let provider = ScriptedProvider::start([Script::new()]).await;
    let mut caller = connect(&provider).await;
    send(
        &mut caller,
        "GET /v1/models HTTP/1.1\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert_eq!(
        read_to_end(&mut caller).await,
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    );
}

#[actix_web::test]
async fn a_reset_is_a_reset_at_the_caller_after_all_that_was_written() {
    let provider = ScriptedProvider::start([Script::sse().event("{}").reset()]).await;
    let mut caller = ask(&provider).await;
    expect(&mut caller, &format!("{SSE_HEAD}a\r\ndata: {{}}\n\n\r\n")).await;
    let error = within(caller.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[actix_web::test]
async fn nothing_passes_a_gate_before_it_is_opened() {
    let gate = Gate::new();
    let provider =
        ScriptedProvider::start([Script::raw().bytes("before").wait(&gate).bytes("after")]).await;
    let mut caller = ask(&provider).await;
    provider
        .wait_for("the gate", |what| *what == Happened::Waiting)
        .await;
    expect(&mut caller, "before").await;
    let error = caller.try_read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    gate.open();
    expect(&mut caller, "after").await;
}

#[actix_web::test]
async fn a_step_before_the_first_event_is_a_step_before_the_head() {
    let gate = Gate::new();
    let provider = ScriptedProvider::start([Script::sse().wait(&gate).event("{}").finish()]).await;
    let mut caller = ask(&provider).await;
    provider
        .wait_for("the gate", |what| *what == Happened::Waiting)
        .await;
    assert!(!names(&provider).contains(&"HeadSent".to_owned()));
    gate.open();
    expect(&mut caller, SSE_HEAD).await;
}

#[actix_web::test]
async fn the_whole_request_is_read_before_the_answer() {
    let provider = ScriptedProvider::start([Script::new()]).await;
    let mut caller = connect(&provider).await;
    let (head, last) = REQUEST.split_at(REQUEST.len() - 1);
    send(&mut caller, head).await;
    provider
        .wait_for("the head", |what| {
            matches!(what, Happened::RequestHead { .. })
        })
        .await;
    send(&mut caller, last).await;
    expect(&mut caller, "HTTP/1.1 200 OK\r\n").await;
    provider
        .wait_for("the end", |what| {
            matches!(what, Happened::ScriptFinished { .. })
        })
        .await;
    let expected = [
        "Connected",
        "RequestHead",
        "RequestReceived",
        "HeadSent",
        "ScriptFinished",
    ];
    assert_eq!(names(&provider), expected);
}

#[actix_web::test]
async fn an_early_answer_comes_before_the_body_which_is_read_all_the_same() {
    let early = Script::json(413, "").answer_early();
    let provider = ScriptedProvider::start([early, Script::new()]).await;
    let mut caller = connect(&provider).await;
    let (head, body) = REQUEST.split_at(REQUEST.len() - 2);
    send(&mut caller, head).await;
    let answer = "HTTP/1.1 413 Payload Too Large\r\ncontent-type: application/json\r\n\
                  content-length: 0\r\n\r\n";
    expect(&mut caller, answer).await;
    assert_eq!(provider.requests(), []);
    send(&mut caller, body).await;
    assert_eq!(provider.next_request().await.text(), "{}");
    send(&mut caller, REQUEST).await;
    expect(&mut caller, "HTTP/1.1 200 OK\r\n").await;
}

#[actix_web::test]
async fn a_close_in_an_early_answer_does_not_reset_a_caller_that_is_still_sending() {
    let provider = ScriptedProvider::start([Script::json(413, "no").close().answer_early()]).await;
    let mut caller = connect(&provider).await;
    let body = "x".repeat(4 << 20);
    send(
        &mut caller,
        &format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len()),
    )
    .await;
    assert!(read_to_end(&mut caller).await.ends_with("\r\n\r\nno"));
    send(&mut caller, &body).await;
}

#[actix_web::test]
async fn it_answers_while_the_thread_of_the_test_is_blocked() {
    use std::io::{Read, Write};
    let provider = ScriptedProvider::start([Script::chat(["Hi"]).close()]).await;
    let mut caller = std::net::TcpStream::connect(provider.addr()).unwrap();
    caller.write_all(REQUEST.as_bytes()).unwrap();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(&chat::text("Hi")));
    assert!(answer.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"));
}

#[actix_web::test]
async fn dropping_the_provider_closes_its_port_and_its_connections() {
    let provider = ScriptedProvider::start([Script::sse().head().stall()]).await;
    let mut caller = ask(&provider).await;
    expect(&mut caller, SSE_HEAD).await;
    let addr = provider.addr();
    drop(provider);
    assert_eq!(read_to_end(&mut caller).await, "");
    let error = TcpStream::connect(addr).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[actix_web::test]
async fn in_memory_it_speaks_the_same_bytes_and_keeps_the_connection() {
    let provider = Arc::new(ScriptedProvider::in_memory([
        Script::sse().cut_bytes(1).event("{}").finish(),
        Script::sse().head().reset(),
    ]));
    let server: Arc<dyn MemoryServer> = provider.clone();
    let (mut caller, io) = tokio::io::duplex(64);
    server.accept(io);
    send(&mut caller, REQUEST).await;
    expect(
        &mut caller,
        &format!("{SSE_HEAD}a\r\ndata: {{}}\n\n\r\n0\r\n\r\n"),
    )
    .await;
    send(&mut caller, REQUEST).await;
    assert_eq!(read_to_end(&mut caller).await, SSE_HEAD);
    assert_eq!(provider.requests().len(), 2);
}
