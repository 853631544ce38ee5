//! Which request gets which script, and who is handed what.

use futures_util::FutureExt;

use super::*;

/// Asks on a new connection and gives the answer's status line.
async fn status_line(provider: &ScriptedProvider) -> String {
    let mut caller = connect(provider).await;
    send(
        &mut caller,
        &REQUEST.replace("Host: scripted", "connection: close"),
    )
    .await;
    read_to_end(&mut caller)
        .await
        .lines()
        .next()
        .unwrap()
        .to_owned()
}

#[actix_web::test]
async fn a_request_too_many_is_answered_with_500_and_noted() {
    let provider = ScriptedProvider::start([Script::new()]).await;
    assert_eq!(status_line(&provider).await, "HTTP/1.1 200 OK");
    let mut caller = ask(&provider).await;
    expect(&mut caller, "HTTP/1.1 500 Internal Server Error\r\n").await;
    provider
        .wait_for("the note", |what| *what == Happened::NoScript)
        .await;
    provider.push(Script::new().status(201));
    assert_eq!(status_line(&provider).await, "HTTP/1.1 201 Created");
}

#[actix_web::test]
async fn a_repeated_script_answers_until_another_waits_behind_it() {
    let provider = ScriptedProvider::start([Script::new().repeat()]).await;
    for _ in 0..3 {
        assert_eq!(status_line(&provider).await, "HTTP/1.1 200 OK");
    }
    provider.push(Script::new().status(201));
    assert_eq!(status_line(&provider).await, "HTTP/1.1 200 OK");
    assert_eq!(status_line(&provider).await, "HTTP/1.1 201 Created");
    assert_eq!(
        status_line(&provider).await,
        "HTTP/1.1 500 Internal Server Error"
    );
}

#[actix_web::test]
async fn a_received_request_has_its_head_as_spelled_and_its_body() {
    let provider = ScriptedProvider::start([Script::new()]).await;
    let mut caller = connect(&provider).await;
    send(
        &mut caller,
        "POST /v1/x?a=b HTTP/1.1\r\nX-Case: One\r\ncontent-length: 7\r\nx-case: two\r\n\r\n{\"a\":1}",
    )
    .await;
    let request = provider.next_request().await;
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/v1/x?a=b")
    );
    let spelled = [
        ("X-Case", "One"),
        ("content-length", "7"),
        ("x-case", "two"),
    ];
    assert_eq!(
        request.headers,
        spelled.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(request.json(), serde_json::json!({ "a": 1 }));
}

#[actix_web::test]
async fn a_dropped_wait_loses_nothing_and_each_thing_is_handed_out_once() {
    let provider = ScriptedProvider::start([Script::new().repeat()]).await;
    assert!(provider.next_request().now_or_never().is_none());
    assert!(provider.next_event().now_or_never().is_none());
    for connection in 1..=2 {
        status_line(&provider).await;
        assert_eq!(provider.next_request().await.connection, connection);
    }
    assert!(provider.next_request().now_or_never().is_none());
    assert_eq!(provider.next_event().await.what, Happened::Connected);
    assert!(matches!(
        provider.next_event().await.what,
        Happened::RequestHead { .. }
    ));
}

#[actix_web::test]
async fn what_is_not_http_is_noted_and_the_connection_closed() {
    let provider = ScriptedProvider::start([]).await;
    let mut caller = connect(&provider).await;
    send(&mut caller, "PRI * HTTP/2.0\r\n\r\n").await;
    let is_unreadable = |what: &Happened| matches!(what, Happened::RequestUnreadable(_));
    provider.wait_for("the note", is_unreadable).await;
    assert_eq!(read_to_end(&mut caller).await, "");
}

#[actix_web::test]
#[should_panic(expected = "RequestHead { method: \"POST\", path: \"/v1/chat/completions\" }")]
async fn a_wait_in_vain_tells_what_happened_until_then() {
    let provider = ScriptedProvider::start([Script::new()])
        .await
        .with_patience(Duration::from_millis(10));
    let mut caller = ask(&provider).await;
    expect(&mut caller, "HTTP/1.1 200 OK\r\n").await;
    provider.caller_left().await;
}
