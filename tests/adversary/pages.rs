//! Web pages that mean it no good, and browsers whose bytes are odd.

use herald::testkit::{Gate, Script, ScriptedProvider, TestGateway, chat};

use crate::wire::{Answer, Wire, post, raw, stream};

const PAGE: &str = "https://app.test";
const SETTINGS: &str = "cors.origins = [\"https://app.test\"]\nclocks.hold = \"0ms\"\n";

async fn gateway(
    scripts: impl IntoIterator<Item = Script>,
    settings: &str,
) -> (ScriptedProvider, TestGateway) {
    let provider = ScriptedProvider::start(scripts).await;
    let gateway = TestGateway::tuned(&provider, settings).await;
    (provider, gateway)
}

/// A preflight of the page, to which `more` lines are added.
fn preflight(more: &[u8]) -> Vec<u8> {
    let head = format!(
        "OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: h\r\norigin: {PAGE}\r\n\
         access-control-request-method: POST\r\n"
    );
    [head.as_bytes(), more, b"\r\n"].concat()
}

const LIVE: &str = "GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n";

#[actix_web::test]
async fn what_a_preflight_asks_for_comes_back_in_one_header_and_nowhere_else() {
    let (_provider, gateway) = gateway([], SETTINGS).await;
    let long = "x-".to_owned() + &"a".repeat(20_000);
    for asked in [
        "x-a, set-cookie: a=b, access-control-allow-credentials: true",
        "*",
        "x(y), \u{e9}, <script>",
        &long,
    ] {
        let mut wire = Wire::connect(gateway.address()).await;
        let line = format!("access-control-request-headers: {asked}\r\n");
        wire.send(preflight(line.as_bytes())).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.values("access-control-allow-headers"), [asked]);
        for never in ["set-cookie", "access-control-allow-credentials"] {
            assert_eq!(answer.header(never), None, "{asked}");
        }
    }
    // A bare CR would be a line end to some readers.
    let split = b"access-control-request-headers: a\rset-cookie: a=b\r\n";
    let refused = raw(gateway.address(), preflight(split)).await;
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    assert!(!refused.contains("set-cookie"), "{refused}");
}

#[actix_web::test]
async fn a_method_that_is_none_is_no_preflight_and_comes_back_nowhere() {
    let (_provider, gateway) = gateway([], SETTINGS).await;
    for method in ["", "P T", "POST, DELETE", "\u{e9}"] {
        let request = format!(
            "OPTIONS /v1/models HTTP/1.1\r\nhost: h\r\norigin: {PAGE}\r\n\
             access-control-request-method: {method}\r\n\r\n"
        );
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(request).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 405, "{method:?}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-methods"), None);
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    }
}

#[actix_web::test]
async fn the_body_of_a_preflight_is_never_taken_for_a_request() {
    let (_provider, gateway) = gateway([], SETTINGS).await;
    let framings = [
        (
            format!("content-length: {}\r\n", LIVE.len()),
            LIVE.to_owned(),
        ),
        (
            "transfer-encoding: chunked\r\n".to_owned(),
            format!("{:x}\r\n{LIVE}\r\n0\r\n\r\n", LIVE.len()),
        ),
    ];
    for (framing, body) in framings {
        let last = "GET /v1/models HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
        let bytes = [
            &preflight(framing.as_bytes())[..],
            body.as_bytes(),
            last.as_bytes(),
        ];
        let answers = raw(gateway.address(), bytes.concat()).await;
        assert!(answers.starts_with("HTTP/1.1 200 "), "{answers}");
        // The request behind it may be answered, or the connection closed before it.
        assert!(!answers.contains(r#"{"status":"live"}"#), "{answers}");
    }
}

#[actix_web::test]
async fn of_two_origins_the_first_decides_and_neither_is_joined_to_the_other() {
    let (_provider, gateway) = gateway([], SETTINGS).await;
    for (first, second, allowed) in [
        (PAGE, "https://evil.test", Some(PAGE)),
        ("https://evil.test", PAGE, None),
    ] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(format!(
            "GET /v1/models HTTP/1.1\r\nhost: h\r\norigin: {first}\r\norigin: {second}\r\n\r\n"
        ))
        .await;
        let answer = wire.answer().await;
        let told: Vec<_> = allowed.into_iter().collect();
        assert_eq!(answer.values("access-control-allow-origin"), told);
    }
}

#[actix_web::test]
async fn a_page_that_asks_for_the_event_reads_it_and_the_head_before_the_provider_speaks() {
    let gate = Gate::new();
    let script = Script::sse()
        .header("x-ratelimit-remaining-requests", "7")
        .head()
        .wait(&gate)
        .event(chat::text("late"))
        .finish();
    let (_provider, gateway) = gateway([script], SETTINGS).await;
    let mut wire = Wire::connect(gateway.address()).await;
    let asks = [("origin", PAGE), ("x-herald-metadata", "event")];
    wire.send(post(stream().to_string(), &asks)).await;
    let head = wire.head().await.unwrap();
    assert_eq!(head.status, 200);
    let exposed = head.header("access-control-expose-headers").unwrap();
    let first = String::from_utf8(wire.chunk().await.unwrap()).unwrap();
    assert!(first.starts_with("event: metadata\n"), "{first}");
    for name in ["x-ratelimit-remaining-requests", "x-herald-request-id"] {
        assert!(exposed.contains(name), "{exposed}");
        assert!(first.contains(head.header(name).unwrap()), "{first}");
    }
    gate.open();
    let mut rest = Answer {
        headers: head.headers,
        body: Vec::new(),
        status: 200,
        whole: true,
    };
    wire.body_of(&mut rest).await;
    assert!(rest.whole && rest.text().contains("late"), "{rest:?}");
    assert!(!rest.text().contains("event: metadata"), "{rest:?}");
}

#[actix_web::test]
async fn a_page_can_read_that_it_misspelt_what_it_asks_for() {
    let (provider, gateway) = gateway([], SETTINGS).await;
    let mut wire = Wire::connect(gateway.address()).await;
    let asks = [("origin", PAGE), ("x-herald-metadata", "event, event")];
    wire.send(post(stream().to_string(), &asks)).await;
    let answer = wire.answer().await;
    assert_eq!(
        (answer.status, answer.code().as_deref()),
        (400, Some("invalid_header"))
    );
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(answer.refusal_flaw(), None);
    assert!(provider.requests().is_empty());
}
