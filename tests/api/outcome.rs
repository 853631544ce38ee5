//! One line a request, at its true end, with what happened and nothing of what was said.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};

use crate::support::{Client, Line, LogLines, chat, completion_request, stream_request};

#[actix_web::test]
async fn a_completed_stream_leaves_one_line_with_all_of_it() {
    let lines = LogLines::collect();
    let stream = Script::sse()
        .event(scripted::role())
        .event(scripted::text("secret words"))
        .event(scripted::finish("stop"))
        .event(scripted::usage(3, 2))
        .done()
        .finish();
    let provider = ScriptedProvider::start([stream]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    let id = reply.header("x-herald-request-id").unwrap().to_owned();
    reply.events().await;
    let line = lines.of(&id).await;
    for (field, value) in [
        ("outcome", "completed"),
        ("status", "200"),
        ("upstream_status", "200"),
        ("provider", "scripted"),
        ("model", "scripted-model"),
        ("attempts", "1"),
        ("events", "5"),
        ("prompt_tokens", "3"),
        ("completion_tokens", "2"),
        ("stream", "true"),
    ] {
        assert_eq!(
            line.get(field).map(String::as_str),
            Some(value),
            "{field} in {line:?}"
        );
    }
    for field in [
        "time_to_head_ms",
        "time_to_first_event_ms",
        "duration_ms",
        "bytes",
    ] {
        assert!(
            line[field].parse::<f64>().unwrap() > 0.0,
            "{field} in {line:?}"
        );
    }
    assert!(!format!("{line:?}").contains("secret words"));
}

#[actix_web::test]
async fn each_other_end_is_told_apart() {
    let lines = LogLines::collect();
    let provider = ScriptedProvider::start([
        Script::json(200, scripted::completion("a")),
        Script::json(401, "{}"),
        Script::sse().event(scripted::text("a")).close(),
        Script::sse().event(scripted::text("a")).stall(),
    ])
    .await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let id =
        |reply: &crate::support::Reply| reply.header("x-herald-request-id").unwrap().to_owned();

    let mut reply = chat(gateway.address(), &completion_request()).await;
    let document = id(&reply);
    reply.text().await;
    assert_eq!(lines.of(&document).await["outcome"], "completed");

    let mut reply = chat(gateway.address(), &stream_request()).await;
    let refused = id(&reply);
    reply.text().await;
    let line = lines.of(&refused).await;
    assert_eq!(
        (line["outcome"].as_str(), line["error_code"].as_str()),
        ("failed", "upstream_auth")
    );
    assert_eq!(
        (
            line["error_origin"].as_str(),
            line["upstream_status"].as_str()
        ),
        ("upstream", "401")
    );

    let mut reply = chat(gateway.address(), &stream_request()).await;
    let truncated = id(&reply);
    reply.events().await;
    assert_eq!(
        lines.of(&truncated).await["error_code"],
        "upstream_truncated"
    );

    let mut reply = chat(gateway.address(), &stream_request()).await;
    let left = id(&reply);
    reply.chunk().await.unwrap();
    drop(reply);
    assert_eq!(lines.of(&left).await["outcome"], "cancelled");
}

#[actix_web::test]
async fn a_refused_request_leaves_its_line_too() {
    let lines = LogLines::collect();
    let gateway = TestGateway::start().await;
    let mut client = Client::connect(gateway.address()).await;
    client
        .send("GET /nowhere?key=sk-secret HTTP/1.1\r\nhost: h\r\n\r\n")
        .await;
    let mut reply = client.reply().await;
    let id = reply.header("x-herald-request-id").unwrap().to_owned();
    reply.text().await;
    let line = lines.of(&id).await;
    assert_eq!(
        (line["outcome"].as_str(), line["error_code"].as_str()),
        ("failed", "unknown_url")
    );
    assert_eq!(line["error_origin"], "downstream");
    assert!(!format!("{line:?}").contains("sk-secret"));
}

#[actix_web::test]
async fn headers_that_were_kept_back_are_counted() {
    let lines = LogLines::collect();
    let script = (0..70).fold(Script::chat(["a"]), |script, index| {
        script.header(&format!("x-ratelimit-{index:02}"), "1")
    });
    let provider = ScriptedProvider::start([script.header("x-request-id", b"\xff")]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    let id = reply.header("x-herald-request-id").unwrap().to_owned();
    reply.events().await;
    let line = lines.of(&id).await;
    assert_eq!(line["headers_over_cap"], "6");
    assert_eq!(line["headers_invalid"], "1");
}

#[actix_web::test]
async fn a_large_document_that_nobody_takes_is_not_completed() {
    let lines = LogLines::collect();
    let document = scripted::completion(&"x".repeat(24 << 20));
    let provider = ScriptedProvider::start([Script::json(200, document)]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let reply = chat(gateway.address(), &completion_request()).await;
    assert_eq!(reply.status, 200);
    let id = reply.header("x-herald-request-id").unwrap().to_owned();
    drop(reply);
    assert_eq!(lines.of(&id).await["outcome"], "cancelled");
}

#[actix_web::test]
async fn a_client_who_leaves_while_it_uploads_is_no_failure() {
    let lines = LogLines::collect();
    let gateway = TestGateway::start().await;
    let mut client = Client::connect(gateway.address()).await;
    client
        .send(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\n\
             content-length: 99\r\n\r\n",
        )
        .await;
    client.interim().await;
    client.send("{").await;
    drop(client);
    // No other test of this process leaves before Herald knows what it wants.
    let is_ours = |line: &Line| !line.contains_key("stream") && line["outcome"] == "cancelled";
    let lines = lines.wait(is_ours).await;
    assert_eq!(lines[0]["path"], "/v1/chat/completions");
    assert!(!lines[0].contains_key("error_code"));
}

#[actix_web::test]
async fn a_refusal_of_any_route_is_noted_as_one() {
    let lines = LogLines::collect();
    let gateway = TestGateway::start().await;
    let mut client = Client::connect(gateway.address()).await;
    client
        .send("GET /v1/models/nobody HTTP/1.1\r\nhost: h\r\n\r\n")
        .await;
    let reply = client.reply().await;
    let id = reply.header("x-herald-request-id").unwrap();
    let line = lines.of(id).await;
    assert_eq!(line["outcome"], "failed");
    assert_eq!(line["error_code"], "model_not_found");
}
