//! Documents that are none, or not whole, or not what was asked for.

use herald::testkit::{Framing, Script, ScriptedProvider, TestGateway, chat};

use crate::wire::{answer_to, ask, document, stream};

#[actix_web::test]
async fn a_document_is_whole_or_502() {
    let good = chat::completion("hello");
    let half = &good[..good.len() / 2];
    let sized = |length: usize, body: &str| {
        Script::json(200, body)
            .framing(Framing::Declared(length as u64))
            .close()
    };
    let mut flaws = Vec::new();
    for (name, script) in [
        ("short of its length", sized(good.len() + 1, &good)),
        ("half of it", sized(good.len(), half)),
        ("half, as if whole", Script::json(200, half)),
        (
            "half, close-delimited",
            Script::json(200, half)
                .framing(Framing::CloseDelimited)
                .close(),
        ),
        (
            "half, HTTP/1.0",
            Script::json(200, half).framing(Framing::Http10).close(),
        ),
        (
            "no last chunk, half",
            Script::json(200, half).framing(Framing::Chunked).close(),
        ),
        (
            "no last chunk, reset",
            Script::json(200, half).framing(Framing::Chunked).reset(),
        ),
        ("empty", Script::json(200, "")),
        ("blank", Script::json(200, " \n")),
        ("two", Script::json(200, format!("{good}{good}"))),
        ("garbage behind", Script::json(200, format!("{good}x"))),
        ("no JSON", Script::json(200, "hello")),
        (
            "HTML",
            Script::json(200, "<html>").header("content-type", "text/html"),
        ),
        ("NUL behind", Script::json(200, format!("{good}\0"))),
        ("a stream", Script::chat(["hello"])),
        (
            "204",
            Script::new()
                .status(204)
                .header("content-type", "application/json"),
        ),
    ] {
        let answer = answer_to(script, "", &document()).await;
        if answer.status != 502 || answer.refusal_flaw().is_some() {
            flaws.push(format!("{name}: {answer:?}"));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

/// "Each understood or a clear 502, never a wrong or empty success": an SDK dies of each of these.
#[actix_web::test]
async fn a_document_that_is_no_object_is_502() {
    let mut flaws = Vec::new();
    for body in [
        b"null".as_slice(),
        b"1",
        b"[]",
        b"\"hello\"",
        b"{\"x\":\"\xff\"}",
    ] {
        let answer = answer_to(Script::json(200, body), "", &document()).await;
        if answer.status != 502 {
            flaws.push(format!("{answer:?}"));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[actix_web::test]
async fn a_document_passes_byte_for_byte_however_it_is_framed_and_written() {
    let odd = "\n {\t\"choices\" : [ ] , \"a\":1,\"a\":2, \"n\": 1e999, \"u\":\"\\ud800\\/\\u0000\u{2028}\" }\r\n ";
    let deep = format!(
        "{{\"choices\":[],\"x\":{}{}}}",
        "[".repeat(100),
        "]".repeat(100)
    );
    let large = chat::completion(&"é".repeat(1 << 20));
    for body in [odd, &deep, &large, "{}"] {
        for script in [
            Script::json(200, body),
            Script::json(200, body).framing(Framing::Chunked).finish(),
            Script::json(200, body).framing(Framing::CloseDelimited),
            Script::json(200, body).framing(Framing::Http10),
            Script::json(201, body),
            Script::json(200, body).header("content-type", "application/json; charset=utf-8"),
            Script::json(200, body).header("content-type", "APPLICATION/JSON"),
        ] {
            let answer = answer_to(script, "", &document()).await;
            assert!(
                answer.status == 200 || body == "{}" && answer.status == 502,
                "{answer:?}"
            );
            if answer.status == 200 {
                assert_eq!(answer.text(), body);
                assert_eq!(answer.values("content-type"), ["application/json"]);
                assert_eq!(answer.header("x-upstream-provider"), Some("scripted"));
                assert_eq!(answer.values("server-timing").len(), 1);
            }
        }
    }
}

#[actix_web::test]
async fn deep_documents_and_errors_harm_nobody() {
    let (open, close) = ("[".repeat(200_000), "]".repeat(200_000));
    let deep = format!("{{\"choices\":[],\"x\":{open}{close}}}");
    let deep_error = format!("{{\"error\":{{\"message\":{open}{close}}}}}");
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    for (script, request) in [
        (Script::json(200, &deep), document()),
        (Script::json(200, &open), document()),
        (Script::json(500, &deep_error), document()),
        (Script::json(400, &open), stream()),
        (Script::sse().event(&deep).done().finish(), stream()),
        (Script::sse().event(&deep_error).finish(), stream()),
        (Script::sse().event(&open).finish(), stream()),
    ] {
        provider.push(script);
        let answer = ask(gateway.address(), request.to_string()).await;
        assert!(answer.whole, "{}", answer.status);
        assert!(answer.status == 200 || answer.refusal_flaw().is_none());
    }
    provider.push(Script::chat(["alive"]));
    assert!(
        ask(gateway.address(), stream().to_string())
            .await
            .text()
            .contains("alive")
    );
}

#[actix_web::test]
async fn a_document_that_is_an_error_under_200_is_an_error() {
    let mut flaws = Vec::new();
    for (body, status) in [
        (r#"{"error":{"message":"m","code":429}}"#, 429),
        (
            r#"{"error":{"message":"m","type":"invalid_request_error"}}"#,
            400,
        ),
        (r#"{"error":"m"}"#, 502),
        (r#"{"error":{}}"#, 502),
        (r#"{"object":"error","message":"m","code":400}"#, 400),
    ] {
        for request in [document(), stream()] {
            let answer = answer_to(Script::json(200, body), "", &request).await;
            let is_right = answer.status == status
                && answer.refusal_flaw().is_none()
                && answer.header("x-upstream-status") == Some("200");
            if !is_right {
                flaws.push(format!(
                    "{body} for stream {}: {} {:?}",
                    request["stream"],
                    answer.status,
                    answer.refusal_flaw()
                ));
            }
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
    let fine = r#"{"error":null,"choices":[]}"#;
    let answer = answer_to(Script::json(200, fine), "", &document()).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, fine));
}

#[actix_web::test]
async fn error_bodies_of_any_kind_and_length_are_read_within_their_bound() {
    let huge = "x".repeat(3_000_000);
    for script in [
        Script::new().status(500).body(&huge),
        Script::new()
            .status(500)
            .framing(Framing::Chunked)
            .flood(&huge, 1000)
            .finish(),
        Script::new()
            .status(500)
            .framing(Framing::CloseDelimited)
            .body("half")
            .close(),
        Script::new()
            .status(500)
            .framing(Framing::Declared(100))
            .body("half")
            .pause(std::time::Duration::from_millis(100))
            .reset(),
        Script::new()
            .status(500)
            .header("content-encoding", "gzip")
            .body(b"\x1f\x8b\x08\0\0"),
        Script::new().status(500).body(b"\xff\xfe\0\x01"),
        Script::new()
            .status(500)
            .framing(Framing::Chunked)
            .head()
            .bytes("zz\r\n")
            .close(),
        Script::sse()
            .status(500)
            .event(r#"{"error":{"message":"m"}}"#)
            .finish(),
        Script::new()
            .status(500)
            .header("content-type", "text/html")
            .body("<html><title>Oh</title>"),
    ] {
        let answer = answer_to(script, "", &stream()).await;
        assert_eq!((answer.status, answer.refusal_flaw()), (502, None));
        assert_eq!(
            answer.header("x-upstream-status"),
            Some("500"),
            "{answer:?}"
        );
        assert!(answer.body.len() < 16 * 1024, "{} bytes", answer.body.len());
    }
}
