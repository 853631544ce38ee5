//! Every dialect over every provider, in every way that an answer can go.

use herald::testkit::{Script, ScriptedProvider, TestGateway};
use serde_json::{Value, json};

use crate::support::{Client, LogLines, Reply};

/// A dialect as its client sees it.
struct Spoken {
    path: &'static str,
    /// Whether these last events end an answer well.
    is_end: fn(&str) -> bool,
    /// Whether an error event or an error document has the dialect's own shape.
    is_error: fn(&Value) -> bool,
}

const DIALECTS: [Spoken; 3] = [
    Spoken {
        path: "/v1/chat/completions",
        is_end: |event| event == "[DONE]",
        is_error: |error| error["error"]["type"].is_string() && error["type"].is_null(),
    },
    Spoken {
        path: "/v1/responses",
        is_end: |event| {
            let kind = kind_of(event);
            kind == "response.completed" || kind == "response.incomplete"
        },
        // As a document it has no `type`: that is the event's.
        is_error: |error| {
            error["error"].get("code").is_some()
                && error["type"].as_str().is_none_or(|it| it == "error")
        },
    },
    Spoken {
        path: "/v1/messages",
        is_end: |event| kind_of(event) == "message_stop",
        is_error: |error| error["type"] == "error" && error["error"]["type"].is_string(),
    },
];

/// How an answer can go, and what every client must see of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// It ends well: the fixture of that name.
    Whole(&'static str),
    /// Refused with a 429 that says when to come back.
    ErrorBeforeTheHead,
    /// Its first event is an error that names a status.
    ErrorFirst,
    /// An error follows some content.
    ErrorMidway,
    /// Its bytes end after some content.
    Truncated,
    /// Its bytes end before any.
    Empty,
}

const CASES: [Case; 10] = [
    Case::Whole("text"),
    Case::Whole("tools"),
    Case::Whole("thinking"),
    Case::Whole("refusal"),
    Case::Whole("length"),
    Case::ErrorBeforeTheHead,
    Case::ErrorFirst,
    Case::ErrorMidway,
    Case::Truncated,
    Case::Empty,
];

fn kind_of(event: &str) -> String {
    let event: Value = serde_json::from_str(event).unwrap_or_default();
    event["type"].as_str().unwrap_or_default().to_owned()
}

/// The data of an event as it came, with or without a name before it.
fn data(event: &str) -> String {
    let lines = event.lines().map(|line| line.strip_prefix("data: "));
    lines.flatten().next().unwrap_or(event).to_owned()
}

/// The golden fixture of a stream.
fn fixture(provider: &str, name: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    std::fs::read_to_string(format!("{root}/tests/golden/events/{provider}/{name}.sse")).unwrap()
}

fn script(provider: &str, case: Case) -> Script {
    let stream = |name: &str| Script::sse().body(fixture(provider, name)).finish();
    let error = json!({
        "type": "error",
        "error": { "type": "rate_limit_error", "message": "slow down" },
    });
    match case {
        Case::Whole(name) => stream(name),
        Case::ErrorBeforeTheHead => {
            Script::json(429, error.to_string()).header("retry-after", "17")
        }
        Case::ErrorFirst => Script::sse()
            .named_event("error", error.to_string())
            .finish(),
        Case::ErrorMidway => stream("error_midway"),
        Case::Truncated => stream("truncated"),
        Case::Empty => stream("empty"),
    }
}

fn request() -> Value {
    json!({
        "model": "m",
        "stream": true,
        "max_tokens": 64,
        "messages": [{ "role": "user", "content": "Hi" }],
        "input": "Hi",
    })
}

/// What of a request is not the dialect's own would be told as lost.
fn request_of(dialect: &Spoken) -> Value {
    let mut request = request();
    let members = request.as_object_mut().unwrap();
    if dialect.path == "/v1/responses" {
        members.remove("messages");
        members.remove("max_tokens");
    } else {
        members.remove("input");
    }
    request
}

async fn ask(dialect: &Spoken, kind: &str, script: Script) -> (TestGateway, Reply) {
    let provider = ScriptedProvider::start([script]).await;
    let settings = format!(
        "[[providers]]\nid = \"p\"\nkind = \"{kind}\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"up\" }}]\n",
        provider.base_url(),
    );
    let gateway = TestGateway::with_settings(&settings).await;
    let mut client = Client::connect(gateway.address()).await;
    client
        .post_to(dialect.path, &request_of(dialect), &[])
        .await;
    let reply = client.reply().await;
    (gateway, reply)
}

#[actix_web::test]
async fn every_way_of_an_answer_is_told_truthfully_in_every_dialect_over_every_provider() {
    let lines = LogLines::collect();
    for dialect in &DIALECTS {
        for provider in ["openai", "anthropic"] {
            for case in CASES {
                let told = format!("{} over {provider}, {case:?}", dialect.path);
                let (_gateway, mut reply) = ask(dialect, provider, script(provider, case)).await;
                let id = reply.header("x-herald-request-id").unwrap().to_owned();
                assert_eq!(reply.header("x-herald-dropped"), None, "{told}");
                let (status, upstream_status, code) = match case {
                    Case::Whole(_) => (200, "200", None),
                    Case::ErrorBeforeTheHead => (429, "429", Some("upstream_rate_limited")),
                    Case::ErrorFirst => (429, "200", Some("upstream_error_event")),
                    Case::ErrorMidway => (200, "200", Some("upstream_error_event")),
                    Case::Truncated => (200, "200", Some("upstream_truncated")),
                    Case::Empty => (502, "200", Some("upstream_empty")),
                };
                assert_eq!(reply.status, status, "{told}");
                assert_eq!(
                    reply.header("x-upstream-status"),
                    Some(upstream_status),
                    "{told}"
                );
                if status == 200 {
                    let events: Vec<_> = reply.events().await.iter().map(|it| data(it)).collect();
                    let (last, before) = events.split_last().unwrap();
                    assert!(
                        !before.iter().any(|event| (dialect.is_end)(event)),
                        "{told}: {events:#?}"
                    );
                    assert_eq!(
                        (dialect.is_end)(last),
                        code.is_none(),
                        "{told}: {events:#?}"
                    );
                    if code.is_some() {
                        let error: Value = serde_json::from_str(last).unwrap();
                        assert!((dialect.is_error)(&error), "{told}: {last}");
                    }
                } else {
                    let retry_after = (status == 429 && upstream_status == "429").then_some("17");
                    assert_eq!(reply.header("retry-after"), retry_after, "{told}");
                    let error = reply.json().await;
                    assert!(error["error"]["message"].is_string(), "{told}: {error}");
                    assert_eq!(error["upstream"]["code"], json!(code), "{told}: {error}");
                    assert!((dialect.is_error)(&error), "{told}: {error}");
                }
                let line = lines.of(&id).await;
                let outcome = if code.is_none() {
                    "completed"
                } else {
                    "failed"
                };
                assert_eq!(
                    line.get("outcome").map(String::as_str),
                    Some(outcome),
                    "{told}"
                );
                assert_eq!(line.get("error_code").map(String::as_str), code, "{told}");
            }
        }
    }
}
