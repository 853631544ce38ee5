//! The flow: metadata first, then the events, byte for byte.

use herald::testkit::{Gate, Script, ScriptedProvider, TestGateway, chat as scripted};
use serde_json::json;

use crate::support::{End, chat, completion_request, stream_request};

#[actix_web::test]
async fn the_head_tells_what_the_provider_said_before_any_event() {
    let gate = Gate::new();
    let script = Script::sse()
        .header("x-request-id", "req-1")
        .header("x-ratelimit-remaining-requests", "41")
        .event(scripted::text("Hel"))
        .wait(&gate)
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;

    // The provider stands at its gate while the head is read: it cannot have come after the events.
    let mut reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    assert_eq!(reply.header("x-request-id"), Some("req-1"));
    assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some("41"));
    assert_eq!(reply.header("x-upstream-status"), Some("200"));
    assert_eq!(reply.header("x-upstream-provider"), Some("scripted"));
    assert_eq!(reply.header("x-upstream-model"), Some("scripted-model"));
    assert!(
        reply
            .header("server-timing")
            .unwrap()
            .contains("upstream-head;dur=")
    );
    assert!(reply.header("x-herald-request-id").is_some());
    assert!(reply.header("x-upstream-time-to-first-token").is_some());
    assert_eq!(reply.header("proxy-status"), None);
    let cached = reply.header("cache-control");
    assert_eq!(cached, Some("no-cache, no-transform"));
    assert_eq!(reply.header("content-encoding"), Some("identity"));
    assert_eq!(reply.header("x-accel-buffering"), Some("no"));
    assert_eq!(
        reply.chunk().await.unwrap(),
        format!("data: {}\n\n", scripted::text("Hel"))
    );
    gate.open();
    assert_eq!(
        reply.events().await,
        [scripted::finish("stop"), "[DONE]".to_owned()]
    );
}

#[actix_web::test]
async fn events_pass_byte_for_byte_with_unknown_fields_and_each_as_one_chunk() {
    let odd = [
        r#"{ "choices" : [ {"index":0,"delta":{"content":"é\u2028\ud83d\ude00"},"finish_reason":null} ], "new":1.0e2 }"#,
        r#"{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"parts"}]}}],"x":{"y":[ ]}}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}  "#,
    ];
    let script = odd
        .iter()
        .fold(Script::sse(), |script, data| script.event(data))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script.cut_bytes(7)]).await;
    let gateway = TestGateway::in_front_of(&provider).await;

    let mut reply = chat(gateway.address(), &stream_request()).await;
    let (chunks, end) = reply.rest().await;
    let expected: Vec<String> = odd
        .iter()
        .chain(&["[DONE]"])
        .map(|data| format!("data: {data}\n\n"))
        .collect();
    assert_eq!(chunks, expected);
    assert_eq!(end, End::Whole);
}

#[actix_web::test]
async fn names_and_ids_pass_while_retry_comments_and_empty_data_stop_here() {
    let first = scripted::text("a");
    let script = Script::sse()
        .body(format!(
            ": hello\nretry: 5\nid: 7\nevent: named\ndata: {first}\n\n"
        ))
        .body("data:\n\n: ping\n\n")
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;

    let mut reply = chat(gateway.address(), &stream_request()).await;
    let (chunks, _) = reply.rest().await;
    assert_eq!(chunks[0], format!("id: 7\nevent: named\ndata: {first}\n\n"));
    assert_eq!(chunks[1], format!("data: {}\n\n", scripted::finish("stop")));
    assert_eq!(chunks.len(), 3);
}

#[actix_web::test]
async fn a_document_passes_verbatim_under_the_same_headers_as_a_stream() {
    let document = format!("{}\n ", scripted::completion("Hello"));
    let headers = |script: Script| {
        script
            .header("x-request-id", "req-2")
            .header("set-cookie", "a=b")
    };
    let provider = ScriptedProvider::start([
        headers(Script::json(200, &document)),
        headers(Script::chat(["Hello"])),
    ])
    .await;
    let gateway = TestGateway::in_front_of(&provider).await;

    let mut answer = chat(gateway.address(), &completion_request()).await;
    let stream = chat(gateway.address(), &stream_request()).await;
    assert_eq!((answer.status, stream.status), (200, 200));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.text().await, document);
    let names = |reply: &crate::support::Reply| {
        let mut names: Vec<String> = reply
            .headers
            .iter()
            .map(|(name, _)| name.clone())
            // The framing and what only a held stream can know.
            .filter(|name| {
                ![
                    "content-length",
                    "transfer-encoding",
                    "content-encoding",
                    "x-accel-buffering",
                    "x-upstream-time-to-first-token",
                ]
                .contains(&name.as_str())
            })
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&answer), names(&stream));
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(provider.next_request().await.json()["stream"], json!(null));
}

#[actix_web::test]
async fn a_model_that_filters_parts_keeps_them_from_streams_and_documents() {
    let chunk =
        r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm"},"finish_reason":null}]}"#;
    let text = r#"{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[]},"finish_reason":null}]}"#;
    let document = r#"{"choices":[{"message":{"content":"a","reasoning_content":"hm"},"logprobs":null}],"usage":{"prompt_tokens":1}}"#;
    let provider = ScriptedProvider::start([
        Script::sse()
            .named_event("ping", "{}")
            .event(chunk)
            .event(text)
            .event(scripted::finish("stop"))
            .event(scripted::usage(1, 2))
            .done()
            .finish(),
        Script::json(200, document),
    ])
    .await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n\
         filter = {{ drop_events = [\"ping\"], drop = [\"usage\", \"reasoning\", \"logprobs\"] }}\n",
        provider.base_url()
    ))
    .await;

    let events = chat(gateway.address(), &stream_request())
        .await
        .events()
        .await;
    assert_eq!(
        events,
        [
            r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#.to_owned(),
            scripted::finish("stop"),
            "[DONE]".to_owned(),
        ]
    );
    let answer = chat(gateway.address(), &completion_request())
        .await
        .text()
        .await;
    assert_eq!(answer, r#"{"choices":[{"message":{"content":"a"}}]}"#);
}

#[actix_web::test]
async fn usage_is_asked_for_where_the_provider_knows_it_and_hidden_from_who_did_not_ask() {
    let stream = || {
        Script::sse()
            .event(scripted::text("a"))
            .event(scripted::finish("stop"))
            .event(scripted::usage(3, 2))
            .done()
            .finish()
    };
    let provider = ScriptedProvider::start([stream(), stream()]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\nusage_request = true\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n",
        provider.base_url()
    ))
    .await;

    let events = chat(gateway.address(), &stream_request())
        .await
        .events()
        .await;
    assert!(!events.contains(&scripted::usage(3, 2)));
    assert_eq!(
        provider.next_request().await.json()["stream_options"],
        json!({ "include_usage": true })
    );

    let mut asking = stream_request();
    asking["stream_options"] = json!({ "include_usage": true });
    let events = chat(gateway.address(), &asking).await.events().await;
    assert!(events.contains(&scripted::usage(3, 2)));
}

#[actix_web::test]
async fn the_embedded_recordings_stream_without_a_provider() {
    let gateway = TestGateway::start().await;
    let mut request = stream_request();
    request["model"] = json!("replay-text");
    let mut reply = chat(gateway.address(), &request).await;
    assert_eq!(reply.header("x-upstream-provider"), Some("replay"));
    assert!(reply.header("x-request-id").is_some());
    let events = reply.events().await;
    assert!(events.len() > 10);
    assert_eq!(events.last().unwrap(), "[DONE]");
}
