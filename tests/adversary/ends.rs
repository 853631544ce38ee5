//! How streams end: markers in odd places, and ends that are none.

use std::time::Duration;

use herald::testkit::{Framing, Script, ScriptedProvider, TestGateway, chat};
use serde_json::json;
use tokio::time::Instant;

use crate::wire::{Answer, answer_to, ask, stream};

fn one_text() -> Script {
    Script::sse().event(chat::text("a"))
}

fn is_complete(answer: &Answer) -> bool {
    answer.status == 200 && answer.whole && answer.code().is_none()
}

/// A typed error at the end, and nothing that claims success.
fn is_failed(answer: &Answer) -> bool {
    answer.status == 200
        && answer.code().is_some()
        && !answer.data().iter().any(|data| data == "[DONE]")
}

#[actix_web::test]
async fn the_end_marker_is_known_however_it_is_written() {
    let mut flaws = Vec::new();
    for marker in [
        "data: [DONE]\n\n",
        "data:[DONE]\n\n",
        "data: [DONE]\r\n\r\n",
        "data: [DONE]\r\r",
        "event: done\ndata: [DONE]\n\n",
        "id: 7\ndata: [DONE]\n\n",
        ": bye\ndata: [DONE]\n\n",
        "data: [DONE]\n\ndata: [DONE]\n\n",
        // Written by hand often enough; openai-python asks `startswith("[DONE]")`.
        "data: [DONE] \n\n",
        "data:  [DONE]\n\n",
    ] {
        for script in [
            one_text().body(marker).finish(),
            one_text().body(marker).close(),
            one_text().cut_bytes(1).body(marker).reset(),
        ] {
            let answer = answer_to(script, "", &stream()).await;
            let ends = answer
                .data()
                .iter()
                .filter(|data| data.trim() == "[DONE]")
                .count();
            if !is_complete(&answer) || ends != 1 {
                flaws.push(format!("{marker:?}: {} {:?}", answer.status, answer.text()));
                break;
            }
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[actix_web::test]
async fn what_only_looks_like_an_end_marker_is_none() {
    let mut flaws = Vec::new();
    for marker in [
        "data: [DONE",
        "data: [DONE]",
        "data: [DON\n\n",
        ": data: [DONE]\n\n",
        "event: [DONE]\n\n",
        "id: [DONE]\n\n",
        "retry: [DONE]\n\n",
        "[DONE]\n\n",
        "data: \"[DONE]\"\n\n",
        " data: [DONE]\n\n",
        "data: [done]\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"[DONE]\"}}]}\n\n",
    ] {
        for script in [
            one_text().body(marker).finish(),
            one_text().body(marker).close(),
        ] {
            let answer = answer_to(script, "", &stream()).await;
            if !is_failed(&answer) {
                flaws.push(format!("{marker:?}: {} {:?}", answer.status, answer.text()));
                break;
            }
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[actix_web::test]
async fn an_end_marker_alone_is_an_end_and_no_502() {
    // "An end before any content event or end marker is 502": here is a marker.
    for script in [
        Script::sse().done().finish(),
        Script::sse().event(chat::role()).done().finish(),
        Script::sse()
            .event(chat::role())
            .event(chat::finish("stop"))
            .done()
            .finish(),
        Script::sse().event(chat::finish("content_filter")).finish(),
        Script::sse().event(chat::usage(1, 0)).done().close(),
        Script::sse().comment("x").done().reset(),
    ] {
        let answer = answer_to(script, "[clocks]\nhold = \"1m\"\n", &stream()).await;
        assert!(is_complete(&answer), "{answer:?}");
    }
}

#[actix_web::test]
async fn an_end_before_anything_is_502_upstream_empty() {
    for script in [
        Script::sse().finish(),
        Script::sse().head().close(),
        Script::sse().comment("ping").finish(),
        Script::sse().event(chat::role()).finish(),
        Script::sse()
            .event(chat::role())
            .event(chat::usage(1, 0))
            .close(),
        Script::sse().body("data:\n\ndata: \n\n").finish(),
        Script::sse().body("data: {\"choices\":[{\"ind").finish(),
        Script::sse().framing(Framing::Declared(0)),
        Script::sse()
            .framing(Framing::CloseDelimited)
            .head()
            .close(),
        Script::sse()
            .framing(Framing::Http10)
            .event(chat::role())
            .close(),
    ] {
        let answer = answer_to(script, "[clocks]\nhold = \"1m\"\n", &stream()).await;
        assert_eq!(answer.refusal_flaw(), None);
        assert_eq!(
            (answer.status, answer.code().as_deref()),
            (502, Some("upstream_empty"))
        );
        assert_eq!(answer.header("x-upstream-status"), Some("200"));
    }
}

#[actix_web::test]
async fn a_client_gets_its_end_with_the_marker_though_the_provider_goes_on() {
    for script in [
        one_text().done().stall(),
        one_text().done().flood("x", 100_000_000),
        one_text().done().bytes("not a chunk").stall(),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        let settings = "[upstream]\ndrain_after_end = \"1m\"\n";
        let gateway = TestGateway::tuned(&provider, settings).await;
        let begun = Instant::now();
        let answer = ask(gateway.address(), stream().to_string()).await;
        assert!(is_complete(&answer), "{answer:?}");
        assert_eq!(answer.data().last().unwrap(), "[DONE]");
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
        // The gateway would read it for a minute.
        drop(provider);
    }
}

#[actix_web::test]
async fn the_choices_finish_one_by_one_in_any_order() {
    let choice = |index: u64, text: &str, reason: serde_json::Value| {
        json!({ "choices": [{ "index": index, "delta": { "content": text }, "finish_reason": reason }] }).to_string()
    };
    let stop = || json!("stop");
    let request = |n: u64| {
        let mut request = stream();
        request["n"] = json!(n);
        request
    };
    for (n, events, complete) in [
        (3, vec![choice(2, "c", stop()), choice(0, "a", stop()), choice(1, "b", stop())], true),
        (3, vec![choice(2, "c", stop()), choice(2, "c", stop()), choice(1, "b", stop())], false),
        (2, vec![choice(0, "a", stop()), choice(1, "b", json!(null))], false),
        (2, vec![choice(0, "a", stop()), choice(0, "a", stop())], false),
        (1, vec![choice(0, "a", json!(""))], false),
        (1, vec![choice(0, "a", json!(null)), choice(0, "", json!("tool_calls")), chat::usage(1, 1)], true),
        (1, vec![choice(0, "a", json!("a reason of tomorrow"))], true),
        (2, vec![json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }, { "index": 1, "delta": {}, "finish_reason": "length" }] }).to_string()], true),
    ] {
        let script = events.iter().fold(Script::sse(), |script, event| script.event(event)).finish();
        let answer = answer_to(script, "", &request(n)).await;
        assert_eq!(is_complete(&answer), complete, "n = {n}: {events:?} became {:?}", answer.text());
        assert!(complete || is_failed(&answer), "{answer:?}");
    }
}

/// "`x-upstream-status`: the origin's own": a 500 was said, whatever becomes of its body.
#[actix_web::test]
async fn an_error_whose_body_stalls_is_told_as_what_it_is() {
    for (status, ours) in [(500, 502), (429, 429), (400, 400), (503, 503)] {
        let script = Script::json(status, "{")
            .framing(Framing::Declared(100))
            .stall();
        let begun = Instant::now();
        let answer = answer_to(script, "[clocks]\nidle = \"300ms\"\n", &stream()).await;
        assert_eq!(answer.refusal_flaw(), None);
        assert_eq!(
            (answer.status, answer.header("x-upstream-status")),
            (ours, Some(status.to_string().as_str()))
        );
        assert!(begun.elapsed() < Duration::from_secs(3));
    }
}

#[actix_web::test]
async fn a_stream_that_breaks_after_commit_ends_in_a_typed_error_and_a_whole_body() {
    for (script, codes) in [
        (one_text().close(), ["upstream_truncated", ""]),
        (one_text().finish(), ["upstream_truncated", ""]),
        (
            one_text().body("data: {\"choices\"").finish(),
            ["upstream_truncated", ""],
        ),
        (
            one_text().bytes("5\r\nda").close(),
            ["upstream_truncated", ""],
        ),
        (one_text().bytes("5").close(), ["upstream_truncated", ""]),
        (
            one_text().pause(Duration::from_millis(100)).reset(),
            ["upstream_reset", "upstream_truncated"],
        ),
        (
            Script::sse()
                .framing(Framing::Declared(9999))
                .event(chat::text("a"))
                .close(),
            ["upstream_truncated", ""],
        ),
        (
            Script::sse()
                .framing(Framing::CloseDelimited)
                .event(chat::text("a"))
                .close(),
            ["upstream_truncated", ""],
        ),
        (
            Script::sse()
                .framing(Framing::Http10)
                .event(chat::text("a"))
                .close(),
            ["upstream_truncated", ""],
        ),
    ] {
        let answer = answer_to(script, "", &stream()).await;
        assert!(is_failed(&answer) && answer.whole, "{answer:?}");
        assert!(
            codes.contains(&answer.code().unwrap().as_str()),
            "{:?} is not one of {codes:?}",
            answer.code()
        );
    }
    // Garbage where a chunk should be: some error, and its own event.
    for garbage in [
        "zz\r\nxx\r\n",
        "-1\r\n",
        "FFFFFFFFFFFFFFFFF\r\nx",
        "\r\n\r\n",
        "5\r\nabcdefgh\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
    ] {
        let answer = answer_to(one_text().bytes(garbage).close(), "", &stream()).await;
        assert!(
            is_failed(&answer) && answer.whole,
            "{garbage:?}: {answer:?}"
        );
    }
}

#[actix_web::test]
async fn a_break_before_commit_is_502_whatever_sort_of_break() {
    for script in [
        Script::raw().close(),
        Script::raw().reset(),
        Script::raw().bytes("HTTP/1.1 2").close(),
        Script::raw()
            .bytes("HTTP/1.1 200 OK\r\ncontent-type: text/ev")
            .reset(),
        Script::raw()
            .bytes("HTTP/1.1 103 Early Hints\r\n\r\n")
            .close(),
        Script::sse()
            .head()
            .pause(Duration::from_millis(50))
            .reset(),
        Script::sse().event(chat::role()).bytes("zz\r\n").stall(),
        Script::sse().bytes("zz").stall(),
    ] {
        let answer = answer_to(script, "[clocks]\nhold = \"1m\"\n", &stream()).await;
        assert_eq!((answer.status, answer.refusal_flaw()), (502, None));
    }
}

/// The pool must not hand out what a broken answer left behind.
#[actix_web::test]
async fn after_every_bad_end_the_next_request_gets_its_own_answer() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::tuned(&provider, "[clocks]\nidle = \"300ms\"\n").await;
    for bad in [
        one_text().close(),
        one_text().done().body("data: stray\n\n"),
        one_text().done().stall(),
        one_text()
            .done()
            .finish()
            .bytes("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray"),
        one_text().bytes("zz\r\n").stall(),
        one_text().event(r#"{"error":{"message":"m"}}"#).stall(),
        one_text().event(r#"{"error":{"message":"m"}}"#).finish(),
        Script::json(500, "{}")
            .framing(Framing::Declared(100))
            .stall(),
        Script::json(429, "{}"),
        Script::json(200, "{}").header("content-type", "text/html"),
        Script::sse().head().finish(),
    ] {
        provider.push(bad);
        ask(gateway.address(), stream().to_string()).await;
        provider.push(Script::chat(["own"]));
        let next = ask(gateway.address(), stream().to_string()).await;
        assert!(
            is_complete(&next) && next.text().contains("own") && !next.text().contains("stray"),
            "{next:?}"
        );
    }
}
