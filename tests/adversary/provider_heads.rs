//! Providers whose heads are odd: smuggled fields, nominated fields, impossible statuses.

use std::time::Duration;

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat};
use tokio::time::Instant;

use crate::wire::{Answer, answer_to, ask, document, stream};

/// A whole good stream behind this head, which lacks only its framing.
fn behind(head: &str) -> Script {
    let head = head.replace('\n', "\r\n");
    good_body(Script::raw().bytes(format!(
        "{head}\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    )))
    .close()
}

fn good_body(script: Script) -> Script {
    script
        .event(chat::text("hello"))
        .event(chat::finish("stop"))
        .done()
}

fn is_good(answer: &Answer) -> bool {
    answer.status == 200
        && answer.whole
        && answer.text().contains("hello")
        && answer.data().last().is_some_and(|data| data == "[DONE]")
}

fn is_clear_502(answer: &Answer) -> bool {
    answer.status == 502 && answer.refusal_flaw().is_none()
}

async fn flaws_of(
    scripts: impl IntoIterator<Item = (String, Script)>,
    settings: &str,
    is_right: impl Fn(&Answer) -> bool,
) -> Vec<String> {
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::tuned(&provider, settings).await;
    let mut flaws = Vec::new();
    for (name, script) in scripts {
        provider.push(script);
        let answer = ask(gateway.address(), stream().to_string()).await;
        if !is_right(&answer) {
            flaws.push(format!(
                "{name:?}: {} {:?} {:.300}",
                answer.status,
                answer.code(),
                answer.text()
            ));
        }
    }
    flaws
}

#[actix_web::test]
async fn a_head_that_is_odd_and_right_is_understood() {
    let heads = [
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 ",
        "HTTP/1.1 200",
        "HTTP/1.1 200 Alles gut \u{e9}",
        "HTTP/1.1 203 Maybe",
        "HTTP/1.1 299 OK",
        "HTTP/1.0 200 OK",
        "HTTP/1.1 200 OK\nX-Empty:",
        // RFC 9112 section 5.1: a proxy removes that space.
        "HTTP/1.1 200 OK\nx-request-id : x",
        "HTTP/1.1 200 OK\nx-request-id:\t padded \t",
        "HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nlink: </a>\n\nHTTP/1.1 102 Processing\n\nHTTP/1.1 200 OK",
        "HTTP/1.1 200 OK\nkeep-alive: timeout=5, max=1000",
    ];
    let scripts = heads.map(|head| (head.to_owned(), behind(head)));
    let flaws = flaws_of(scripts, "", is_good).await;
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[actix_web::test]
async fn a_head_that_cannot_be_parsed_is_502_upstream_bad_head() {
    let heads = [
        "hello".to_owned(),
        "HTTP/2 200 OK".to_owned(),
        "HTTP/1.1 20 OK".to_owned(),
        "HTTP/1.1 abc OK".to_owned(),
        "HTTP/1.1 000 OK".to_owned(),
        "HTTP/1.1 099 OK".to_owned(),
        "HTTP/1.1 200OK".to_owned(),
        "ICY 200 OK".to_owned(),
        "HTTP/1.1 200 OK\nno colon here".to_owned(),
        "HTTP/1.1 200 OK\n: no name".to_owned(),
        "HTTP/1.1 200 OK\nbad name: x".to_owned(),
        format!("HTTP/1.1 200 OK\nx: {}", "a".repeat(100_000)),
        format!("HTTP/1.1 200 OK{}", "\nx: 1".repeat(200)),
        "HTTP/1.1 200 OK\ncontent-length: 5\ncontent-length: 6".to_owned(),
        "HTTP/1.1 200 OK\ncontent-length: 5, 6".to_owned(),
        "HTTP/1.1 200 OK\ncontent-length: -1".to_owned(),
        "HTTP/1.1 200 OK\ncontent-length: +5".to_owned(),
        "HTTP/1.1 200 OK\ncontent-length: five".to_owned(),
        "HTTP/1.1 200 OK\ncontent-length: 99999999999999999999999".to_owned(),
    ];
    let scripts = heads.map(|head| (head.chars().take(60).collect(), behind(&head)));
    let flaws = flaws_of(scripts, "", |answer| {
        is_clear_502(answer) && answer.code().as_deref() == Some("upstream_bad_head")
    })
    .await;
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

/// "An invalid value is dropped, the answer goes on", or "a head that awc cannot parse is 502
/// `upstream_bad_head`": both are a right, a header of the attacker's is not.
#[actix_web::test]
async fn no_byte_of_a_value_makes_a_header_of_its_own() {
    for value in [
        "a\rset-cookie: evil=1",
        "a\r\n\tset-cookie: evil=1",
        "a\r\n set-cookie: evil=1",
        "a\0b",
        "a\x0bb",
        "a\x7fb",
        "a\x1b[31mb",
    ] {
        let script = behind(&format!("HTTP/1.1 200 OK\r\nx-request-id: {value}"));
        let answer = answer_to(script, "", &stream()).await;
        assert_eq!(answer.header("set-cookie"), None, "{value:?}: {answer:?}");
        assert!(
            is_good(&answer) || is_clear_502(&answer),
            "{value:?}: {answer:?}"
        );
        if let Some(passed) = answer.header("x-request-id") {
            assert!(passed.bytes().all(|b| b >= b' ' && b != 0x7f), "{passed:?}");
        }
    }
}

#[actix_web::test]
async fn whatever_connection_nominates_stays_back_however_it_is_written() {
    for connection in [
        "connection: X-Request-ID, x-ratelimit-a",
        "Connection: close\nconnection:x-ratelimit-a\nCONNECTION: \tx-request-id\t",
        "connection: ,,x-request-id,,x-ratelimit-a ,close",
        "connection: x-request-id;q=1, x-request-id, x-ratelimit-a",
    ] {
        let script = behind(&format!(
            "HTTP/1.1 200 OK\n{connection}\nx-request-id: hop\nx-ratelimit-a: hop\nrequest-id: end"
        ));
        let answer = answer_to(script, "", &stream()).await;
        assert!(is_good(&answer), "{answer:?}");
        assert_eq!(answer.header("x-request-id"), None, "{connection}");
        assert_eq!(answer.header("x-ratelimit-a"), None, "{connection}");
        assert_eq!(answer.header("request-id"), Some("end"));
    }
}

#[actix_web::test]
async fn heralds_own_names_are_never_the_providers_words() {
    let forged = |mut script: Script| {
        for name in [
            "x-upstream-status",
            "x-upstream-provider",
            "x-upstream-model",
            "x-upstream-time-to-first-token",
            "x-upstream-anything",
            "x-herald-request-id",
            "x-herald-settings-generation",
            "x-herald-anything",
            "proxy-status",
            "server-timing",
        ] {
            script = script
                .header(name, "forged")
                .header(&name.to_uppercase(), "forged");
        }
        script
    };
    for script in [
        Script::chat(["a"]),
        Script::json(500, "{}"),
        Script::json(429, "{}"),
        Script::json(200, "<html>"),
        Script::sse().event(r#"{"error":{"message":"m"}}"#).finish(),
    ] {
        let answer = answer_to(forged(script), "", &stream()).await;
        let is_forged = |(_, value): &&(String, String)| value.contains("forged");
        let forged: Vec<_> = answer.headers.iter().filter(is_forged).collect();
        assert!(forged.is_empty(), "{forged:?}");
        assert_eq!(answer.values("x-herald-request-id").len(), 1);
    }
}

#[actix_web::test]
async fn interim_answers_without_end_are_bounded_by_the_head_clock() {
    let begun = Instant::now();
    let endless = Script::raw().flood("", 0);
    let endless = (0..2000).fold(endless, |script, _| {
        script.bytes("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
    });
    let answer = answer_to(endless.stall(), "[clocks]\nhead = \"300ms\"\n", &stream()).await;
    assert!([502, 504].contains(&answer.status), "{answer:?}");
    assert_eq!(answer.refusal_flaw(), None);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[actix_web::test]
async fn a_head_that_trickles_is_bounded_by_the_head_clock() {
    let slow = (0..100).fold(Script::raw().bytes("HTTP/1.1 200 OK\r\n"), |script, _| {
        script.pause(Duration::from_millis(20)).bytes("x: 1\r\n")
    });
    let answer = answer_to(slow, "[clocks]\nhead = \"200ms\"\n", &stream()).await;
    assert_eq!((answer.status, answer.refusal_flaw()), (504, None));
}

#[actix_web::test]
async fn content_types_are_read_as_media_types_are() {
    for (kind, is_stream) in [
        ("text/event-stream", true),
        ("TEXT/Event-Stream", true),
        ("text/event-stream;charset=utf-8", true),
        ("text/event-stream ; charset=\"UTF-8\"", true),
        ("text/html", false),
        ("text/event-streams", false),
        ("application/json", false),
        ("application/octet-stream", false),
    ] {
        let script = good_body(Script::sse().header("content-type", kind)).finish();
        let answer = answer_to(script, "", &stream()).await;
        if is_stream {
            assert!(is_good(&answer), "{kind}: {answer:?}");
            assert_eq!(answer.values("content-type"), ["text/event-stream"]);
        } else {
            // "Each understood or a clear 502, never a wrong or empty success."
            assert!(
                is_good(&answer) || is_clear_502(&answer),
                "{kind}: {answer:?}"
            );
        }
    }
    let bare = Script::raw().bytes("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
    let answer = answer_to(good_body(bare).close(), "", &stream()).await;
    assert!(is_good(&answer) || is_clear_502(&answer), "{answer:?}");
}

#[actix_web::test]
async fn a_coding_that_was_not_asked_for_is_502_and_identity_is_none() {
    for (coding, is_fine) in [
        ("identity", true),
        ("Identity", true),
        ("gzip", false),
        ("BR", false),
        ("identity, gzip", false),
        ("zstd,", false),
        ("nonsense", false),
    ] {
        let script = Script::chat(["hello"]).header("content-encoding", coding);
        let answer = answer_to(script, "", &stream()).await;
        assert!(
            if is_fine {
                is_good(&answer)
            } else {
                is_clear_502(&answer)
            },
            "{coding:?}: {answer:?}"
        );
        assert!([None, Some("identity")].contains(&answer.header("content-encoding")));
        let script =
            Script::json(200, chat::completion("hello")).header("content-encoding", coding);
        let answer = answer_to(script, "", &document()).await;
        assert!(
            if is_fine {
                answer.status == 200
            } else {
                is_clear_502(&answer)
            },
            "document {coding:?}: {answer:?}"
        );
    }
}

#[actix_web::test]
async fn the_bytes_of_forwarded_headers_are_capped_and_the_answer_goes_on() {
    let script = (0..40).fold(Script::chat(["hello"]), |script, n| {
        script.header(&format!("x-ratelimit-{n}"), "v".repeat(1000))
    });
    let answer = answer_to(script, "", &stream()).await;
    assert!(is_good(&answer));
    let bytes: usize = answer
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-ratelimit-"))
        .map(|(name, value)| name.len() + value.len())
        .sum();
    assert!(bytes > 8 * 1024 && bytes <= 16 * 1024, "{bytes} bytes");
}

#[actix_web::test]
async fn one_header_that_is_too_large_does_not_keep_back_the_others() {
    let script = Script::chat(["hello"])
        .header("x-ratelimit-big", "v".repeat(20_000))
        .header("x-request-id", "small");
    let answer = answer_to(script, "", &stream()).await;
    assert!(is_good(&answer));
    assert_eq!(answer.header("x-ratelimit-big"), None);
    assert_eq!(answer.header("x-request-id"), Some("small"));
}

#[actix_web::test]
async fn a_second_answer_behind_the_first_reaches_no_other_caller() {
    for kind in ["text/event-stream", "application/json"] {
        let one = |text: &str| {
            let body = if kind == "application/json" {
                chat::completion(text)
            } else {
                format!("data: {}\n\ndata: [DONE]\n\n", chat::text(text))
            };
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        let provider = ScriptedProvider::start([
            Script::raw().bytes(one("mine") + &one("stolen")),
            Script::raw().bytes(one("right")),
            Script::raw().bytes(one("right")),
        ])
        .await;
        let gateway = TestGateway::in_front_of(&provider).await;
        let request = if kind == "application/json" {
            document()
        } else {
            stream()
        };
        let first = ask(gateway.address(), request.to_string()).await;
        assert!(!first.text().contains("stolen"), "{first:?}");
        for _ in 0..2 {
            let next = ask(gateway.address(), request.to_string()).await;
            assert!(next.text().contains("right"), "{next:?}");
        }
    }
}

#[actix_web::test]
async fn a_framing_that_is_doubtful_is_never_a_wrong_success() {
    let body = format!(
        "data: {}\n\ndata: {}\n\ndata: [DONE]\n\n",
        chat::text("hello"),
        chat::finish("stop")
    );
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let length = body.len();
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut flaws = Vec::new();
    for (framing, body) in [
        (
            format!("transfer-encoding: chunked\r\ncontent-length: {length}"),
            &chunked,
        ),
        (
            format!("content-length: {length}\r\ntransfer-encoding: chunked"),
            &chunked,
        ),
        (
            format!("content-length: {length}\r\ncontent-length: {length}"),
            &body,
        ),
        (format!("content-length: {length}, {length}"), &body),
        ("transfer-encoding: Chunked".to_owned(), &chunked),
        ("Transfer-Encoding:chunked".to_owned(), &chunked),
        ("transfer-encoding: gzip, chunked".to_owned(), &chunked),
        ("transfer-encoding: chunked, chunked".to_owned(), &chunked),
        ("transfer-encoding: chunked, identity".to_owned(), &chunked),
        ("transfer-encoding: identity".to_owned(), &body),
        ("transfer-encoding: nonsense".to_owned(), &body),
        ("transfer-encoding:".to_owned(), &body),
        ("transfer-encoding: \"chunked\"".to_owned(), &chunked),
    ] {
        provider.push(
            Script::raw()
                .bytes(format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{framing}\r\n\r\n{body}"
                ))
                .close(),
        );
        let answer = ask(gateway.address(), stream().to_string()).await;
        if !is_good(&answer) && !is_clear_502(&answer) {
            flaws.push(format!(
                "{framing:?}: {} {:.300}",
                answer.status,
                answer.text()
            ));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}
