//! Clients whose headers are odd: expectations, types, keys, forged names.

use herald::testkit::{Script, ScriptedProvider, TestGateway};
use serde_json::json;

use crate::wire::{Wire, post, stream};

async fn gateway(scripts: impl IntoIterator<Item = Script>) -> (ScriptedProvider, TestGateway) {
    let provider = ScriptedProvider::start(scripts).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    (provider, gateway)
}

#[actix_web::test]
async fn a_content_type_that_is_none_or_odd_does_not_keep_json_from_being_read() {
    let (_provider, gateway) = gateway([Script::chat(["a"]).repeat()]).await;
    let body = stream().to_string();
    for kind in [
        "",
        "content-type: text/plain\r\n",
        "content-type: application/json; charset=utf-8\r\n",
        "content-type: application/vnd.api+json\r\n",
        "content-type: \r\n",
        "content-type: ;;;\r\n",
    ] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\n{kind}content-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        let answer = wire.answer().await;
        // Either is a right; a wrong or empty success is not.
        assert!(
            answer.status == 200 && answer.text().contains("[DONE]")
                || answer.status == 415 && answer.refusal_flaw().is_none(),
            "{kind:?}: {answer:?}"
        );
    }
}

#[actix_web::test]
async fn a_request_id_is_heralds_own_whatever_the_client_sends() {
    let (provider, gateway) = gateway([Script::chat(["a"]).repeat()]).await;
    let forged = [
        ("x-herald-request-id", "forged"),
        ("x-request-id", "forged"),
        ("x-upstream-status", "forged"),
        ("proxy-status", "forged"),
        ("content-encoding", "identity"),
    ];
    let mut wire = Wire::connect(gateway.address()).await;
    wire.send(post(stream().to_string(), &forged)).await;
    let answer = wire.answer().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!format!("{answer:?}").contains("forged"), "{answer:?}");
    assert!(!format!("{:?}", provider.next_request().await).contains("forged"));
}

#[actix_web::test]
async fn request_headers_of_any_bytes_do_not_break_the_request_upstream() {
    let (provider, gateway) = gateway([Script::chat(["a"]).repeat()]).await;
    for (name, value) in [
        ("openai-beta", "caf\u{e9} \u{1F600}"),
        ("openai-beta", "a\tb"),
        ("idempotency-key", ""),
        ("tracestate", "=,=,,;\""),
        (
            "traceparent",
            "ff-00000000000000000000000000000000-0000000000000000-01",
        ),
        ("traceparent", "00-zz"),
        ("traceparent", ""),
        ("x-fireworks-", "1"),
    ] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(stream().to_string(), &[(name, value)]))
            .await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 200, "{name}: {value}: {answer:?}");
        let sent = provider.next_request().await;
        if name == "traceparent" {
            // W3C Trace Context section 3.2.2: an invalid one is not continued.
            let parent = sent.header("traceparent").unwrap_or_default();
            assert!(parent.is_empty() || is_traceparent(parent), "{parent:?}");
        }
    }
    let long = "a".repeat(20_000);
    let mut wire = Wire::connect(gateway.address()).await;
    wire.send(post(stream().to_string(), &[("openai-beta", &long)]))
        .await;
    assert_eq!(wire.answer().await.status, 200);
}

fn is_traceparent(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    parts.len() == 4
        && parts[0] == "00"
        && hex(parts[1], 32)
        && parts[1].bytes().any(|b| b != b'0')
        && hex(parts[2], 16)
        && parts[2].bytes().any(|b| b != b'0')
        && hex(parts[3], 2)
}

#[actix_web::test]
async fn the_bearer_key_is_asked_for_in_its_one_right_form() {
    let provider = ScriptedProvider::start([Script::chat(["a"]).repeat()]).await;
    // sha256 of "right-key"
    let hash = {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(b"right-key"))
    };
    let settings = format!("auth = \"keys\"\n[[keys]]\nid = \"k\"\nsha256 = \"{hash}\"\n");
    let gateway = TestGateway::tuned(&provider, &settings).await;
    for (headers, status) in [
        (vec![("authorization", "Bearer right-key")], 200),
        // RFC 9110 section 11.1: the scheme's case does not matter.
        (vec![("authorization", "bearer right-key")], 200),
        (vec![("authorization", "BEARER  right-key")], 200),
        (vec![], 401),
        (vec![("authorization", "")], 401),
        (vec![("authorization", "Bearer")], 401),
        (vec![("authorization", "Bearer ")], 401),
        (vec![("authorization", "right-key")], 401),
        (vec![("authorization", "Basic right-key")], 401),
        (vec![("authorization", "Bearer right-key x")], 401),
        (vec![("authorization", "Bearer right-keyx")], 401),
        (
            vec![
                ("authorization", "Bearer wrong"),
                ("authorization", "Bearer right-key"),
            ],
            401,
        ),
        (vec![("authorization", "Bearer r\u{ef}ght-key")], 401),
    ] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(stream().to_string(), &headers)).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
        if status == 401 {
            assert_eq!(answer.refusal_flaw(), None, "{headers:?}");
            assert!(!answer.text().contains("right-key"));
        }
    }
    // Nothing of the catalogue without a key, and nobody learns which models there are.
    for target in ["/v1/models", "/v1/models/scripted-model", "/v1/models/none"] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(format!("GET {target} HTTP/1.1\r\nhost: h\r\n\r\n"))
            .await;
        assert_eq!(wire.answer().await.status, 401, "{target}");
    }
    let mut wire = Wire::connect(gateway.address()).await;
    wire.send(post(json!({ "model": "none" }).to_string(), &[]))
        .await;
    assert_eq!(wire.answer().await.status, 401);
}
