//! Errors of providers before and behind the head, told to clients of another dialect.

use herald::testkit::{Gate, Happened, Script, ScriptedProvider, chat, messages};
use serde_json::{Value, json};

use crate::{
    translation::{
        ANTHROPIC_TYPES, DIALECTS, Dialect, Ended, answer_to, ask, assert_none, events, gateway,
        judge, pairs, post, refusal_flaw,
    },
    wire::Wire,
};

const STATUSES: [(u16, u16, Option<&str>); 17] = [
    (302, 502, Some("false")),
    (400, 400, None),
    (401, 502, Some("false")),
    (402, 502, Some("false")),
    (403, 502, Some("false")),
    (404, 502, Some("false")),
    (407, 502, Some("false")),
    (408, 504, None),
    (409, 409, None),
    (413, 413, None),
    (418, 502, Some("false")),
    (422, 422, None),
    (429, 429, None),
    (500, 502, None),
    (503, 503, None),
    (504, 504, None),
    (529, 503, None),
];

/// Bodies that providers put under an error's status, right and wrong ones.
fn bodies() -> Vec<String> {
    vec![
        chat::error("no", "some_type"),
        messages::error("no", "overloaded_error"),
        messages::error("no", "a_type_of_tomorrow"),
        json!({ "type": "error", "error": { "type": 7, "message": ["no"] } }).to_string(),
        json!({ "error": "no" }).to_string(),
        json!({ "error": null }).to_string(),
        json!({ "detail": [{ "msg": "no" }] }).to_string(),
        json!([{ "error": { "code": 400, "message": "no", "status": "INVALID_ARGUMENT" } }])
            .to_string(),
        "<html><head><title>no</title></head><script>alert(1)</script></html>".to_owned(),
        String::new(),
        "{".to_owned(),
        "\u{feff}null".to_owned(),
    ]
}

#[actix_web::test]
async fn every_status_with_every_body_is_a_refusal_in_the_clients_own_shape() {
    let mut flaws = Vec::new();
    for (dialect, kind) in pairs() {
        for is_stream in [true, false] {
            let provider = ScriptedProvider::start([]).await;
            let gateway = gateway(&provider, kind, "", "").await;
            for (status, ours, retry) in STATUSES {
                for body in bodies() {
                    let told =
                        format!("{dialect:?} over {kind}, stream {is_stream}, {status} {body}");
                    provider.push(Script::json(status, &body).header("retry-after", "17"));
                    let answer = ask(
                        &gateway,
                        dialect,
                        dialect.request(is_stream).to_string(),
                        &[],
                    )
                    .await;
                    if let Some(flaw) = refusal_flaw(dialect, &answer) {
                        flaws.push(format!("{told}: {flaw}"));
                    }
                    let head = (
                        answer.status,
                        answer.header("x-upstream-status").map(str::to_owned),
                        answer.header("x-should-retry").map(str::to_owned),
                        answer.values("retry-after").join("|"),
                    );
                    let wanted = (
                        ours,
                        Some(status.to_string()),
                        retry.map(str::to_owned),
                        "17".to_owned(),
                    );
                    if head != wanted {
                        flaws.push(format!("{told}: {head:?} and not {wanted:?}"));
                    }
                    let proxy = answer.values("proxy-status").join("|");
                    if !proxy.contains(&format!("received-status={status}")) {
                        flaws.push(format!("{told}: {proxy}"));
                    }
                    if answer.text().contains("<script") || answer.text().contains("<html") {
                        flaws.push(format!("{told}: markup: {}", answer.text()));
                    }
                }
            }
        }
    }
    assert_none(&flaws);
}

/// "An error that the provider tells inside a 200 names its status by a number or by its `type`": before
/// content it is that status, `x-upstream-status` stays 200.
#[actix_web::test]
async fn an_error_before_content_is_a_status_in_every_dialect() {
    let mut flaws = Vec::new();
    for (dialect, kind) in pairs() {
        let before = if kind == "anthropic" {
            vec![
                messages::start(3),
                messages::ping(),
                messages::text_block(0),
            ]
        } else {
            vec![chat::role()]
        };
        for (class, ours) in [
            ("rate_limit_error", 429),
            ("overloaded_error", 503),
            ("authentication_error", 502),
            ("permission_error", 502),
            ("not_found_error", 502),
            ("request_too_large", 413),
            ("invalid_request_error", 400),
            ("api_error", 502),
            ("timeout_error", 504),
            ("what_is_this", 502),
        ] {
            let said = [before.clone(), vec![messages::error("no", class)]].concat();
            let answer = answer_to(
                dialect,
                kind,
                true,
                events(kind, &said),
                "[clocks]\nhold = \"5s\"\n",
            )
            .await;
            let told = format!("{dialect:?} over {kind}, {class}");
            if let Some(flaw) = refusal_flaw(dialect, &answer) {
                flaws.push(format!("{told}: {flaw}"));
            }
            if (answer.status, answer.header("x-upstream-status")) != (ours, Some("200")) {
                flaws.push(format!("{told}: {answer:?} and not {ours}"));
            }
        }
    }
    assert_none(&flaws);
}

/// "In Anthropic's dialect … `error.type` is always one that its SDKs know."
#[actix_web::test]
async fn an_error_behind_content_has_the_clients_shape_and_a_type_that_it_knows() {
    let mut flaws = Vec::new();
    for (dialect, kind) in pairs() {
        let before = if kind == "anthropic" {
            vec![
                messages::start(3),
                messages::text_block(0),
                messages::text(0, "a"),
            ]
        } else {
            vec![chat::text("a")]
        };
        for error in [
            chat::error("no", "server_error"),
            messages::error("no", "overloaded_error"),
            messages::error("no", "a_type_of_tomorrow"),
            json!({ "type": "error", "error": { "message": "no", "code": 429 } }).to_string(),
            json!({ "type": "error", "error": "no" }).to_string(),
            json!({ "type": "error", "error": { "message": "<b>no</b>", "type": "<i>" } })
                .to_string(),
        ] {
            let begun = before.iter().fold(Script::sse(), |script, data| {
                if kind == "anthropic" {
                    script.typed_event(data)
                } else {
                    script.event(data)
                }
            });
            let answer = answer_to(
                dialect,
                kind,
                true,
                begun.named_event("error", &error).finish(),
                "",
            )
            .await;
            let told = format!("{dialect:?} over {kind}, {error}");
            if judge(dialect, &answer) != Ok(Ended::InError) {
                // What passes byte for byte between those that speak one dialect is the provider's word.
                let is_passed = (dialect == Dialect::Chat && kind == "openai")
                    || (dialect == Dialect::Messages && kind == "anthropic");
                if !is_passed {
                    flaws.push(format!("{told}: {:?}", judge(dialect, &answer)));
                }
            }
            let last: Value = serde_json::from_str(&answer.data().pop().unwrap()).unwrap();
            let class = last["error"]["type"].as_str().unwrap_or_default();
            if dialect == Dialect::Messages && kind == "openai" && !ANTHROPIC_TYPES.contains(&class)
            {
                flaws.push(format!("{told}: {last}"));
            }
            if answer.text().contains("<b>") {
                flaws.push(format!("{told}: markup: {last}"));
            }
        }
    }
    assert_none(&flaws);
}

/// A document with a status of success that is an error, for a request of a stream and of a document.
#[actix_web::test]
async fn an_error_document_under_a_200_is_an_error_in_every_dialect() {
    let mut flaws = Vec::new();
    for (dialect, kind) in pairs() {
        for is_stream in [true, false] {
            for body in [
                messages::error("no", "rate_limit_error"),
                json!({ "error": { "message": "no", "type": "rate_limit_error" } }).to_string(),
                json!({ "error": { "message": "no", "code": 429 } }).to_string(),
            ] {
                let answer =
                    answer_to(dialect, kind, is_stream, Script::json(200, &body), "").await;
                let told = format!("{dialect:?} over {kind}, stream {is_stream}, {body}");
                if let Some(flaw) = refusal_flaw(dialect, &answer) {
                    flaws.push(format!("{told}: {flaw}"));
                }
                if (answer.status, answer.header("x-upstream-status")) != (429, Some("200")) {
                    flaws.push(format!("{told}: {answer:?}"));
                }
            }
        }
    }
    assert_none(&flaws);
}

/// What no translator can read must not become an answer.
#[actix_web::test]
async fn a_document_that_is_no_answer_is_a_502_when_it_must_be_translated() {
    let mut flaws = Vec::new();
    for (dialect, kind) in crate::translation::TRANSLATED {
        for body in [
            "{}",
            "[]",
            "null",
            "\"a\"",
            "7",
            "",
            "{\"choices\":[",
            r#"{"choices":[]}"#,
            r#"{"choices":null}"#,
            r#"{"choices":{}}"#,
            r#"{"choices":[null]}"#,
            r#"{"content":null}"#,
            r#"{"type":"message"}"#,
            r#"{"type":"message","content":7}"#,
            r#"{"type":"message","content":[7]}"#,
            "data: {}\n\n",
            "<html></html>",
        ] {
            let answer = answer_to(dialect, kind, false, Script::json(200, body), "").await;
            if answer.status != 502 || refusal_flaw(dialect, &answer).is_some() {
                flaws.push(format!("{dialect:?} over {kind}, {body}: {answer:?}"));
            }
        }
    }
    assert_none(&flaws);
}

/// "Nothing is sent to the client until the head is committed".
#[actix_web::test]
async fn no_byte_comes_before_the_head_is_committed() {
    for (dialect, kind) in crate::translation::TRANSLATED {
        let gate = Gate::new();
        let script = if kind == "anthropic" {
            Script::sse()
                .typed_event(messages::start(3))
                .typed_event(messages::ping())
                .wait(&gate)
                .typed_event(messages::error("no", "rate_limit_error"))
                .finish()
        } else {
            Script::sse()
                .event(chat::role())
                .wait(&gate)
                .event(chat::error("no", "rate_limit_error"))
                .finish()
        };
        let provider = ScriptedProvider::start([script]).await;
        let gateway = gateway(&provider, kind, "", "[clocks]\nhold = \"1m\"\n").await;
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(dialect.path(), dialect.request(true).to_string(), &[]))
            .await;
        provider
            .wait_for("the gate", |what| *what == Happened::Waiting)
            .await;
        let mut byte = [0];
        assert!(
            wire.socket.try_read(&mut byte).is_err(),
            "{dialect:?} over {kind}: a byte before the head"
        );
        gate.open();
        assert_eq!(wire.answer().await.status, 429, "{dialect:?} over {kind}");
    }
}

/// A request for a stream that is answered with a whole document of the provider's own.
#[actix_web::test]
async fn a_document_for_a_stream_is_told_as_no_stream() {
    for (dialect, kind) in pairs() {
        let body = if kind == "anthropic" {
            messages::message("a")
        } else {
            chat::completion("a")
        };
        let answer = answer_to(dialect, kind, true, Script::json(200, body), "").await;
        assert_eq!(
            (answer.status, refusal_flaw(dialect, &answer)),
            (502, None),
            "{dialect:?} over {kind}"
        );
        assert!(
            answer.text().contains("upstream_not_a_stream"),
            "{answer:?}"
        );
    }
}

#[actix_web::test]
async fn the_clock_of_silence_is_told_in_the_clients_own_shape_and_not_as_an_end() {
    for (dialect, kind) in pairs() {
        let said = if kind == "anthropic" {
            vec![
                messages::start(3),
                messages::text_block(0),
                messages::text(0, "a"),
            ]
        } else {
            vec![chat::text("a")]
        };
        let script = said.iter().fold(Script::sse(), |script, data| {
            if kind == "anthropic" {
                script.typed_event(data)
            } else {
                script.event(data)
            }
        });
        let answer = answer_to(
            dialect,
            kind,
            true,
            script.stall(),
            "[clocks]\nidle = \"300ms\"\n",
        )
        .await;
        assert_eq!(
            judge(dialect, &answer),
            Ok(Ended::InError),
            "{dialect:?} over {kind}"
        );
        assert_eq!(
            answer.code().as_deref(),
            Some("upstream_idle"),
            "{answer:?}"
        );
    }
}

/// A key of the provider's and its HTML reach no client, wherever an error holds them.
#[actix_web::test]
async fn no_key_of_a_provider_is_in_any_error_in_any_dialect_and_auth_style() {
    const KEY: &str = "hunter2hunter2hunter2";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, KEY).unwrap();
    let mut flaws = Vec::new();
    for (dialect, kind) in pairs() {
        for style in ["bearer", "x-api-key", "api-key"] {
            let escaped: String = KEY
                .chars()
                .map(|it| format!("\\u{:04x}", it as u32))
                .collect();
            for text in [KEY.to_owned(), escaped] {
                let error = format!(
                    r#"{{"type":"error","error":{{"type":"{text}","message":"bad {text}.","code":"{text}","param":"{text}"}},"request_id":"{text}"}}"#
                );
                let before = if kind == "anthropic" {
                    [
                        messages::start(3),
                        messages::text_block(0),
                        messages::text(0, "a"),
                    ]
                    .to_vec()
                } else {
                    vec![chat::text("a")]
                };
                let behind = before.iter().fold(Script::sse(), |script, data| {
                    if kind == "anthropic" {
                        script.typed_event(data)
                    } else {
                        script.event(data)
                    }
                });
                let scripts = [
                    Script::json(400, &error),
                    Script::json(401, &error),
                    Script::json(200, &error),
                    Script::sse().named_event("error", &error).finish(),
                    behind.clone().named_event("error", &error).finish(),
                    behind.event(&text).finish(),
                    Script::json(200, &text),
                    Script::json(200, "{}").header("content-type", format!("text/{KEY}")),
                ];
                let provider = ScriptedProvider::start([]).await;
                let settings = format!(
                    "[[providers]]\nid = \"p\"\nkind = \"{kind}\"\nauth = \"{style}\"\nbase_url = \"{}\"\n\
                     api_key = {{ file = {:?} }}\n\
                     [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"up\" }}]\n",
                    provider.base_url(),
                    file.to_str().unwrap(),
                );
                let gateway = herald::testkit::TestGateway::with_settings(&settings).await;
                for script in scripts {
                    provider.push(script);
                    let answer =
                        ask(&gateway, dialect, dialect.request(true).to_string(), &[]).await;
                    let told = format!("{:?} {}", answer.headers, answer.text());
                    if told.contains(KEY) || told.contains(r"\u0068\u0075") {
                        flaws.push(format!("{dialect:?} over {kind} with {style}: {told}"));
                    }
                    let asked = provider.next_request().await;
                    let (name, value) = match style {
                        "bearer" => ("authorization", format!("Bearer {KEY}")),
                        _ => (style, KEY.to_owned()),
                    };
                    assert_eq!(asked.header_values(name), [value]);
                    let others = ["authorization", "x-api-key", "api-key"];
                    for other in others.iter().filter(|other| **other != name) {
                        assert_eq!(asked.header(other), None, "{other}");
                    }
                }
            }
        }
    }
    assert_none(&flaws);
}

#[actix_web::test]
async fn a_provider_that_is_not_there_is_told_in_the_clients_own_shape() {
    for (dialect, kind) in pairs() {
        let settings = format!(
            "[[providers]]\nid = \"p\"\nkind = \"{kind}\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
             [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"up\" }}]\n"
        );
        let gateway = herald::testkit::TestGateway::with_settings(&settings).await;
        let answer = ask(&gateway, dialect, dialect.request(true).to_string(), &[]).await;
        assert_eq!((answer.status, refusal_flaw(dialect, &answer)), (502, None));
        assert!(answer.text().contains("upstream_refused"), "{answer:?}");
    }
    assert_eq!(DIALECTS.len(), 3);
}
