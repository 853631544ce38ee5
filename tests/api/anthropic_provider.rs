//! An Anthropic provider behind clients of chat completions, over real sockets.

use herald::testkit::{Script, ScriptedProvider, TestGateway};
use serde_json::{Value, json};

use crate::support::{Client, LogLines, chat, completion_request, stream_request};

/// A gateway whose one model is an Anthropic provider's.
async fn in_front_of(provider: &ScriptedProvider) -> TestGateway {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "sk-ant-scripted").unwrap();
    TestGateway::with_settings(&format!(
        "[clocks]\nhold = \"5s\"\n\
         [[providers]]\nid = \"scripted\"\nkind = \"anthropic\"\nbase_url = \"{}\"\n\
         api_key = {{ file = {:?} }}\nmax_tokens = 512\n\
         [[models]]\nid = \"scripted-model\"\n\
         targets = [{{ provider = \"scripted\", model = \"claude-scripted\" }}]\n",
        provider.base_url(),
        key.to_str().unwrap(),
    ))
    .await
}

fn start() -> String {
    json!({ "type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-scripted",
        "content": [], "stop_reason": null, "usage": { "input_tokens": 9, "output_tokens": 1 },
    } })
    .to_string()
}

fn block(index: usize, block: &Value) -> String {
    json!({ "type": "content_block_start", "index": index, "content_block": block }).to_string()
}

fn delta(index: usize, delta: &Value) -> String {
    json!({ "type": "content_block_delta", "index": index, "delta": delta }).to_string()
}

fn text(text: &str) -> String {
    delta(0, &json!({ "type": "text_delta", "text": text }))
}

fn stop(index: usize) -> String {
    json!({ "type": "content_block_stop", "index": index }).to_string()
}

fn finish(reason: &str) -> String {
    json!({
        "type": "message_delta", "delta": { "stop_reason": reason, "stop_sequence": null },
        "usage": { "output_tokens": 5 },
    })
    .to_string()
}

fn error(kind: &str, message: &str) -> String {
    json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_1" })
        .to_string()
}

const END: &str = r#"{"type":"message_stop"}"#;
const PING: &str = r#"{"type": "ping"}"#;

/// A stream of these events, each under the name that its type is.
fn events<T: AsRef<str>>(datas: impl IntoIterator<Item = T>) -> Script {
    datas.into_iter().fold(Script::sse(), |script, data| {
        let event: Value = serde_json::from_str(data.as_ref()).unwrap();
        script.named_event(event["type"].as_str().unwrap(), data)
    })
}

fn begun() -> Vec<String> {
    vec![
        start(),
        block(0, &json!({ "type": "text", "text": "" })),
        PING.to_owned(),
        text("Hel"),
    ]
}

/// The chunks of a stream, without what the client's end marker is.
async fn chunks_of(script: Script) -> Vec<Value> {
    let provider = ScriptedProvider::start([script]).await;
    let gateway = in_front_of(&provider).await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.status, 200);
    let events = reply.events().await;
    let chunks = events.iter().filter(|event| *event != "[DONE]");
    chunks
        .map(|event| serde_json::from_str(event).unwrap())
        .collect()
}

#[actix_web::test]
async fn a_request_arrives_with_key_version_and_betas_and_as_a_message() {
    let mut answer = begun();
    answer.extend([stop(0), finish("end_turn"), END.to_owned()]);
    let provider = ScriptedProvider::start([events(answer).finish()]).await;
    let gateway = in_front_of(&provider).await;
    let mut client = Client::connect(gateway.address()).await;
    let headers = [("anthropic-beta", "files-api-2025-04-14")];
    client.post_chat_with(&stream_request(), &headers).await;
    let mut reply = client.reply().await;
    let last = reply.events().await.pop();
    assert_eq!(last.as_deref(), Some("[DONE]"));

    let request = &provider.requests()[0];
    assert_eq!(request.path, "/v1/messages");
    for (name, value) in [
        ("x-api-key", "sk-ant-scripted"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "files-api-2025-04-14"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert_eq!(request.header("authorization"), None);
    let expected = json!({
        "model": "claude-scripted", "max_tokens": 512, "stream": true,
        "messages": [{ "role": "user", "content": "Hi" }],
    });
    assert_eq!(request.json(), expected);
}

#[actix_web::test]
async fn a_call_of_a_function_and_the_text_before_it_are_told_in_chunks() {
    let mut answer = begun();
    answer.extend([
        stop(0),
        block(
            1,
            &json!({ "type": "tool_use", "id": "toolu_1", "name": "f", "input": {} }),
        ),
        delta(
            1,
            &json!({ "type": "input_json_delta", "partial_json": "" }),
        ),
        delta(
            1,
            &json!({ "type": "input_json_delta", "partial_json": "{\"a\"" }),
        ),
        delta(
            1,
            &json!({ "type": "input_json_delta", "partial_json": ":1}" }),
        ),
        stop(1),
        finish("tool_use"),
        END.to_owned(),
    ]);
    let chunks = chunks_of(events(answer).finish()).await;
    let deltas = || chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]);
    let texts: String = deltas()
        .filter_map(|delta| delta["content"].as_str())
        .collect();
    assert_eq!(texts, "Hel");
    let calls: Vec<_> = deltas()
        .filter_map(|delta| delta["tool_calls"].get(0))
        .collect();
    assert_eq!(calls[0]["id"], "toolu_1");
    assert_eq!(calls[0]["function"]["name"], "f");
    let arguments: String = calls
        .iter()
        .filter_map(|call| call["function"]["arguments"].as_str())
        .collect();
    assert_eq!(arguments, r#"{"a":1}"#);
    let reasons: Vec<_> = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["finish_reason"].as_str())
        .collect();
    assert_eq!(reasons, ["tool_calls"]);
}

#[actix_web::test]
async fn a_whole_message_is_a_whole_completion() {
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-scripted",
        "content": [{ "type": "text", "text": "Hello" }], "stop_reason": "max_tokens",
        "usage": { "input_tokens": 9, "cache_read_input_tokens": 3, "output_tokens": 5 },
    });
    let provider = ScriptedProvider::start([Script::json(200, message.to_string())]).await;
    let gateway = in_front_of(&provider).await;
    let mut reply = chat(gateway.address(), &completion_request()).await;
    assert_eq!(reply.status, 200);
    let completion = reply.json().await;
    assert_eq!(completion["choices"][0]["message"]["content"], "Hello");
    assert_eq!(completion["choices"][0]["finish_reason"], "length");
    assert_eq!(completion["usage"]["prompt_tokens"], 12);
    assert_eq!(provider.requests()[0].json()["stream"], false);
}

#[actix_web::test]
async fn an_error_before_the_head_keeps_its_status_and_its_message() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
    ] {
        let script = Script::json(status, error(kind, "because")).header("retry-after", "7");
        let provider = ScriptedProvider::start([script]).await;
        let gateway = in_front_of(&provider).await;
        let mut reply = chat(gateway.address(), &stream_request()).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("retry-after"), Some("7"));
        let text = reply.text().await;
        assert!(text.contains("because"), "{text}");
    }
}

#[actix_web::test]
async fn an_error_as_the_first_event_is_a_status_and_not_a_stream() {
    for before in [vec![], vec![start(), PING.to_owned()]] {
        let mut datas = before;
        datas.push(error("overloaded_error", "busy"));
        let provider = ScriptedProvider::start([events(datas).finish()]).await;
        let gateway = in_front_of(&provider).await;
        let mut reply = chat(gateway.address(), &stream_request()).await;
        // What status 529 is for the client, the status table says.
        assert_eq!(reply.status, 503);
        assert_eq!(reply.header("x-upstream-status"), Some("200"));
        let text = reply.text().await;
        assert!(text.contains("busy"), "{text}");
    }
}

#[actix_web::test]
async fn an_error_in_the_midst_and_a_cut_end_in_an_error_event_and_no_marker() {
    let mut broken = begun();
    broken.push(error("overloaded_error", "busy"));
    let mut finished = begun();
    finished.extend([stop(0), finish("end_turn")]);
    for script in [
        events(broken).finish(),
        events(begun()).finish(),
        events(begun()).close(),
        // A reason to end is no end: `message_stop` alone is.
        events(finished).finish(),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        let gateway = in_front_of(&provider).await;
        let events = chat(gateway.address(), &stream_request())
            .await
            .events()
            .await;
        let last: Value = serde_json::from_str(events.last().unwrap()).unwrap();
        assert!(last["error"]["message"].is_string(), "{events:?}");
        assert!(!events.iter().any(|event| event == "[DONE]"));
    }
}

#[actix_web::test]
async fn a_stream_of_pings_is_empty() {
    let script = events([start(), PING.to_owned(), PING.to_owned()]).finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = in_front_of(&provider).await;
    let mut reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.status, 502);
    assert_eq!(reply.json().await["error"]["code"], "upstream_empty");
}

#[actix_web::test]
async fn a_request_that_anthropic_could_only_misunderstand_never_reaches_it() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = in_front_of(&provider).await;
    let mut request = completion_request();
    request["messages"] = json!([{ "role": "assistant", "content": "Hello" }]);
    let mut reply = chat(gateway.address(), &request).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json().await["error"]["param"], "messages");
    assert_eq!(provider.requests(), []);
}

#[actix_web::test]
async fn what_an_answer_loses_is_counted_and_of_a_document_named() {
    let lines = LogLines::collect();
    let cited = delta(0, &json!({ "type": "citations_delta", "citation": {} }));
    let mut stream = begun();
    stream.extend([cited.clone(), cited, stop(0), finish("end_turn")]);
    stream.push(END.to_owned());
    let document = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-scripted",
        "content": [{ "type": "text", "text": "Hi", "citations": [{}] }],
        "stop_reason": "end_turn", "usage": { "input_tokens": 9, "output_tokens": 1 },
    });
    let document = Script::json(200, document.to_string());
    let provider = ScriptedProvider::start([events(stream).finish(), document]).await;
    let gateway = in_front_of(&provider).await;

    let mut reply = chat(gateway.address(), &stream_request()).await;
    assert_eq!(reply.header("x-herald-dropped"), None);
    let streamed = reply.header("x-herald-request-id").unwrap().to_owned();
    reply.events().await;
    assert_eq!(lines.of(&streamed).await["lost_parts"], "1");

    let mut reply = chat(gateway.address(), &completion_request()).await;
    assert_eq!(reply.header("x-herald-dropped"), Some("citations"));
    let whole = reply.header("x-herald-request-id").unwrap().to_owned();
    reply.json().await;
    assert_eq!(lines.of(&whole).await["lost_parts"], "1");
}
