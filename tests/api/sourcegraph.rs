//! The Sourcegraph dialect over real sockets: every stream is judged by `strict` and played to `cody`.

mod answers;
mod bytes;
mod catalogue;
mod checks;
mod cody;
mod failures;
mod llm;
mod order;
mod strict;

use herald::testkit::{ScriptedProvider, TestGateway};
use serde_json::{Value, json};

use crate::support::{Client, Reply};
use cody::{Cody, Verdict};
use strict::Lawful;

const STREAM: &str = "/.api/completions/stream";
const CODE: &str = "/.api/completions/code";

/// What Cody sends with each request.
const HEADERS: [(&str, &str); 5] = [
    ("authorization", "token sgp_client"),
    ("accept-encoding", "gzip;q=0"),
    ("x-requested-with", "vscode 1.60.0"),
    ("x-sourcegraph-interaction-id", "b7a7"),
    ("user-agent", "vscode/1.60.0 (Node.js v20)"),
];

/// A path with the version in its query, as Cody writes it.
fn at(path: &str, version: u8) -> String {
    let version = match version {
        0 => String::new(),
        _ => format!("api-version={version}&"),
    };
    format!("{path}?{version}client-name=vscode&client-version=1.60.0")
}

fn question() -> Value {
    json!({
        "model": "scripted-model", "maxTokensToSample": 100, "temperature": 0, "topK": -1, "topP": -1,
        "messages": [{ "speaker": "human", "text": "Hi" }],
    })
}

fn question_with(members: Value) -> Value {
    let mut body = question();
    let Value::Object(members) = members else {
        panic!("members")
    };
    body.as_object_mut().unwrap().extend(members);
    body
}

async fn ask(gateway: &TestGateway, path: &str, body: &Value) -> Reply {
    let mut client = Client::connect(gateway.address()).await;
    client.post_to(path, body, &HEADERS).await;
    client.reply().await
}

/// A stream that must keep the law, and what Cody makes of it.
async fn play(reply: &mut Reply, version: u8) -> (Lawful, Cody) {
    assert_eq!(reply.status, 200, "{:?}", reply.headers);
    let lawful = strict::read(reply).await;
    // However the network cuts them, the bytes mean the same.
    let whole = lawful.chunks.concat();
    let mut cody = Cody::new(version);
    for piece in whole.as_bytes().chunks(7) {
        cody.take(std::str::from_utf8(piece).expect("it is ASCII"));
    }
    (lawful, cody)
}

/// A gateway before a provider of each kind.
async fn before_anthropic(provider: &ScriptedProvider) -> TestGateway {
    TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"scripted\"\nkind = \"anthropic\"\nbase_url = \"{}\"\n\
         [[models]]\nid = \"scripted-model\"\ntargets = [{{ provider = \"scripted\", model = \"up\" }}]\n",
        provider.base_url()
    ))
    .await
}

fn is_complete(cody: Cody) -> bool {
    cody.close() == Verdict::Complete
}
