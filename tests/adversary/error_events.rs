//! Errors inside a stream, of every shape that a provider has been seen to write, before and after
//! the head is out.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat};

use crate::wire::{answer_to, ask, stream};

/// The head waits until there is content.
const HOLD: &str = "[clocks]\nhold = \"1m\"\n";

#[actix_web::test]
async fn an_error_before_any_content_is_never_a_success_whatever_its_shape() {
    let events = [
        // A numeric code goes through the status table …
        (
            r#"data: {"error":{"message":"m","type":"t","code":400}}"#,
            400,
        ),
        (r#"data: {"error":{"message":"m","code":401}}"#, 502),
        (r#"data: {"error":{"message":"m","code":404}}"#, 502),
        (r#"data: {"error":{"message":"m","code":408}}"#, 504),
        (r#"data: {"error":{"message":"m","code":413}}"#, 413),
        (r#"data: {"error":{"message":"m","code":429}}"#, 429),
        (r#"data: {"error":{"message":"m","code":"429"}}"#, 429),
        (r#"data: {"error":{"message":"m","code":503}}"#, 503),
        (r#"data: {"error":{"message":"m","code":529}}"#, 503),
        (r#"data: {"error":{"message":"m","code":500}}"#, 502),
        // … a type through the provider's table …
        (
            r#"data: {"error":{"message":"m","type":"rate_limit_error"}}"#,
            429,
        ),
        (
            r#"data: {"error":{"message":"m","type":"invalid_request_error"}}"#,
            400,
        ),
        (
            r#"data: {"error":{"message":"m","type":"server_error"}}"#,
            502,
        ),
        // … nonsense is 502 …
        (r#"data: {"error":{"message":"m","code":200}}"#, 502),
        (r#"data: {"error":{"message":"m","code":0}}"#, 502),
        (r#"data: {"error":{"message":"m","code":-1}}"#, 502),
        (r#"data: {"error":{"message":"m","code":100}}"#, 502),
        (
            r#"data: {"error":{"message":"m","code":99999999999999999999}}"#,
            502,
        ),
        (r#"data: {"error":{"message":"m","code":4.29e2}}"#, 0),
        (
            r#"data: {"error":{"message":"m","code":null,"type":null}}"#,
            502,
        ),
        (
            r#"data: {"error":{"message":"m","code":[],"type":{},"param":7}}"#,
            502,
        ),
        (r#"data: {"error":{"message":{"a":1}}}"#, 502),
        (r#"data: {"error":"m"}"#, 502),
        (r#"data: {"error":["m"]}"#, 502),
        (r#"data: {"error":true}"#, 502),
        (r#"data: {"error":{"message":"m"},"choices":[]}"#, 502),
        (
            r#"data: {"choices":[],"error":{"message":"m","code":429}}"#,
            429,
        ),
        (r#"data: {"err\u006fr":{"message":"m"}}"#, 502),
        // … and other shapes, with the event's name.
        (
            "event: error\ndata: {\"error\":{\"message\":\"m\",\"code\":429}}",
            429,
        ),
        ("event: error\ndata: {\"message\":\"m\"}", 502),
        ("event: error\ndata: {}", 502),
        ("event: error\ndata: out of cheese", 502),
    ];
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::tuned(&provider, HOLD).await;
    let mut flaws = Vec::new();
    for (event, status) in events {
        for script in [
            Script::sse(),
            Script::sse().event(chat::role()).comment("x"),
        ] {
            provider.push(script.body(format!("{event}\n\n")).stall());
            let answer = tokio::time::timeout(
                std::time::Duration::from_secs(1),
                ask(gateway.address(), stream().to_string()),
            )
            .await;
            let Ok(answer) = answer else {
                flaws.push(format!(
                    "{event}: not seen as an error: nothing for a second"
                ));
                break;
            };
            if (status != 0 && answer.status != status) || answer.refusal_flaw().is_some() {
                flaws.push(format!(
                    "{event}: {} and not {status}: {:?} {:.300}",
                    answer.status,
                    answer.refusal_flaw(),
                    answer.text()
                ));
                break;
            }
            // "`x-upstream-status` stays 200."
            if answer.header("x-upstream-status") != Some("200") {
                flaws.push(format!(
                    "{event}: x-upstream-status {:?}",
                    answer.header("x-upstream-status")
                ));
            }
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[actix_web::test]
async fn an_error_after_the_head_ends_the_stream_and_nothing_claims_success() {
    let mut flaws = Vec::new();
    for event in [
        r#"data: {"error":{"message":"m","code":429}}"#,
        r#"data: {"error":"m"}"#,
        r#"data: {"choices":[],"error":{"message":"m"}}"#,
        "event: error\ndata: {\"error\":{\"message\":\"m\"}}",
    ] {
        let ends = [
            Script::sse()
                .event(chat::text("a"))
                .body(format!("{event}\n\n"))
                .done()
                .finish(),
            Script::sse()
                .event(chat::text("a"))
                .body(format!("{event}\n\n"))
                .event(chat::finish("stop"))
                .finish(),
            Script::sse()
                .event(chat::text("a"))
                .body(format!("{event}\n\n"))
                .stall(),
        ];
        for script in ends {
            let answer = answer_to(script, "", &stream()).await;
            let data = answer.data();
            let claims = data
                .iter()
                .any(|data| data == "[DONE]" || data.contains("\"stop\""));
            if answer.status != 200 || !answer.whole || claims || data.len() != 2 {
                flaws.push(format!("{event}: {} {data:?}", answer.status));
                break;
            }
            let last = &data[1];
            if serde_json::from_str::<serde_json::Value>(last)
                .map_or(true, |value| value.get("error").is_none())
            {
                flaws.push(format!(
                    "{event}: the client cannot know it for an error: {last}"
                ));
                break;
            }
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

/// vLLM's shape (`{"object":"error",…}`, a `[DONE]` behind it), and an error that says nothing more.
#[actix_web::test]
async fn an_error_without_openais_wrapping_is_an_error_too() {
    let mut flaws = Vec::new();
    for (event, status) in [
        (
            r#"{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}"#,
            400,
        ),
        (r#"{"error":{}}"#, 502),
    ] {
        let before = answer_to(Script::sse().event(event).done().finish(), HOLD, &stream()).await;
        if before.status != status {
            flaws.push(format!("{event} before the head: {before:?}"));
        }
        let script = Script::sse()
            .event(chat::text("a"))
            .event(event)
            .done()
            .finish();
        let after = answer_to(script, "", &stream()).await;
        if after.data().last().is_some_and(|data| data == "[DONE]") {
            flaws.push(format!("{event} after the head: {after:?}"));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

/// "Anything else ends in a typed error event of the client's dialect": an SDK of OpenAI's looks at
/// `error` in the data and not at the event's name.
#[actix_web::test]
async fn an_error_event_of_another_shape_is_told_in_the_clients_dialect() {
    let mut flaws = Vec::new();
    for data in [r#"{"message":"m"}"#, "out of cheese", "{}"] {
        let script = Script::sse()
            .event(chat::text("a"))
            .named_event("error", data)
            .finish();
        let answer = answer_to(script, "", &stream()).await;
        let last = answer.data().pop().unwrap();
        let is_told = serde_json::from_str::<serde_json::Value>(&last)
            .is_ok_and(|value| value["error"].is_object() || value["error"].is_string());
        if !is_told {
            flaws.push(format!("{data} became {last}"));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[actix_web::test]
async fn what_only_mentions_an_error_is_content() {
    for event in [
        r#"{"error":null,"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a","error":{"message":"m"}},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"{\"error\":{\"code\":429}}"},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"errors":[]}"#,
    ] {
        let script = Script::sse()
            .event(event)
            .event(chat::finish("stop"))
            .done()
            .finish();
        let answer = answer_to(script, HOLD, &stream()).await;
        assert_eq!((answer.status, answer.data()[0].as_str()), (200, event));
        assert_eq!(answer.data().last().unwrap(), "[DONE]");
    }
}

#[actix_web::test]
async fn with_no_hold_an_error_is_an_event_and_no_status() {
    for error in [
        r#"{"error":{"message":"m","code":429}}"#,
        r#"{"error":"m"}"#,
    ] {
        let script = Script::sse().event(error).done().finish();
        let answer = answer_to(script, "[clocks]\nhold = \"0ms\"\n", &stream()).await;
        // The head may only be out because the event was not there yet.
        if answer.status == 200 {
            assert_eq!(answer.data().len(), 1, "{answer:?}");
            assert!(answer.data()[0].contains("error"));
        } else {
            assert_eq!(answer.refusal_flaw(), None);
        }
    }
}

/// "The provider's `message`, `type`, `param` and `code` stay (bounded, cleaned)."
#[actix_web::test]
async fn an_error_of_any_size_and_content_is_bounded_valid_and_clean() {
    let log = crate::log::Log::collect();
    let long = "x".repeat(50_000);
    let words = "é".repeat(30_000);
    let mut flaws = Vec::new();
    for error in [
        format!(r#"{{"error":{{"message":"{long}","type":"{long}","param":"{long}","code":"{long}"}}}}"#),
        format!(r#"{{"error":{{"message":"{words}"}}}}"#),
        format!(r#"{{"error":"{words}"}}"#),
        r#"{"error":{"message":"<html><script>alert(1)</script><b>hi</b>","type":"<b>","param":"<i>","code":"<u>"}}"#.to_owned(),
        r#"{"error":{"message":"a\u0000b\u001b[31m\r\nset-cookie: x\u2028\u202e","type":"a\r\nb","code":"c\u0000"}}"#.to_owned(),
        r#"{"error":{"message":"\ud800","type":"\udfff"}}"#.to_owned(),
    ] {
        for script in [
            Script::json(400, &error),
            Script::json(429, &error),
            Script::json(500, &error),
            Script::sse().event(&error).finish(),
            Script::sse().event(error.replacen("\"error\":{", "\"error\":{\"code\":400,", 1)).finish(),
        ] {
            let answer = answer_to(script, "", &stream()).await;
            if let Some(flaw) = answer.refusal_flaw() {
                flaws.push(format!("{error:.80}: {flaw}"));
                continue;
            }
            let text = answer.text();
            if text.len() > 16 * 1024 {
                flaws.push(format!("{error:.80}: {} bytes", text.len()));
            }
            let tags = ["<script", "<b>", "<i>", "<u>", "<html"];
            if tags.iter().any(|tag| text.to_lowercase().contains(tag)) {
                flaws.push(format!("{error:.80}: HTML in {text:.400}"));
            }
            let json = answer.json();
            for value in ["message", "type", "param", "code"].map(|key| json["error"][key].as_str().unwrap_or_default().to_owned()) {
                if value.contains(['\0', '\x1b']) {
                    flaws.push(format!("{error:.80}: a control byte in {value:?}"));
                }
            }
            let line = log.end_of(answer.header("x-herald-request-id").unwrap()).await;
            if line.len() > 8 * 1024 || line.contains(['\0', '\x1b', '\n']) {
                flaws.push(format!("{error:.80}: a log line of {} bytes {line:.200?}", line.len()));
            }
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}
