//! What OpenAI's clients ask beside chat completions, at providers that have it: bytes pass.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};
use serde_json::{Value, json};

use crate::support::{Client, Reply};

/// A gateway whose model `m` is the provider's `theirs`, with more settings of that provider.
async fn gateway(provider: &ScriptedProvider, more: &str) -> TestGateway {
    TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\n{more}\n\
         [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"theirs\" }}]\n",
        provider.base_url()
    ))
    .await
}

async fn post(gateway: &TestGateway, path: &str, body: &str) -> Reply {
    let mut client = Client::connect(gateway.address()).await;
    let length = body.len();
    client
        .send(format!(
            "POST {path} HTTP/1.1\r\nhost: herald\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await;
    client.reply().await
}

const RESPONSES: &str = "responses = true";

/// A request with oddities that must reach the provider as they are.
const RESPONSE_REQUEST: &str = r#"{ "input" : [ {"role":"user","content":"Hi"} ], "model":"m","stream":true, "store":true, "x":1.0e2 }"#;

const CREATED: &str = r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","status":"in_progress","output":[]}}"#;
const PIECE: &str =
    r#"{ "type":"response.output_text.delta","sequence_number":1, "delta":"Hé\u2028", "odd":[ ] }"#;
const COMPLETED: &str = r#"{"type":"response.completed","sequence_number":2,"response":{"id":"resp_1","status":"completed","output":[],"usage":{"input_tokens":3,"output_tokens":2}}}"#;

fn begun() -> Script {
    Script::sse()
        .header("x-request-id", "req-1")
        .named_event("response.created", CREATED)
        .named_event("response.output_text.delta", PIECE)
}

#[actix_web::test]
async fn a_response_passes_byte_for_byte_both_ways_but_for_the_model() {
    let script = begun()
        .named_event("response.completed", COMPLETED)
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = gateway(&provider, RESPONSES).await;

    let mut reply = post(&gateway, "/v1/responses", RESPONSE_REQUEST).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-upstream-status"), Some("200"));
    assert_eq!(reply.header("x-upstream-provider"), Some("p"));
    assert_eq!(reply.header("x-upstream-model"), Some("theirs"));
    assert_eq!(reply.header("x-request-id"), Some("req-1"));
    assert_eq!(reply.header("x-herald-dropped"), None);
    let (chunks, _) = reply.rest().await;
    assert_eq!(
        chunks.concat(),
        [
            ("response.created", CREATED),
            ("response.output_text.delta", PIECE),
            ("response.completed", COMPLETED),
        ]
        .map(|(name, data)| format!("event: {name}\ndata: {data}\n\n"))
        .concat()
    );
    let asked = provider.next_request().await;
    assert_eq!(asked.path, "/v1/responses");
    let expected = RESPONSE_REQUEST.replace(r#""m""#, r#""theirs""#);
    assert_eq!(asked.text(), expected);
}

#[actix_web::test]
async fn a_response_that_is_cut_short_ends_in_an_error_event_and_no_end() {
    let provider = ScriptedProvider::start([begun().close()]).await;
    let gateway = gateway(&provider, RESPONSES).await;
    let mut reply = post(&gateway, "/v1/responses", RESPONSE_REQUEST).await;
    let (chunks, _) = reply.rest().await;
    let text = chunks.concat();
    let last = text.rsplit("event: ").next().unwrap();
    let (name, data) = last.split_once("\ndata: ").unwrap();
    assert_eq!(name, "error");
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["type"], "error");
    assert_eq!(data["code"], "upstream_truncated");
    assert!(!text.contains("response.completed"));
}

#[actix_web::test]
async fn a_response_that_fails_before_it_says_anything_has_a_real_status() {
    let failed = r#"{"type":"response.failed","response":{"id":"resp_1","status":"failed","error":{"code":"rate_limit_exceeded","message":"slow down"}}}"#;
    let script = Script::sse()
        .named_event("response.created", CREATED)
        .named_event("response.failed", failed)
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let more = format!("{RESPONSES}\n[clocks]\nhold = \"5s\"");
    let gateway = gateway(&provider, &more).await;
    let mut reply = post(&gateway, "/v1/responses", RESPONSE_REQUEST).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("x-upstream-status"), Some("200"));
    let error = reply.json().await;
    assert_eq!(error["error"]["message"], "slow down");
    assert_eq!(error["error"]["code"], "rate_limit_exceeded");
}

#[actix_web::test]
async fn documents_of_every_endpoint_pass_byte_for_byte() {
    for (path, more, request, document) in [
        (
            "/v1/responses",
            RESPONSES,
            r#"{"model":"m", "input":"Hi"}"#,
            "{ \"id\":\"resp_1\",\"status\":\"completed\",\"output\":[ ],\"odd\":1.0e0 }\n",
        ),
        (
            "/v1/completions",
            "",
            r#"{"prompt":"Once" ,"model":"m"}"#,
            r#"{"object":"text_completion","choices":[{"index":0,"text":"a" ,"finish_reason":"stop"}]}"#,
        ),
        (
            "/v1/embeddings",
            "",
            r#"{"model" : "m","input":["a", "b"]}"#,
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10, 1e-3]}],"usage":{"prompt_tokens":2,"total_tokens":2}}"#,
        ),
    ] {
        let provider = ScriptedProvider::start([Script::json(200, document)]).await;
        let gateway = gateway(&provider, more).await;
        let mut reply = post(&gateway, path, request).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("x-upstream-model"), Some("theirs"));
        assert_eq!(reply.text().await, document);
        let asked = provider.next_request().await;
        assert_eq!(asked.path, path);
        assert_eq!(asked.text(), request.replace(r#""m""#, r#""theirs""#));
    }
}

#[actix_web::test]
async fn a_completion_streams_until_each_prompt_is_finished() {
    let piece = r#"{"choices":[{"index":0,"text":"a","finish_reason":null}]}"#;
    let first = r#"{"choices":[{"index":0,"text":"","finish_reason":"stop"}]}"#;
    let second = r#"{"choices":[{"index":1,"text":"b","finish_reason":"length"}]}"#;
    let script = |events: &[&str]| {
        let begun = Script::sse();
        events
            .iter()
            .fold(begun, |script, data| script.event(data))
            .finish()
    };
    let provider =
        ScriptedProvider::start([script(&[piece, first, second]), script(&[piece, first])]).await;
    let gateway = gateway(&provider, "").await;
    let request = r#"{"model":"m","stream":true,"prompt":["x","y"]}"#;
    let events = post(&gateway, "/v1/completions", request)
        .await
        .events()
        .await;
    assert_eq!(events, [piece, first, second]);
    let events = post(&gateway, "/v1/completions", request)
        .await
        .events()
        .await;
    assert_eq!(events.len(), 3);
    let last: Value = serde_json::from_str(&events[2]).unwrap();
    assert_eq!(last["error"]["code"], "upstream_truncated");
}

#[actix_web::test]
async fn a_providers_refusal_has_the_shape_of_openai_at_every_endpoint() {
    let refusal = r#"{"error":{"message":"no such thing","type":"invalid_request_error","param":"input","code":"bad"}}"#;
    for (path, request) in [
        ("/v1/responses", r#"{"model":"m","input":"Hi"}"#),
        ("/v1/completions", r#"{"model":"m","prompt":"Hi"}"#),
        ("/v1/embeddings", r#"{"model":"m","input":"Hi"}"#),
    ] {
        let provider = ScriptedProvider::start([Script::json(400, refusal)]).await;
        let gateway = gateway(&provider, RESPONSES).await;
        let mut reply = post(&gateway, path, request).await;
        assert_eq!(reply.status, 400, "{path}");
        assert_eq!(reply.header("x-upstream-status"), Some("400"));
        let body = reply.json().await;
        assert_eq!(body["error"]["message"], "no such thing");
        assert_eq!(body["error"]["param"], "input");
        assert_eq!(body["upstream"]["provider"], "p");
    }
}

#[actix_web::test]
async fn what_a_provider_has_not_and_nothing_translates_is_400_unsupported_endpoint() {
    const CLAUDE: &str =
        "id = \"claude\"\nkind = \"anthropic\"\nbase_url = \"http://127.0.0.1:9/v1\"";
    const REPLAY: &str = "id = \"replay\"\nkind = \"replay\"";
    for (provider, target) in [(CLAUDE, "claude"), (REPLAY, "replay")] {
        let gateway = TestGateway::with_settings(&format!(
            "[[providers]]\n{provider}\n\
             [[models]]\nid = \"m\"\ntargets = [{{ provider = \"{target}\", model = \"text\" }}]\n",
        ))
        .await;
        for (path, request) in [
            ("/v1/embeddings", json!({ "model": "m", "input": "Hi" })),
            ("/v1/completions", json!({ "model": "m", "prompt": "Hi" })),
        ] {
            let mut reply = post(&gateway, path, &request.to_string()).await;
            assert_eq!(reply.status, 400, "{target}: {path}");
            assert_eq!(reply.header("x-upstream-status"), None);
            let body = reply.json().await;
            assert_eq!(body["error"]["code"], "unsupported_endpoint");
            assert!(body["error"]["message"].as_str().unwrap().contains(path));
        }
    }
}

/// The events of a stream by their names, and the data of each.
async fn named(mut reply: Reply) -> Vec<(String, Value)> {
    let (chunks, _) = reply.rest().await;
    let text = chunks.concat();
    let frames = text.split("\n\n").filter(|frame| !frame.is_empty());
    let parsed = frames.map(|frame| {
        let (name, data) = frame.split_once("\ndata: ").unwrap();
        let name = name.strip_prefix("event: ").unwrap();
        (name.to_owned(), serde_json::from_str(data).unwrap())
    });
    parsed.collect()
}

const NO_RESPONSES: &str = "responses = false";

#[actix_web::test]
async fn over_a_provider_without_responses_a_response_is_made_of_a_chat_completion() {
    let script = Script::sse()
        .event(scripted::role())
        .event(scripted::text("Hel"))
        .event(scripted::text("lo"))
        .event(scripted::finish("stop"))
        .event(scripted::usage(3, 2))
        .done()
        .finish();
    let provider =
        ScriptedProvider::start([script, Script::json(200, scripted::completion("Hi"))]).await;
    let gateway = gateway(&provider, NO_RESPONSES).await;

    let mut request = json!({
        "model": "m", "stream": true, "instructions": "Be brief.", "input": "Hi",
        "tools": [{ "type": "web_search" }],
    });
    let reply = post(&gateway, "/v1/responses", &request.to_string()).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-herald-dropped"), Some("tools.web_search"));
    let events = named(reply).await;
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let response = &events[9].1["response"];
    assert_eq!(response["output"][0]["content"][0]["text"], "Hello");
    assert_eq!(response["usage"]["total_tokens"], 5);
    assert_eq!(response["store"], false);
    assert_eq!(response["instructions"], "Be brief.");
    let asked = provider.next_request().await;
    assert_eq!(asked.path, "/v1/chat/completions");
    let asked = asked.json();
    assert_eq!(asked["messages"][0]["content"], "Be brief.");
    assert_eq!(asked["messages"][1]["content"], "Hi");

    request["stream"] = json!(false);
    let mut reply = post(&gateway, "/v1/responses", &request.to_string()).await;
    let response = reply.json().await;
    assert_eq!(response["object"], "response");
    assert_eq!(response["status"], "completed");
    assert_eq!(response["output"][0]["content"][0]["text"], "Hi");
}

#[actix_web::test]
async fn what_needs_a_memory_is_refused_where_nothing_is_kept() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = gateway(&provider, NO_RESPONSES).await;
    for (field, value) in [
        ("previous_response_id", json!("resp_1")),
        ("store", json!(true)),
        ("background", json!(true)),
    ] {
        let mut request = json!({ "model": "m", "input": "Hi" });
        request[field] = value;
        let mut reply = post(&gateway, "/v1/responses", &request.to_string()).await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.json().await["error"]["param"], field);
    }
    assert!(provider.requests().is_empty());
}

#[actix_web::test]
async fn a_translated_response_that_breaks_off_or_grows_too_large_has_no_end() {
    let long = "x".repeat(2000);
    for (script, code) in [
        (
            Script::sse().event(scripted::text("a")).close(),
            "upstream_truncated",
        ),
        (
            Script::sse()
                .event(scripted::text("a"))
                .event(scripted::text(&long))
                .event(scripted::finish("stop"))
                .done()
                .finish(),
            "upstream_body_too_large",
        ),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        let more = format!("{NO_RESPONSES}\n[upstream]\nmax_body_bytes = \"1KiB\"");
        let gateway = gateway(&provider, &more).await;
        let request = r#"{"model":"m","stream":true,"input":"Hi"}"#;
        let events = named(post(&gateway, "/v1/responses", request).await).await;
        let (name, last) = events.last().unwrap();
        assert_eq!(name, "error", "{events:?}");
        assert_eq!(last["code"], code);
        let is_end = |name: &str| name == "response.completed" || name == "response.incomplete";
        assert!(!events.iter().any(|(name, _)| is_end(name)), "{events:?}");
    }
}

#[actix_web::test]
async fn over_anthropic_a_thought_comes_back_with_its_proof() {
    let answer = r#"{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{"type":"thinking","thinking":"hm","signature":"sig"},{"type":"tool_use","id":"t1","name":"look","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":2}}"#;
    let provider =
        ScriptedProvider::start([Script::json(200, answer), Script::json(200, answer)]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"claude\"\nkind = \"anthropic\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"m\"\ntargets = [{{ provider = \"claude\", model = \"c\" }}]\n",
        provider.base_url()
    ))
    .await;
    let tools = json!([{ "type": "function", "name": "look", "parameters": { "type": "object" } }]);
    let mut request = json!({ "model": "m", "max_output_tokens": 99, "input": [{ "role": "user", "content": "Hi" }], "tools": tools });
    let mut reply = post(&gateway, "/v1/responses", &request.to_string()).await;
    let response = reply.json().await;
    assert_eq!(response["id"], "resp_1", "{response}");
    let output = response["output"].as_array().unwrap().clone();
    let input = request["input"].as_array_mut().unwrap();
    input.extend(output);
    input.push(json!({ "type": "function_call_output", "call_id": "t1", "output": "a cat" }));
    provider.next_request().await;
    let reply = post(&gateway, "/v1/responses", &request.to_string()).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-herald-dropped"), None);
    let asked = provider.next_request().await.json();
    let said = &asked["messages"][1]["content"];
    assert_eq!(
        said[0],
        json!({ "type": "thinking", "thinking": "hm", "signature": "sig" })
    );
    assert_eq!(said[1]["id"], "t1");
    assert_eq!(asked["messages"][2]["content"][0]["tool_use_id"], "t1");
}

#[actix_web::test]
async fn what_anthropic_would_refuse_is_named_by_the_clients_own_word() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"claude\"\nkind = \"anthropic\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"m\"\ntargets = [{{ provider = \"claude\", model = \"c\" }}]\n",
        provider.base_url()
    ))
    .await;
    let said = json!([{ "role": "assistant", "content": "Hello" }]);
    for (path, word) in [
        ("/v1/responses", "input"),
        ("/v1/chat/completions", "messages"),
        ("/.api/llm/chat/completions", "messages"),
    ] {
        let mut request = json!({ "model": "m" });
        request[word] = said.clone();
        let mut reply = post(&gateway, path, &request.to_string()).await;
        assert_eq!(reply.status, 400, "{path}");
        let error = reply.json().await["error"].take();
        assert_eq!(error["param"], word, "{path}");
        let message = error["message"].as_str().unwrap();
        let begins = format!("`{word}` must be begun by the user");
        assert!(message.starts_with(&begins), "{path}: {message}");
    }
    assert_eq!(provider.requests(), []);
}
