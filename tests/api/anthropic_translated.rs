//! What Anthropic's SDKs speak, before a provider that speaks OpenAI's chat completions.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};
use serde_json::{Value, json};

use crate::support::{Client, Reply};

fn request(stream: bool) -> Value {
    json!({
        "model": "scripted-model", "stream": stream, "max_tokens": 9, "system": "Be brief.", "top_k": 3,
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "Hi" }] }],
        "tools": [{ "name": "look", "input_schema": { "type": "object" } }],
    })
}

async fn ask(gateway: &TestGateway, body: &Value) -> Reply {
    let mut client = Client::connect(gateway.address()).await;
    client.post_to("/v1/messages", body, &[]).await;
    client.reply().await
}

/// The data of each event, which must bear its type as its name.
async fn events(reply: &mut Reply) -> Vec<Value> {
    let named = reply.events().await;
    named
        .iter()
        .map(|event| {
            let (name, data) = event.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
            data
        })
        .collect()
}

#[actix_web::test]
async fn a_text_and_a_call_stream_as_blocks_of_a_message() {
    let call = |delta: Value| {
        json!({ "choices": [{ "index": 0, "delta": { "tool_calls": [delta] }, "finish_reason": null }] })
            .to_string()
    };
    let begun =
        json!({"index":0,"id":"c1","type":"function","function":{"name":"look","arguments":""}});
    let script = Script::sse()
        .event(scripted::role())
        .event(scripted::text("Hel"))
        .event(scripted::text("lo"))
        .event(call(begun))
        .event(call(json!({"index":0,"function":{"arguments":"{\"a\":"}})))
        .event(call(json!({"index":0,"function":{"arguments":"1}"}})))
        .event(scripted::finish("tool_calls"))
        .event(scripted::usage(3, 2))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut reply = ask(&gateway, &request(true)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-herald-dropped"), Some("top_k"));
    let told = events(&mut reply).await;
    assert_eq!(told[0]["message"]["id"], scripted::ID);
    let delta = |index: u64, delta: Value| json!({"type":"content_block_delta","index":index,"delta":delta});
    assert_eq!(
        told[1..],
        [
            json!({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}),
            delta(0, json!({"type":"text_delta","text":"Hel"})),
            delta(0, json!({"type":"text_delta","text":"lo"})),
            json!({"type":"content_block_stop","index":0}),
            json!({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"c1","name":"look","input":{}}}),
            delta(
                1,
                json!({"type":"input_json_delta","partial_json":"{\"a\":"})
            ),
            delta(1, json!({"type":"input_json_delta","partial_json":"1}"})),
            json!({"type":"content_block_stop","index":1}),
            json!({"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{
                "input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2,
            }}),
            json!({"type":"message_stop"}),
        ]
    );
    let sent = provider.next_request().await.json();
    assert_eq!(sent["messages"][0]["content"], "Be brief.");
    assert_eq!(sent["tools"][0]["function"]["name"], "look");
}

#[actix_web::test]
async fn a_document_becomes_a_message() {
    let provider =
        ScriptedProvider::start([Script::json(200, scripted::completion("Hello"))]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let message = ask(&gateway, &request(false)).await.json().await;
    assert_eq!(
        message["content"],
        json!([{ "type": "text", "text": "Hello" }])
    );
    assert_eq!(message["stop_reason"], "end_turn");
    assert_eq!(message["usage"]["input_tokens"], 3);
}

#[actix_web::test]
async fn a_translated_stream_that_breaks_ends_in_an_error_and_not_in_message_stop() {
    let begun = || {
        Script::sse()
            .event(scripted::role())
            .event(scripted::text("a"))
    };
    let provider = ScriptedProvider::start([
        begun().finish(),
        begun()
            .event(scripted::error("slow", "rate_limit_exceeded"))
            .finish(),
    ])
    .await;
    let gateway = TestGateway::in_front_of(&provider).await;
    for class in ["api_error", "rate_limit_error"] {
        let told = events(&mut ask(&gateway, &request(true)).await).await;
        let kinds: Vec<_> = told
            .iter()
            .map(|event| event["type"].as_str().unwrap())
            .collect();
        assert_eq!(
            kinds,
            [
                "message_start",
                "content_block_start",
                "content_block_delta",
                "error"
            ]
        );
        assert_eq!(told[3]["error"]["type"], class, "{}", told[3]);
    }
}

#[actix_web::test]
async fn a_member_that_only_an_answer_needs_is_asked_for_by_its_name() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut without = request(true);
    without.as_object_mut().unwrap().remove("max_tokens");
    let mut reply = ask(&gateway, &without).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json().await["error"]["param"], "max_tokens");
}
