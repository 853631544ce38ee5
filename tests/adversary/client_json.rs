//! JSON that parsers disagree about.

use herald::testkit::{Script, ScriptedProvider, TestGateway};
use serde_json::{Value, json};

use crate::{
    log::Log,
    wire::{Wire, ask, post},
};

async fn gateway() -> (ScriptedProvider, TestGateway) {
    let provider = ScriptedProvider::start([Script::chat(["a"]).repeat()]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    (provider, gateway)
}

#[actix_web::test]
async fn what_is_no_json_object_is_400_and_reaches_no_provider() {
    let (provider, gateway) = gateway().await;
    let mut flaws = Vec::new();
    let unclosed = "[".repeat(100_000);
    for body in [
        b"".as_slice(),
        b" ",
        b"\0",
        b"null",
        b"true",
        b"1",
        b"\"scripted-model\"",
        b"[]",
        b"[{\"model\":\"scripted-model\"}]",
        b"{",
        b"}",
        b"{}}",
        b"{\"model\":\"scripted-model\",}",
        b"{\"model\":\"scripted-model\"} {}",
        b"{\"model\":\"scripted-model\"}x",
        b"{\"model\":\"scripted-model\"}\0",
        b"{'model':'scripted-model'}",
        b"{model:\"scripted-model\"}",
        b"{\"model\":\"scripted-model\",\"x\":NaN}",
        b"{\"model\":\"scripted-model\",\"x\":01}",
        b"{\"model\":\"scripted-model\",\"x\":\"\n\"}",
        b"{\"model\":\"scripted-model\",\"x\":\"\\x\"}",
        b"{\"model\":\"scripted-model\",\"x\":\"\\ud8\"}",
        b"/* c */{\"model\":\"scripted-model\"}",
        unclosed.as_bytes(),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = ask(gateway.address(), body).await;
        let at_least_told = body.starts_with(b"{}") && answer.status == 404;
        if answer.status != 400 && !at_least_told {
            flaws.push(format!("{shown}: {} {:.200}", answer.status, answer.text()));
        } else if let Some(flaw) = answer.refusal_flaw() {
            flaws.push(format!("{shown}: {flaw}"));
        } else {
            let message = answer.json()["error"]["message"].to_string();
            let names_the_place = message.contains("line") && message.contains("column");
            let is_other_json = serde_json::from_slice::<Value>(body).is_ok();
            if !names_the_place && !is_other_json {
                flaws.push(format!("{shown}: no line and column in {message}"));
            }
        }
    }
    let served = provider.requests().len();
    assert!(
        flaws.is_empty() && served == 0,
        "{served} served\n{}",
        flaws.join("\n")
    );
}

#[actix_web::test]
async fn a_hundred_thousand_brackets_neither_kill_herald_nor_change_on_the_way() {
    let (provider, gateway) = gateway().await;
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    for body in [
        format!(r#"{{"model":"scripted-model","stream":true,"x":{open}{close}}}"#),
        format!(
            r#"{{"x":{}1{},"model":"scripted-model","stream":true}}"#,
            r#"{"a":"#.repeat(100_000),
            "}".repeat(100_000)
        ),
    ] {
        let before = provider.requests().len();
        let answer = ask(gateway.address(), &body).await;
        match provider.requests().get(before) {
            Some(sent) => assert!(answer.status == 200 && sent.text() == body),
            None => assert_eq!((answer.status, answer.refusal_flaw()), (400, None)),
        }
    }
    let answer = ask(gateway.address(), format!("{open}{close}")).await;
    assert_eq!((answer.status, answer.refusal_flaw()), (400, None));
}

#[actix_web::test]
async fn bytes_that_are_no_utf8_are_named_by_line_and_column_too() {
    let (provider, gateway) = gateway().await;
    let mut flaws = Vec::new();
    for body in [
        b"{\n\"model\":\"scripted-model\",\"x\":\"\xff\"}".as_slice(),
        b"{\"model\":\"scripted-model\",\"x\":\"\xed\xa0\x80\"}",
        b"\xff\xfe{\0}\0",
    ] {
        let answer = ask(gateway.address(), body).await;
        assert_eq!((answer.status, answer.refusal_flaw()), (400, None));
        let message = answer.json()["error"]["message"].to_string();
        if !(message.contains("line") && message.contains("column")) {
            flaws.push(message);
        }
    }
    assert!(provider.requests().is_empty());
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[actix_web::test]
async fn malformed_json_is_named_by_line_and_column() {
    let (_provider, gateway) = gateway().await;
    for (body, line, column) in [
        ("{\n  \"model\": \"scripted-model\",\n  \"x\": ?\n}", 3, 8),
        ("{\r\n\"model\": oops}", 2, 10),
    ] {
        let answer = ask(gateway.address(), body).await;
        let message = answer.json()["error"]["message"].to_string();
        assert!(
            message.contains(&format!("line {line}"))
                && message.contains(&format!("column {column}")),
            "{message}"
        );
    }
}

/// Herald goes by one of two values, the provider by the other: what was allowed is not what is served.
#[actix_web::test]
async fn a_key_that_stands_twice_does_not_smuggle_another_model_upstream() {
    let (provider, gateway) = gateway().await;
    let mut flaws = Vec::new();
    for body in [
        r#"{"model":"scripted-model","model":"gpt-dear","messages":[]}"#,
        r#"{"model":"gpt-dear","model":"scripted-model","messages":[]}"#,
        r#"{"model":"scripted-model","mod\u0065l":"gpt-dear","messages":[]}"#,
        r#"{"mod\u0065l":"gpt-dear","model":"scripted-model","messages":[]}"#,
        r#"{"model":"scripted-model","messages":[],"stream":false,"stream":true}"#,
        r#"{"model":"scripted-model","messages":[],"stream":true,"str\u0065am":false}"#,
    ] {
        let before = provider.requests().len();
        let answer = ask(gateway.address(), body).await;
        let Some(sent) = provider
            .requests()
            .get(before)
            .map(|request| request.text())
        else {
            if let Some(flaw) = answer.refusal_flaw() {
                flaws.push(format!("{body}: {flaw}"));
            }
            continue;
        };
        if sent.contains("gpt-dear") {
            flaws.push(format!("{body} went upstream as {sent}"));
        }
        // Whichever `stream` a provider takes, it is Herald's.
        if sent.contains("false") && sent.contains("true") {
            flaws.push(format!("{body} went upstream as {sent}, {}", answer.status));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[actix_web::test]
async fn escaped_names_and_values_mean_what_they_say() {
    let provider = ScriptedProvider::start([Script::chat(["a"]).repeat()]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\nusage_request = true\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"up\\\"\\\\/é😀\" }}]\n",
        provider.base_url()
    ))
    .await;
    for body in [
        r#"{"model":"scripted\u002dmodel","stream":true}"#,
        r#"{"\u006dodel":"scripted-model","str\u0065am":true}"#,
        " \t\r\n{ \"messages\" : [ ] ,\n\"stream\":true, \"model\"\t:\t\"scripted-model\" }\r\n ",
        r#"{"stream":true,"stream_options":null,"model":"scripted-model"}"#,
        r#"{"stream":true,"stream_options":{},"model":"scripted-model"}"#,
        r#"{"stream":true,"stream_options":{ "x":1 },"model":"scripted-model"}"#,
        r#"{"stream":true,"stream_options":{"include_usage":false},"model":"scripted-model"}"#,
        r#"{"stream":true,"stream_options":{"include_usage":null,"x":"}"},"model":"scripted-model"}"#,
        r#"{"stream":true,"stream_options":{"includ\u0065_usage":false},"model":"scripted-model"}"#,
        r#"{"model":"scripted-model","messages":[{"model":"no","stream":false,"stream_options":{}}],"stream":true}"#,
        r#"{"stream":true,"x":"\"model\":\"no\"}","model":"scripted-model"}"#,
    ] {
        let answer = ask(gateway.address(), body).await;
        assert_eq!(answer.status, 200, "{body}: {answer:?}");
        assert!(answer.is_stream(), "{body}");
        let sent = provider.next_request().await;
        let text = sent.text();
        let mut sent = sent.json();
        assert_eq!(sent["model"], "up\"\\/é😀", "{text}");
        assert_eq!(sent["stream"], true, "{text}");
        assert_eq!(
            sent["stream_options"]["include_usage"], true,
            "{body} as {text}"
        );
        // The rest is as it was.
        let mut asked: Value = serde_json::from_str(body).unwrap();
        for value in [&mut sent, &mut asked] {
            value["model"] = Value::Null;
            if !value["stream_options"].is_object() {
                value["stream_options"] = json!({});
            }
            value["stream_options"]
                .as_object_mut()
                .unwrap()
                .remove("include_usage");
        }
        assert_eq!(sent, asked, "{text}");
        assert_eq!(text.matches("usage\"").count(), 1, "no key twice: {text}");
    }
}

#[actix_web::test]
async fn odd_json_that_is_right_passes_byte_for_byte() {
    let (provider, gateway) = gateway().await;
    let nested = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for rest in [
        r#""seed":1e999,"max_tokens":123456789012345678901234567890,"temperature":-0.0"#,
        r#""x":"\ud800 lone, \ud83d\ude00 pair, \u0000 nul, \/ slash""#,
        "\"x\":\"\u{2028}\u{feff}\u{7f}\"",
        r#""a":1,"a":2,"":3"#,
        r#""metadata":null,"tools":[],"n":3,"logprobs":true"#,
        &format!(r#""x":{nested}"#),
    ] {
        let body = format!(r#"{{ "messages":[], {rest} ,"model":"scripted-model","stream":true}}"#);
        let answer = ask(gateway.address(), &body).await;
        assert_eq!(answer.status, 200, "{body}: {answer:?}");
        assert_eq!(provider.next_request().await.text(), body);
    }
}

#[actix_web::test]
async fn a_stream_that_is_no_truth_value_is_never_a_wrong_success() {
    let (provider, gateway) = gateway().await;
    provider.push(Script::json(200, herald::testkit::chat::completion("a")).repeat());
    // The stream script in front is used up.
    ask(
        gateway.address(),
        r#"{"model":"scripted-model","stream":true}"#,
    )
    .await;
    for value in ["null", "\"true\"", "1", "[]", "{}"] {
        let body = format!(r#"{{"model":"scripted-model","stream":{value}}}"#);
        let answer = ask(gateway.address(), &body).await;
        match value {
            "null" => assert_eq!(answer.status, 200, "{answer:?}"),
            _ => assert!(
                answer.status == 400 && answer.refusal_flaw().is_none(),
                "{value}: {answer:?}"
            ),
        }
    }
}

#[actix_web::test]
async fn a_count_of_choices_that_is_none_is_no_wrong_success() {
    let (_provider, gateway) = gateway().await;
    for (n, status) in [
        ("null", 200),
        ("1", 200),
        ("0", 400),
        ("-1", 400),
        ("1.5", 400),
        ("\"2\"", 400),
        ("1e400", 400),
        ("18446744073709551616", 400),
        ("[]", 400),
    ] {
        let answer = ask(
            gateway.address(),
            format!(r#"{{"model":"scripted-model","stream":true,"n":{n}}}"#),
        )
        .await;
        assert_eq!(answer.status, status, "{n}: {answer:?}");
        assert!(
            status == 200 || answer.refusal_flaw().is_none(),
            "{n}: {answer:?}"
        );
    }
}

#[actix_web::test]
async fn a_model_that_nobody_has_is_404_and_bounded_whatever_its_name() {
    let log = Log::collect();
    let (_provider, gateway) = gateway().await;
    let mut flaws = Vec::new();
    for model in [
        json!(""),
        json!("\u{0}\r\nset-cookie: a=b"),
        json!("<script>alert(1)</script>"),
        json!("é😀\u{2028}\u{202e}"),
        json!("a".repeat(2_000_000)),
        json!("é".repeat(200_000)),
        json!("SCRIPTED-MODEL"),
        json!("scripted-model "),
        json!(null),
    ] {
        let body = json!({ "model": model }).to_string();
        let answer = ask(gateway.address(), &body).await;
        assert_eq!(answer.status, 404, "{answer:?}");
        assert_eq!(answer.refusal_flaw(), None);
        assert_eq!(answer.code().as_deref(), Some("model_not_found"));
        if answer.body.len() > 4096 {
            flaws.push(format!("{} bytes of error", answer.body.len()));
        }
        assert_eq!(answer.header("set-cookie"), None);
        let line = log
            .end_of(answer.header("x-herald-request-id").unwrap())
            .await;
        if line.len() > 4096 {
            flaws.push(format!("{} bytes of log", line.len()));
        }
        assert!(
            !line.contains('\n') && !line.contains('\r') && !line.contains('\0'),
            "{line:?}"
        );
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
    // Of another type: a refusal, whichever.
    for model in ["1", "[]", "{\"a\":1}", "true"] {
        let answer = ask(gateway.address(), format!(r#"{{"model":{model}}}"#)).await;
        assert!([400, 404].contains(&answer.status), "{answer:?}");
        assert_eq!(answer.refusal_flaw(), None);
    }
}

#[actix_web::test]
async fn a_model_may_have_any_printable_name() {
    let provider = ScriptedProvider::start([Script::chat(["a"]).repeat()]).await;
    let names = [
        "meta/llama-3:70b@v1",
        "a%2Fb%",
        "modèle é😀",
        "a b, \"c\"; d=1",
        "back\\slash",
        "..",
        "a?b#c",
    ];
    let models: String = names
        .iter()
        .map(|name| {
            let name = toml_string(name);
            format!("[[models]]\nid = {name}\ntargets = [{{ provider = \"p\", model = {name} }}]\n")
        })
        .collect();
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\n{models}",
        provider.base_url()
    ))
    .await;
    for name in names {
        let answer = ask(
            gateway.address(),
            json!({ "model": name, "stream": true }).to_string(),
        )
        .await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        assert_eq!(provider.next_request().await.json()["model"], name);
        // "Both sides always": and as something that an HTTP field can carry.
        let told = answer.values("x-upstream-model");
        assert_eq!(told.len(), 1, "{name}");
        assert!(
            told[0].bytes().all(|byte| (0x20..0x7f).contains(&byte)),
            "{name}: {told:?}"
        );
        if name.is_ascii() && !name.contains(['%', '"', '\\']) {
            assert_eq!(told, [name]);
        }
        // And by its address, percent-encoded as an SDK does.
        let target: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(format!(
            "GET /v1/models/{target} HTTP/1.1\r\nhost: h\r\n\r\n"
        ))
        .await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        assert_eq!(answer.json()["id"], name);
    }
}

fn toml_string(text: &str) -> String {
    // JSON strings are TOML basic strings, save escapes that do not occur here.
    json!(text).to_string()
}

#[actix_web::test]
async fn neither_a_prompt_nor_a_key_in_a_malformed_body_reaches_the_log() {
    let log = Log::collect();
    let (_provider, gateway) = gateway().await;
    for body in [
        r#"{"model":"scripted-model","messages":[{"content":"my-dear-diary"}]"#,
        r#"{"model":"scripted-model","stream":"my-dear-diary"}"#,
        r#"{"model":"scripted-model","stream":true,"stream_options":"my-dear-diary"}"#,
        r#"my-dear-diary"#,
        r#"{"my-dear-diary":}"#,
    ] {
        let mut wire = Wire::connect(gateway.address()).await;
        wire.send(post(body, &[("authorization", "Bearer my-dear-key")]))
            .await;
        let answer = wire.answer().await;
        log.end_of(answer.header("x-herald-request-id").unwrap())
            .await;
    }
    assert_eq!(log.with("my-dear-"), Vec::<String>::new());
}
