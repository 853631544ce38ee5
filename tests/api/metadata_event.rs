//! The event `metadata`, which a client asks for with `x-herald-metadata: event`.

use herald::testkit::{Gate, Script, ScriptedProvider, TestGateway, chat as scripted};
use serde_json::{Value, json};

use crate::support::{Client, End, LogLines, Reply, chat, completion_request, stream_request};

const ASKED: (&str, &str) = ("x-herald-metadata", "event");

async fn ask(gateway: &TestGateway, body: &Value, headers: &[(&str, &str)]) -> Reply {
    let mut client = Client::connect(gateway.address()).await;
    client.post_chat_with(body, headers).await;
    client.reply().await
}

/// The data of an item that is the event `metadata`, and nothing else.
fn metadata(item: &str) -> Value {
    let data = item.strip_prefix("event: metadata\ndata: ");
    let data = data.and_then(|data| data.strip_suffix("\n\n"));
    serde_json::from_str(data.unwrap_or_else(|| panic!("{item:?} is no event metadata"))).unwrap()
}

/// What the event must say under the head of `reply`, whose provider's headers have these names.
fn told_by(reply: &Reply, forwarded: &[&str]) -> Value {
    let number = |name| {
        reply
            .header(name)
            .map(|value| value.parse::<u64>().unwrap())
    };
    let mut upstream = json!({
        "provider": reply.header("x-upstream-provider"),
        "model": reply.header("x-upstream-model"),
        "status": number("x-upstream-status"),
    });
    if let Some(millis) = number("x-upstream-time-to-first-token") {
        upstream["time_to_first_token_ms"] = json!(millis);
    }
    let mut timings = json!({});
    for member in reply.header("server-timing").unwrap().split(", ") {
        let (name, length) = member.split_once(";dur=").unwrap();
        timings[name.replace('-', "_")] = json!(length.parse::<f64>().unwrap());
    }
    let mut headers = json!({});
    for name in forwarded {
        headers[*name] = json!(reply.header_values(name).join(", "));
    }
    json!({
        "status": reply.status,
        "upstream": upstream,
        "request_id": reply.header("x-herald-request-id"),
        "settings_generation": number("x-herald-settings-generation"),
        "timings_ms": timings,
        "headers": headers,
    })
}

#[actix_web::test]
async fn the_first_event_says_what_the_head_says_before_the_provider_sends_one() {
    let gate = Gate::new();
    let script = Script::sse()
        .header("x-request-id", "one")
        .header("x-request-id", "\"two\"")
        .header("x-request-id", b"t\xffhree")
        .header("openai-processing-ms", "12")
        .header("retry-after", "soon")
        .header("set-cookie", "a=b")
        .header("x-herald-request-id", "forged")
        .header("x-upstream-status", "599")
        .head()
        .wait(&gate)
        .event(scripted::text("a"))
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let allow = r#"["x-request-id", "retry-after", { name = "openai-processing-ms", as = "x-upstream-processing-ms" }]"#;
    let settings = format!("[clocks]\nhold = \"0ms\"\n[metadata]\nallow = {allow}");
    let gateway = TestGateway::tuned(&provider, &settings).await;

    let mut reply = ask(&gateway, &stream_request(), &[ASKED]).await;
    let said = metadata(&reply.chunk().await.unwrap());
    assert_eq!(
        said,
        told_by(&reply, &["x-request-id", "x-upstream-processing-ms"])
    );
    assert_eq!(said["headers"]["x-request-id"], "one, \"two\"");
    assert_eq!(said["status"], 200);
    assert_eq!(said["upstream"]["status"], 200);
    assert_eq!(said["upstream"].get("time_to_first_token_ms"), None);
    gate.open();
    let events = [
        scripted::text("a"),
        scripted::finish("stop"),
        "[DONE]".into(),
    ];
    assert_eq!(reply.events().await, events);
}

#[actix_web::test]
async fn a_head_that_was_held_tells_the_time_to_the_first_token_in_the_event_too() {
    let provider = ScriptedProvider::start([Script::chat(["a"])]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut reply = ask(&gateway, &stream_request(), &[ASKED]).await;
    let said = metadata(&reply.chunk().await.unwrap());
    assert_eq!(said, told_by(&reply, &[]));
    assert!(said["upstream"]["time_to_first_token_ms"].is_u64());
    assert!(said["timings_ms"]["first_event"].is_f64());
    let role = format!("data: {}\n\n", scripted::role());
    assert_eq!(reply.chunk().await.unwrap(), role, "what was held follows");
}

#[actix_web::test]
async fn the_head_and_what_follows_the_event_are_as_they_are_without_it() {
    let scripts = [Script::chat(["a", "b"]), Script::chat(["a", "b"])];
    let provider = ScriptedProvider::start(scripts).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut plain = chat(gateway.address(), &stream_request()).await;
    let mut asked = ask(&gateway, &stream_request(), &[ASKED]).await;

    let names = |reply: &Reply| {
        let names = reply.headers.iter().map(|(name, _)| name.clone());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    assert_eq!(names(&plain), names(&asked));
    metadata(&asked.chunk().await.unwrap());
    let (chunks, end) = asked.rest().await;
    assert_eq!(end, End::Whole);
    assert_eq!(plain.rest().await, (chunks, end));

    let (first, second) = (provider.next_request().await, provider.next_request().await);
    assert_eq!(first.body, second.body);
    assert_eq!(first.headers.len(), second.headers.len());
    assert_eq!(second.header("x-herald-metadata"), None);
}

#[actix_web::test]
async fn the_value_is_event_in_any_case_and_once_and_else_nothing_goes_upstream() {
    let provider = ScriptedProvider::start([Script::chat(["a"])]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let name = ASKED.0;
    let wrong: [&[(&str, &str)]; 7] = [
        &[(name, "")],
        &[(name, "events")],
        &[(name, "true")],
        &[(name, "\"event\"")],
        &[(name, "event, event")],
        &[ASKED, ASKED],
        &[ASKED, (name, "header")],
    ];
    for headers in wrong {
        for body in [stream_request(), completion_request()] {
            let mut reply = ask(&gateway, &body, headers).await;
            assert_eq!(reply.status, 400, "{headers:?}");
            let error = reply.json().await["error"].take();
            assert_eq!(error["code"], "invalid_header");
            assert_eq!(error["type"], "invalid_request_error");
            assert_eq!(
                error["message"],
                "the header `x-herald-metadata` must be `event`, once"
            );
        }
    }
    assert_eq!(provider.events(), []);
    let mut reply = ask(&gateway, &stream_request(), &[(name, " EVent\t")]).await;
    metadata(&reply.chunk().await.unwrap());
}

#[actix_web::test]
async fn documents_and_errors_are_no_streams_and_have_no_event() {
    let document = scripted::completion("a");
    let provider = ScriptedProvider::start([
        Script::json(200, &document),
        Script::json(429, scripted::error("slow", "requests")).header("x-request-id", "req-1"),
        Script::sse().event(r#"{"error":{"message":"m"}}"#).finish(),
        Script::sse().event(scripted::text("a")).close(),
    ])
    .await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut reply = ask(&gateway, &completion_request(), &[ASKED]).await;
    assert_eq!(reply.text().await, document);

    let mut reply = ask(&gateway, &stream_request(), &[ASKED]).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("x-request-id"), Some("req-1"));
    let body = reply.json().await;
    assert_eq!(body["upstream"]["status"], 429);
    assert_eq!(body["upstream"]["provider"], "scripted");

    let mut reply = ask(&gateway, &stream_request(), &[ASKED]).await;
    assert_eq!(reply.json().await["upstream"]["status"], 200);

    // A stream that breaks has begun: the event, then what came, then the error.
    let mut reply = ask(&gateway, &stream_request(), &[ASKED]).await;
    metadata(&reply.chunk().await.unwrap());
    let events = reply.events().await;
    assert_eq!(events[0], scripted::text("a"));
    assert!(events[1].contains("upstream_truncated"), "{events:?}");
    assert_eq!(events.len(), 2);
}

#[actix_web::test]
async fn no_filter_drops_the_event_and_it_counts_as_none_of_the_providers() {
    let lines = LogLines::collect();
    let script = Script::sse()
        .named_event("metadata", "{}")
        .event(scripted::text("a"))
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[stream]\nqueue_events = 1\n\
         [[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n\
         filter = {{ drop_events = [\"metadata\"] }}\n",
        provider.base_url()
    ))
    .await;
    let mut reply = ask(&gateway, &stream_request(), &[ASKED]).await;
    let id = reply.header("x-herald-request-id").unwrap().to_owned();
    let first = reply.chunk().await.unwrap();
    assert_eq!(metadata(&first)["request_id"], id.as_str());
    let (chunks, end) = reply.rest().await;
    assert_eq!(end, End::Whole);
    let expected = [
        scripted::text("a"),
        scripted::finish("stop"),
        "[DONE]".into(),
    ];
    assert_eq!(chunks, expected.map(|data| format!("data: {data}\n\n")));
    let line = lines.of(&id).await;
    assert_eq!(line["outcome"], "completed");
    assert_eq!(line["events"], "3");
    let bytes = first.len() + chunks.concat().len();
    assert_eq!(line["bytes"], bytes.to_string());
}

#[actix_web::test]
async fn an_event_of_that_name_that_the_provider_sends_passes_behind_heralds() {
    let script = Script::sse()
        .named_event("metadata", r#"{"status":500}"#)
        .event(scripted::text("a"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let mut reply = ask(&gateway, &stream_request(), &[ASKED]).await;
    assert_eq!(metadata(&reply.chunk().await.unwrap())["status"], 200);
    assert_eq!(
        metadata(&reply.chunk().await.unwrap()),
        json!({ "status": 500 })
    );
}

#[actix_web::test]
async fn the_providers_key_is_not_in_the_event_wherever_the_provider_repeats_it() {
    const KEY: &str = "provider-key-0123456789";
    let directory = std::env::temp_dir();
    let file = directory.join(format!("herald-metadata-event-{}", std::process::id()));
    std::fs::write(&file, KEY).unwrap();
    let script = Script::chat(["a"])
        .header("x-request-id", format!("for {KEY}"))
        .header("x-ratelimit-limit-requests", "9");
    let provider = ScriptedProvider::start([script]).await;
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"{}\"\napi_key = {{ file = {file:?} }}\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n",
        provider.base_url()
    ))
    .await;
    std::fs::remove_file(&file).unwrap();
    let mut reply = ask(&gateway, &stream_request(), &[ASKED]).await;
    let first = reply.chunk().await.unwrap();
    assert!(!first.contains(KEY), "{first}");
    assert_eq!(
        metadata(&first)["headers"],
        json!({ "x-ratelimit-limit-requests": "9" })
    );
}

#[actix_web::test]
async fn an_http_1_0_client_gets_the_event_first_too() {
    let provider = ScriptedProvider::start([Script::chat(["a"])]).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let body = stream_request().to_string();
    let mut client = Client::connect(gateway.address()).await;
    client
        .send(format!(
            "POST /v1/chat/completions HTTP/1.0\r\nhost: h\r\nx-herald-metadata: event\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    let mut reply = client.reply().await;
    let text = reply.until_close().await;
    let end = text.find("\n\n").unwrap() + 2;
    metadata(&text[..end]);
    let role = format!("data: {}\n\n", scripted::role());
    assert!(text[end..].starts_with(&role), "{text}");
    assert_eq!(text.matches("event: metadata").count(), 1);
}
