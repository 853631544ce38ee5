//! Numbers, ids and documents that nobody means: an answer that can be read, or an error.

use herald::testkit::{Framing, Script, chat, messages};
use serde_json::json;

use crate::translation::{
    DIALECTS, Dialect, TRANSLATED, answer_to, assert_none, events, judge, pairs, refusal_flaw,
};

/// Numbers that no block and no call has: an answer that can be read, or an error; never an end of Herald.
#[actix_web::test]
async fn numbers_of_blocks_and_calls_that_nobody_means_make_no_unreadable_stream() {
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        for index in [
            "4294967295",
            "4294967296",
            "18446744073709551615",
            "18446744073709551616",
            "-1",
            "1e99",
            "0.5",
            "null",
            "\"0\"",
            "[]",
            "1e-1",
            "-0",
        ] {
            let script = if kind == "anthropic" {
                let event = |name: &str, rest: &str| {
                    (
                        name.to_owned(),
                        format!(r#"{{"type":"{name}","index":{index},{rest}}}"#),
                    )
                };
                let said = [
                    ("message_start".to_owned(), messages::start(3)),
                    event(
                        "content_block_start",
                        r#""content_block":{"type":"tool_use","id":"c1","name":"look","input":{}}"#,
                    ),
                    event(
                        "content_block_delta",
                        r#""delta":{"type":"input_json_delta","partial_json":"{}"}"#,
                    ),
                    event("content_block_stop", r#""zzz":1"#),
                    ("message_delta".to_owned(), messages::finish("tool_use", 2)),
                    ("message_stop".to_owned(), messages::end()),
                ];
                said.iter()
                    .fold(Script::sse(), |script, (name, data)| {
                        script.named_event(name, data)
                    })
                    .finish()
            } else {
                let call = format!(
                    r#"{{"choices":[{{"index":{index},"delta":{{"tool_calls":[{{"index":{index},"id":"c1","type":"function","function":{{"name":"look","arguments":"{{}}"}}}}]}}}}]}}"#
                );
                let plain = format!(
                    r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":{index},"id":"c1","type":"function","function":{{"name":"look","arguments":"{{}}"}}}}]}}}}]}}"#
                );
                Script::sse()
                    .event(plain)
                    .event(call)
                    .event(chat::finish("tool_calls"))
                    .done()
                    .finish()
            };
            let answer = answer_to(dialect, kind, true, script, "").await;
            let told = format!("{dialect:?} over {kind}, {index}");
            if answer.status == 200 {
                if let Err(flaw) = judge(dialect, &answer) {
                    flaws.push(format!("{told}: {flaw}"));
                }
            } else if let Some(flaw) = refusal_flaw(dialect, &answer) {
                flaws.push(format!("{told}: {flaw}"));
            }
        }
    }
    assert_none(&flaws);
}

/// Ids of a million bytes, the same id twice, ids that are no word.
#[actix_web::test]
async fn ids_that_nobody_means_make_no_unreadable_stream() {
    let long = "i".repeat(1 << 20);
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        for (one, other) in [
            (long.as_str(), "b"),
            ("same", "same"),
            ("a\u{2028}\0\"\n", "b"),
            ("call.1/ü", "call:1/ü"),
        ] {
            let said = if kind == "anthropic" {
                vec![
                    messages::start(3),
                    messages::tool_block(0, one, "look"),
                    messages::tool_input(0, "{}"),
                    messages::block_end(0),
                    messages::tool_block(1, other, "look"),
                    messages::tool_input(1, "{}"),
                    messages::block_end(1),
                    messages::finish("tool_use", 2),
                    messages::end(),
                ]
            } else {
                let call = |index: u64, id: &str| {
                    let call = json!({ "index": index, "id": id, "type": "function", "function": { "name": "look", "arguments": "{}" } });
                    json!({ "id": one, "choices": [{ "index": 0, "delta": { "tool_calls": [call] }, "finish_reason": null }] }).to_string()
                };
                vec![
                    call(0, one),
                    call(1, other),
                    chat::finish("tool_calls"),
                    "[DONE]".to_owned(),
                ]
            };
            let answer = answer_to(dialect, kind, true, events(kind, &said), "").await;
            let told = format!("{dialect:?} over {kind}, {one:.20?}");
            if let Err(flaw) = judge(dialect, &answer) {
                flaws.push(format!("{told}: {flaw:.400}"));
            }
            let calls = answer
                .data()
                .iter()
                .filter(|data| {
                    data.contains(r#""name":"look""#)
                        && (dialect != Dialect::Responses || data.contains("output_item.added"))
                })
                .count();
            if calls != 2 {
                flaws.push(format!("{told}: {calls} calls"));
            }
        }
    }
    assert_none(&flaws);
}

/// A document that is larger than `upstream.max_body_bytes`, and one that breaks off, in every dialect.
#[actix_web::test]
async fn a_document_that_is_too_large_or_not_whole_is_a_502_in_the_clients_shape() {
    for (dialect, kind) in pairs() {
        let body = if kind == "anthropic" {
            messages::message(&"x".repeat(100_000))
        } else {
            chat::completion(&"x".repeat(100_000))
        };
        let settings = "[upstream]\nmax_body_bytes = \"64KiB\"\nmax_event_bytes = \"32KiB\"\n";
        for (script, code) in [
            (Script::json(200, &body), "upstream_body_too_large"),
            (
                Script::json(200, &body[..5000])
                    .framing(Framing::Declared(9000))
                    .close(),
                "upstream_truncated",
            ),
        ] {
            let answer = answer_to(dialect, kind, false, script, settings).await;
            assert_eq!(
                (answer.status, refusal_flaw(dialect, &answer)),
                (502, None),
                "{dialect:?} over {kind}"
            );
            assert!(answer.text().contains(code), "{answer:?}");
        }
    }
    assert_eq!(DIALECTS.len(), 3);
}
