//! Parts that a model's filter drops, written so that a careless reader misses them; and heartbeats.

use std::time::Duration;

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat};
use serde_json::{Value, json};

use crate::wire::{Wire, answer_to, ask, document, parse, post, stream};

async fn filtered(script: Script, request: &Value) -> crate::wire::Answer {
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n\
         filter.drop = [\"usage\", \"reasoning\", \"logprobs\"]\nfilter.drop_events = [\"ping\", \"a b\"]\n",
        provider.base_url()
    ))
    .await;
    ask(gateway.address(), request.to_string()).await
}

#[actix_web::test]
async fn what_is_filtered_does_not_pass_however_it_is_spelled() {
    let mut flaws = Vec::new();
    for event in [
        r#"{"choices":[{"index":0,"delta":{"content":"a","reasoning_content":"HIDE"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a","reasoning":"HIDE"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a","reasoning":null,"reasoning_details":[{"text":"HIDE"}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a","reasoning\u005fcontent":"HIDE"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a","reasoning_content":"HIDE","reasoning_content":"HIDE"}}]}"#,
        r#"{ "choices" : [ { "delta" : { "reasoning_content" : "HIDE" , "content" : "a" } , "index" : 0 } ] }"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"HIDE"}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a"},"logprob\u0073":{"content":[{"token":"HIDE"}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":1,"x":"HIDE"}}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"us\u0061ge":{"prompt_tokens":1,"x":"HIDE"}}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"usage":1,"usage":{"x":"HIDE"}}"#,
    ] {
        let script = Script::sse()
            .event(event)
            .event(chat::finish("stop"))
            .done()
            .finish();
        let answer = filtered(script, &stream()).await;
        let data = answer.data();
        let first: Value = serde_json::from_str(&data[0]).unwrap_or_default();
        if answer.text().contains("HIDE")
            || first["choices"][0]["delta"]["content"] != "a"
            || data.last().unwrap() != "[DONE]"
        {
            flaws.push(format!("{event} became {data:?}"));
        }
        let whole = event.replace("\"delta\"", "\"message\"");
        let answer = filtered(Script::json(200, &whole), &document()).await;
        if answer.status != 200
            || answer.text().contains("HIDE")
            || answer.json()["choices"][0]["message"]["content"] != "a"
        {
            flaws.push(format!("document {whole} became {answer:?}"));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[actix_web::test]
async fn a_filter_of_names_hits_those_names_only_and_no_end() {
    let script = Script::sse()
        .body(format!("event: ping\rdata: {}\r\r", chat::text("HIDE")))
        .body(format!("event:ping\ndata: {}\n\n", chat::text("HIDE")))
        .body(format!("event: a b\ndata: {}\n\n", chat::text("HIDE")))
        .body(format!(
            "event: x\nevent: ping\ndata: {}\n\n",
            chat::text("HIDE")
        ))
        .body(format!("event: Ping\ndata: {}\n\n", chat::text("stay-1")))
        .body(format!("event: ping \ndata: {}\n\n", chat::text("stay-2")))
        .body(format!(
            "event: ping\nevent: x\ndata: {}\n\n",
            chat::text("stay-3")
        ))
        .event(chat::finish("stop"))
        .done()
        .finish();
    let answer = filtered(script, &stream()).await;
    let text = answer.text();
    assert!(!text.contains("HIDE"), "{text}");
    for stay in ["stay-1", "stay-2", "stay-3", "[DONE]"] {
        assert!(text.contains(stay), "{stay} is gone: {text}");
    }
}

/// The end is known although what the client sees of it was filtered.
#[actix_web::test]
async fn a_stream_of_which_the_filter_leaves_nothing_is_still_complete() {
    for script in [
        Script::sse()
            .event(r#"{"choices":[{"index":0,"delta":{"reasoning":"HIDE"},"finish_reason":null}]}"#)
            .event(chat::finish("stop"))
            .finish(),
        Script::sse().event(chat::usage(1, 1)).done().finish(),
        Script::sse()
            .named_event("ping", chat::text("HIDE"))
            .done()
            .finish(),
    ] {
        let answer = filtered(script, &stream()).await;
        assert_eq!((answer.status, answer.code()), (200, None), "{answer:?}");
        assert!(
            answer.whole && !answer.text().contains("HIDE"),
            "{answer:?}"
        );
    }
}

#[actix_web::test]
async fn heartbeats_come_between_events_never_in_them_and_never_before_the_head() {
    let pause = Duration::from_millis(120);
    let multiline =
        json!({ "choices": [{ "index": 0, "delta": { "content": "a" }, "finish_reason": null }] });
    let multiline = serde_json::to_string_pretty(&multiline).unwrap();
    let body = multiline
        .split('\n')
        .map(|line| format!("data: {line}\n"))
        .collect::<String>();
    let (front, back) = body.split_at(body.len() / 2);
    let script = Script::sse()
        .event(chat::role())
        .pause(pause)
        .body(format!("id: 7\n{front}"))
        .pause(pause)
        .body(format!("{back}\n"))
        .pause(pause)
        .event(chat::finish("stop"))
        .pause(pause)
        .done()
        .finish();
    for hold in ["0ms", "1m"] {
        let settings = format!("[clocks]\nheartbeat = \"20ms\"\nhold = \"{hold}\"\n");
        let answer = answer_to(script.clone(), &settings, &stream()).await;
        let text = answer.text();
        assert!(
            text.starts_with("data: "),
            "no comment before the first event: {text}"
        );
        assert!(text.contains(":\n"), "{text}");
        for line in text.split('\n') {
            assert!(
                line.is_empty()
                    || line == ":"
                    || line.starts_with("data: ")
                    || line.starts_with("id: "),
                "{line:?}"
            );
        }
        // Without the heartbeats it is the stream that was sent.
        let bare: String = text
            .split_inclusive('\n')
            .filter(|line| *line != ":\n")
            .collect();
        assert_eq!(parse(&bare), parse(&text));
        assert_eq!(answer.data()[1], multiline);
        assert_eq!(answer.data().len(), 4);
    }
}

#[actix_web::test]
async fn no_heartbeat_stands_behind_the_end() {
    let provider = ScriptedProvider::start([Script::chat(["a"]), Script::chat(["b"])]).await;
    let gateway = TestGateway::tuned(&provider, "[clocks]\nheartbeat = \"1ms\"\n").await;
    let mut wire = Wire::connect(gateway.address()).await;
    for text in ["a", "b"] {
        wire.send(post(stream().to_string(), &[])).await;
        let answer = wire.answer().await;
        assert!(
            answer.text().ends_with("data: [DONE]\n\n"),
            "{text}: {answer:?}"
        );
    }
}
