//! Clients whose bytes are odd: pipelines, old versions, double framings, half requests.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat};

use crate::wire::{Wire, ask, document, post, raw, stream};

async fn gateway(scripts: impl IntoIterator<Item = Script>) -> (ScriptedProvider, TestGateway) {
    let provider = ScriptedProvider::start(scripts).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    (provider, gateway)
}

#[actix_web::test]
async fn pipelined_requests_are_answered_in_order_each_with_its_own() {
    let texts = ["one", "two", "three", "four"];
    let (_provider, gateway) = gateway(texts.map(|text| Script::chat([text]))).await;
    let mut wire = Wire::connect(gateway.address()).await;
    let mut requests = Vec::new();
    for _ in 0..2 {
        requests.extend(post(stream().to_string(), &[]));
        requests.extend(b"GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n");
        requests.extend(post("{", &[]));
        requests.extend(post(stream().to_string(), &[]));
    }
    wire.send(requests).await;
    for pair in texts.chunks(2) {
        let first = wire.answer().await;
        assert!(first.text().contains(pair[0]), "{first:?}");
        assert_eq!(wire.answer().await.status, 200);
        assert_eq!(wire.answer().await.status, 400);
        let last = wire.answer().await;
        assert!(last.text().contains(pair[1]), "{last:?}");
        assert_eq!(last.data().last().unwrap(), "[DONE]");
    }
}

#[actix_web::test]
async fn a_connection_serves_on_after_each_sort_of_failure() {
    let (_provider, gateway) = gateway([
        Script::json(429, chat::error("slow", "rate_limit_error")),
        Script::sse().event(chat::text("cut")).close(),
        Script::sse().event(r#"{"error":{"message":"m"}}"#).finish(),
        Script::json(200, "{"),
        Script::chat(["alive"]),
    ])
    .await;
    let mut wire = Wire::connect(gateway.address()).await;
    let other = |line: &str| format!("{line}\r\nhost: h\r\n\r\n").into_bytes();
    for (request, status) in [
        (post("{", &[]), 400),
        (post(r#"{"model":"none"}"#, &[]), 404),
        (other("GET /nowhere HTTP/1.1"), 404),
        (other("GET /v1/chat/completions HTTP/1.1"), 405),
        (other("DELETE /v1/models HTTP/1.1"), 405),
        (post(stream().to_string(), &[("x-timeout-ms", "x")]), 400),
        (post(stream().to_string(), &[]), 429),
        (post(stream().to_string(), &[]), 200),
        (post(stream().to_string(), &[]), 502),
        (post(document().to_string(), &[]), 502),
    ] {
        wire.send(&request).await;
        let answer = wire.try_answer().await;
        let answer = answer
            .unwrap_or_else(|| panic!("closed before {:?}", String::from_utf8_lossy(&request)));
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.whole, "{answer:?}");
    }
    wire.send(post(stream().to_string(), &[])).await;
    assert!(wire.answer().await.text().contains("alive"));
}

#[actix_web::test]
async fn an_http_1_0_client_gets_a_stream_without_chunks_that_ends_with_the_connection() {
    let (_provider, gateway) = gateway([Script::chat(["a", "b"])]).await;
    let body = stream().to_string();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.0\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = raw(gateway.address(), request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    // RFC 9112 section 6.1: no transfer coding to a client that says HTTP/1.0.
    assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
    assert!(body.starts_with("data: {"), "{body}");
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
}

#[actix_web::test]
async fn a_request_target_may_be_absolute_or_carry_a_query() {
    let (_provider, gateway) = gateway([Script::chat(["a"]).repeat()]).await;
    for target in [
        "http://herald/v1/chat/completions",
        "http://127.0.0.1:1/v1/chat/completions?api-version=2024-06-01",
        "/v1/chat/completions?a=%00&b=%ff#fragment",
        "/v1/chat/completions?",
        "/v1/chat%2Dcompletions/../chat/completions",
    ] {
        let request = String::from_utf8(post(stream().to_string(), &[("connection", "close")]));
        let request = request.unwrap().replacen("/v1/chat/completions", target, 1);
        let answer = raw(gateway.address(), request).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        // Dots need not be resolved; what is not known must be told as such.
        let expected = if target.contains("..") {
            ["404", "200"]
        } else {
            ["200", "200"]
        };
        assert!(expected.contains(&status), "{target}: {answer}");
    }
}

#[actix_web::test]
async fn every_wrong_path_is_404_and_every_wrong_method_405_in_the_openai_shape() {
    let (_provider, gateway) = gateway([]).await;
    let mut flaws = Vec::new();
    let long = format!("/{}", "a".repeat(60_000));
    for (method, target, status) in [
        ("POST", "/v1/chat/completions/", 404),
        ("POST", "//v1/chat/completions", 404),
        ("POST", "/V1/chat/completions", 404),
        ("POST", "/v1/chat%2Fcompletions", 404),
        ("POST", "/v1/chat/completions%00", 404),
        ("POST", "/", 404),
        ("POST", "/%", 404),
        ("POST", "/%zz/%ff", 404),
        ("GET", long.as_str(), 404),
        ("GET", "/v1/models/", 404),
        ("GET", "/v1/models/a%2fb%00", 404),
        ("GET", "/v1/models/%ff%fe", 404),
        ("GET", "/v1/models/../../etc/passwd", 404),
        ("PUT", "/v1/chat/completions", 405),
        ("GET", "/v1/chat/completions", 405),
        ("OPTIONS", "/v1/chat/completions", 405),
        ("PATCH", "/v1/models", 405),
        ("POST", "/v1/models", 405),
        ("POST", "/v1/models/scripted-model", 405),
        ("BREW", "/v1/models", 405),
    ] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(format!(
            "{method} {target} HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{{}}"
        ))
        .await;
        let Some(answer) = wire.try_answer().await else {
            flaws.push(format!("{method} {target:.40}: closed without an answer"));
            continue;
        };
        if answer.status != status || answer.refusal_flaw().is_some() {
            flaws.push(format!(
                "{method} {target:.40}: {} {:?}",
                answer.status,
                answer.refusal_flaw()
            ));
        }
        // RFC 9110 section 15.5.6: a 405 names the methods that are allowed.
        if status == 405 && answer.header("allow").is_none() {
            flaws.push(format!("{method} {target:.40}: a 405 without `allow`"));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

/// "Wrong method 405, wrong path 404, all in the OpenAI shape."
#[actix_web::test]
async fn a_wrong_method_on_health_is_405_in_the_openai_shape_too() {
    let (_provider, gateway) = gateway([]).await;
    for target in ["/health/live", "/health/ready"] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(format!("DELETE {target} HTTP/1.1\r\nhost: h\r\n\r\n"))
            .await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.refusal_flaw()), (405, None));
    }
}

#[actix_web::test]
async fn head_has_no_body_and_the_connection_serves_on() {
    let (_provider, gateway) = gateway([Script::chat(["alive"])]).await;
    let mut wire = Wire::connect(gateway.address()).await;
    for target in [
        "/v1/models",
        "/v1/models/scripted-model",
        "/health/live",
        "/v1/chat/completions",
        "/nowhere",
    ] {
        wire.send(format!("HEAD {target} HTTP/1.1\r\nhost: h\r\n\r\n"))
            .await;
        let head = wire.head().await.unwrap();
        assert!([200, 404, 405].contains(&head.status), "{target}: {head:?}");
    }
    // Were there a body, the next head would not begin here.
    wire.send(post(stream().to_string(), &[])).await;
    assert!(wire.answer().await.text().contains("alive"));
}

/// Two readers of such a request could disagree about where it ends: request smuggling.
#[actix_web::test]
async fn a_request_whose_length_is_doubtful_reaches_no_provider() {
    let (provider, gateway) = gateway([Script::chat(["served"]).repeat()]).await;
    let body = stream().to_string();
    let length = body.len();
    let mut flaws = Vec::new();
    for framing in [
        format!("content-length: {length}\r\ncontent-length: {}", length + 1),
        format!("content-length: {}, {length}", length - 1),
        format!("content-length: {length}\r\ntransfer-encoding: chunked"),
        format!("transfer-encoding: chunked\r\ncontent-length: {length}"),
        format!("content-length: +{length}"),
        format!("content-length: {length} {length}"),
        format!("content-length: 0x{length:x}"),
        "content-length: -1".to_owned(),
        "content-length: 99999999999999999999999".to_owned(),
        format!("content-length : {length}"),
        "transfer-encoding: chunked, gzip".to_owned(),
        "transfer-encoding: xchunked".to_owned(),
        "transfer-encoding: chunked\r\ntransfer-encoding: identity".to_owned(),
        "transfer-encoding:\x0bchunked".to_owned(),
    ] {
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{framing}\r\n\r\n{body}"
        );
        let answer = raw(gateway.address(), request).await;
        if !answer.is_empty()
            && !answer.starts_with("HTTP/1.1 4")
            && !answer.starts_with("HTTP/1.1 501")
        {
            flaws.push(format!("{framing:?}: {:?}", answer.lines().next()));
        }
    }
    let served = provider.requests().len();
    assert!(
        flaws.is_empty() && served == 0,
        "{served} served; {}",
        flaws.join("\n")
    );
}

#[actix_web::test]
async fn a_chunked_request_that_is_malformed_reaches_no_provider() {
    let (provider, gateway) = gateway([Script::chat(["served"]).repeat()]).await;
    let body = stream().to_string();
    let size = body.len();
    let mut flaws = Vec::new();
    for chunks in [
        format!("{size:x}\r\n{body}XX0\r\n\r\n"),
        format!("-{size:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("0x{size:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("1{size:016x}\r\n{body}\r\n0\r\n\r\n"),
        format!("\r\n{body}\r\n0\r\n\r\n"),
        format!("zz\r\n{body}\r\n0\r\n\r\n"),
    ] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
        ))
        .await;
        if let Some(answer) = wire.try_answer().await
            && answer.status != 400
        {
            flaws.push(format!("{chunks:?}: {answer:?}"));
        }
    }
    // These are odd and right (RFC 9112 section 7.1).
    for chunks in [
        format!("{size:08X};ext=\"v;\";x\r\n{body}\r\n000\r\n\r\n"),
        format!("{size:x}\r\n{body}\r\n0\r\ntrailer: x\r\n\r\n"),
        body.chars()
            .map(|c| format!("1\r\n{c}\r\n"))
            .collect::<String>()
            + "0\r\n\r\n",
    ] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
        ))
        .await;
        match wire.try_answer().await {
            Some(answer) if answer.status == 200 => {}
            other => flaws.push(format!("{chunks:.60?}: {other:?}")),
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
    assert_eq!(provider.requests().len(), 3);
}

#[actix_web::test]
async fn a_head_that_is_no_head_is_refused_and_harms_nobody() {
    let (provider, gateway) = gateway([Script::chat(["served"]).repeat()]).await;
    let many = (0..500)
        .map(|n| format!("x-{n}: 1\r\n"))
        .collect::<String>();
    let mut answers = Vec::new();
    for bytes in [
        "\0\0\0\0\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".to_owned(),
        "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nx\r\n\r\n".to_owned(),
        "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n"
            .to_owned(),
        "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n"
            .to_owned(),
        format!("GET /v1/models HTTP/1.1\r\nhost: h\r\n{many}\r\n"),
        format!(
            "GET /v1/models HTTP/1.1\r\nhost: h\r\nx: {}\r\n\r\n",
            "a".repeat(300_000)
        ),
        format!("GET /{} HTTP/1.1\r\nhost: h\r\n\r\n", "a".repeat(300_000)),
    ] {
        let answer = raw(gateway.address(), &bytes).await;
        if !answer.is_empty()
            && !answer.starts_with("HTTP/1.1 4")
            && !answer.starts_with("HTTP/1.0 4")
        {
            answers.push(format!("{bytes:.60?}: {answer:.100?}"));
        }
    }
    assert!(answers.is_empty(), "{}", answers.join("\n"));
    assert!(provider.requests().is_empty());
    assert_eq!(
        ask(gateway.address(), stream().to_string()).await.status,
        200
    );
}
