//! Statuses that are none, what Herald makes of them, and when to come again.

use herald::testkit::{Framing, Script, ScriptedProvider, TestGateway};

use crate::wire::{Answer, answer_to, ask, is_retry_after, stream};

fn is_clear_502(answer: &Answer) -> bool {
    answer.status == 502 && answer.refusal_flaw().is_none()
}

#[actix_web::test]
async fn a_status_that_is_none_for_a_stream_is_never_a_success() {
    let mut flaws = Vec::new();
    for status in [
        101, 204, 205, 206, 300, 301, 302, 303, 304, 305, 307, 308, 402, 418, 451, 499, 511, 520,
        599, 600, 999,
    ] {
        let script = Script::new()
            .status(status)
            .header("location", "http://127.0.0.1:1/")
            .header("content-type", "text/html")
            .header("upgrade", "websocket")
            .header("retry-after", "7")
            .header("x-should-retry", "true")
            .header("connection", "close")
            .body(if [101, 204, 304].contains(&status) {
                ""
            } else {
                "<b>moved</b>"
            });
        let answer = answer_to(script, "", &stream()).await;
        if !is_clear_502(&answer) {
            flaws.push(format!("{status}: {} {:?}", answer.status, answer.text()));
        }
        if answer.header("location").is_some() || answer.header("upgrade").is_some() {
            flaws.push(format!("{status}: {:?}", answer.headers));
        }
        if (300..500).contains(&status) && answer.values("x-should-retry") != ["false"] {
            flaws.push(format!(
                "{status}: x-should-retry {:?}",
                answer.values("x-should-retry")
            ));
        }
        if (200..600).contains(&status)
            && answer.header("x-upstream-status") != Some(&status.to_string())
        {
            flaws.push(format!(
                "{status}: x-upstream-status {:?}",
                answer.header("x-upstream-status")
            ));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[actix_web::test]
async fn every_503_carries_a_retry_after_that_is_one() {
    let mut flaws = Vec::new();
    for value in [
        vec![],
        vec!["7"],
        vec!["Wed, 21 Oct 2065 07:28:00 GMT"],
        vec!["soon"],
        vec![""],
        vec!["-1"],
        vec!["1.5"],
        vec!["99999999999999999999999"],
        vec!["7", "9"],
        vec!["7, 9"],
        vec!["2065-10-21T07:28:00Z"],
        vec!["Wed, 21 Oct 2065 07:28:00 +0100"],
    ] {
        for status in [503, 529] {
            let script = value
                .iter()
                .fold(Script::json(status, "{}"), |script, value| {
                    script.header("retry-after", value)
                });
            let answer = answer_to(script, "", &stream()).await;
            let told = answer.values("retry-after");
            if answer.status != 503 || told.len() != 1 || !is_retry_after(told[0]) {
                flaws.push(format!(
                    "{status} with {value:?}: {} with {told:?}",
                    answer.status
                ));
            }
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[actix_web::test]
async fn a_503_made_by_settings_carries_a_retry_after_too() {
    let settings = "[metadata.status]\n\"500\" = 503\n\"400\" = 503\n";
    for status in [400, 500] {
        let answer = answer_to(Script::json(status, "{}"), settings, &stream()).await;
        assert_eq!((answer.status, answer.refusal_flaw()), (503, None));
    }
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\nshared_quota = true\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n",
        provider.base_url()
    ))
    .await;
    for (name, value) in [
        ("retry-after", "0"),
        ("retry-after", "soon"),
        ("retry-after-ms", "1500"),
        ("x", "y"),
    ] {
        provider.push(Script::json(429, "{}").header(name, value));
        let answer = ask(gateway.address(), stream().to_string()).await;
        assert_eq!(
            (answer.status, answer.refusal_flaw()),
            (503, None),
            "{name}: {value}"
        );
    }
    provider.push(
        Script::sse()
            .event(r#"{"error":{"message":"m","code":429}}"#)
            .finish(),
    );
    let answer = ask(gateway.address(), stream().to_string()).await;
    assert_eq!((answer.status, answer.refusal_flaw()), (503, None));
}

#[actix_web::test]
async fn proxy_status_and_server_timing_are_structured_whatever_the_provider_said() {
    for script in [
        Script::new()
            .status(500)
            .header("content-type", "te\"xt/ht\\ml; a=b")
            .body("x"),
        Script::new()
            .status(401)
            .body(r#"{"error":{"message":"a \"b\" \\ é\r\n","code":"x\"y"}}"#),
        Script::new()
            .status(429)
            .framing(Framing::Declared(100))
            .body("{}"),
        Script::sse()
            .event(r#"{"error":{"message":"\"\\é\n","code":"529"}}"#)
            .finish(),
        Script::raw().reset(),
        Script::raw().close(),
    ] {
        let answer = answer_to(script, "", &stream()).await;
        assert_eq!(answer.refusal_flaw(), None);
        let status = answer.values("proxy-status").join(", ");
        assert!(
            sfv::Parser::new(&status).parse::<sfv::List>().is_ok(),
            "{status}"
        );
        assert_eq!(answer.values("server-timing").len(), 1, "{answer:?}");
        assert_eq!(answer.header("x-upstream-provider"), Some("scripted"));
        assert_eq!(answer.header("x-upstream-model"), Some("scripted-model"));
    }
}
